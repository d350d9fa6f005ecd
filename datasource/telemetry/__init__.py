"""Numbers in: everything that is measured comes out of here as a matrix."""

from datasource.telemetry.matrix import Floats, Matrix, empty_matrix
from datasource.telemetry.prometheus import PrometheusClient, PrometheusError, Series
from datasource.telemetry.reader import History, Reader, Reading, SignalReport
from datasource.telemetry.variable import Entity, Environment, Variable, environment_of

__all__ = [
    "Entity",
    "Environment",
    "Floats",
    "History",
    "Matrix",
    "PrometheusClient",
    "PrometheusError",
    "Reader",
    "Reading",
    "Series",
    "SignalReport",
    "Variable",
    "empty_matrix",
    "environment_of",
]
