"""The running service: the clock, its workers, the snapshot it publishes, and results as metrics and rows."""

from datasource.service.clock import Clock
from datasource.service.evaluator import Evaluator
from datasource.service.jobs import Workers
from datasource.service.metric_help import HELP
from datasource.service.metrics import COURSE, EFFECT_NAMES, OVER_TIME, effect_samples, samples
from datasource.service.rows import incident_json, incident_state, snapshot_json, unit_of
from datasource.service.sample import (
    Sample,
    effect_labels,
    entity_labels,
    impact_labels,
    logged_labels,
    variable_labels,
)
from datasource.service.served import Health, Served
from datasource.service.snapshot import Snapshot

__all__ = [
    "COURSE",
    "EFFECT_NAMES",
    "HELP",
    "OVER_TIME",
    "Clock",
    "Evaluator",
    "Health",
    "Sample",
    "Served",
    "Snapshot",
    "Workers",
    "effect_labels",
    "effect_samples",
    "entity_labels",
    "impact_labels",
    "incident_json",
    "incident_state",
    "logged_labels",
    "samples",
    "snapshot_json",
    "unit_of",
    "variable_labels",
]
