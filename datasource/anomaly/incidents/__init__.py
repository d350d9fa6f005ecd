"""Anomalies that belong together."""
