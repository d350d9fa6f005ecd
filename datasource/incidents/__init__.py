"""What people are told: anomalies that are one story, what to do about it, and what they say of it."""

from datasource.incidents.model import MARKS, Incident, Mark

__all__ = ["MARKS", "Incident", "Mark"]
