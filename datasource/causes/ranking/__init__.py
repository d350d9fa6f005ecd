"""Who caused it, from two matrices alone: a normal time and an incident."""
