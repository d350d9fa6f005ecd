"""What brings numbers: HTTP to Prometheus and Loki, decoding, and the history that is kept."""

from datasource.prometheus.arrivals import reach
from datasource.prometheus.client import PrometheusClient
from datasource.prometheus.decode import Series, decode_matrix
from datasource.prometheus.errors import PrometheusError
from datasource.prometheus.history import History
from datasource.prometheus.reader import Reader, Reading, SignalReport

__all__ = [
    "History",
    "PrometheusClient",
    "PrometheusError",
    "Reader",
    "Reading",
    "Series",
    "SignalReport",
    "decode_matrix",
    "reach",
]
