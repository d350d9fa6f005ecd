"""Interventions: the audit log, and what each of them changed."""

from datasource.interventions.entry import Entry, Intervention, Verification
from datasource.interventions.log import InterventionLog, Written
from datasource.interventions.statement import (
    InterventionError,
    KeyTakenError,
    Statement,
    UnknownInterventionError,
)

__all__ = [
    "Entry",
    "Intervention",
    "InterventionError",
    "InterventionLog",
    "KeyTakenError",
    "Statement",
    "UnknownInterventionError",
    "Verification",
    "Written",
]
