"""Who caused an incident, from two matrices: no history, no fit, no server."""
