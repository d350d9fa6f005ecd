"""What every variable should be, given its causes, and how far from that is an anomaly."""
