"""Incidents whose root cause is known, and how rankings of them are judged."""
