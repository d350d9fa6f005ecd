"""Causal effects, anomaly scores and root causes for Grafana, computed from Prometheus."""
