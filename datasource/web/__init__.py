"""The doors: parse a request, ask a panel, render frames."""
