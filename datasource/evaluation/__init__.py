"""The clock: runs the analyses, publishes a snapshot, keeps history."""

from datasource.evaluation.clock import Clock, Health
from datasource.evaluation.evaluator import Evaluator
from datasource.evaluation.jobs import Workers
from datasource.evaluation.metrics import (
    HELP,
    Sample,
    effect_labels,
    entity_labels,
    impact_labels,
    samples,
    variable_labels,
)
from datasource.evaluation.offline import evaluate_matrix
from datasource.evaluation.rows import incident_json, incident_state, snapshot_json, unit_of
from datasource.evaluation.snapshot import Snapshot

__all__ = [
    "HELP",
    "Clock",
    "Evaluator",
    "Health",
    "Sample",
    "Snapshot",
    "Workers",
    "effect_labels",
    "entity_labels",
    "evaluate_matrix",
    "impact_labels",
    "incident_json",
    "incident_state",
    "samples",
    "snapshot_json",
    "unit_of",
    "variable_labels",
]
