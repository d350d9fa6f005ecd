"""Numbers in: everything that is measured comes out of here as a matrix."""

from datasource.telemetry.absence import Known, absence_notices, count_absent_failures
from datasource.telemetry.arrivals import reach
from datasource.telemetry.decode import Series, decode_matrix
from datasource.telemetry.errors import PrometheusError
from datasource.telemetry.events import encode_events
from datasource.telemetry.growing import Block, GrowingMatrix
from datasource.telemetry.history import History
from datasource.telemetry.matrix import Floats, Matrix, empty_matrix
from datasource.telemetry.prometheus import PrometheusClient
from datasource.telemetry.reader import Reader, Reading, SignalReport
from datasource.telemetry.variable import Entity, Environment, Variable, environment_of

__all__ = [
    "Block",
    "Entity",
    "Environment",
    "Floats",
    "GrowingMatrix",
    "History",
    "Known",
    "Matrix",
    "PrometheusClient",
    "PrometheusError",
    "Reader",
    "Reading",
    "Series",
    "SignalReport",
    "Variable",
    "absence_notices",
    "count_absent_failures",
    "decode_matrix",
    "empty_matrix",
    "encode_events",
    "environment_of",
    "reach",
]
