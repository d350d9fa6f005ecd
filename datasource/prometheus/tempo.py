"""One Tempo: TraceQL metrics, which have an answer of their own shape."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from datasource.prometheus.decode import Ahead
from datasource.prometheus.errors import PrometheusError
from datasource.prometheus.loki import LokiClient
from datasource.prometheus.transport import Reply

_LONGEST = 3 * 3600
"""Seconds that Tempo computes metrics over at once (query_frontend.metrics.max_duration)."""
_NOBODY = frozenset({"nil", "<nil>"})
"""What Tempo calls an attribute that a span has not."""


class TempoClient(LokiClient):
    """One Tempo (2.4 or later, with the `local-blocks` processor). Its tenant is a header, as of Loki."""

    block = "tempo"
    _prefix = "/api/metrics"

    @staticmethod
    def _step(seconds: int) -> int | str:
        return f"{seconds}s"

    @staticmethod
    def _time(seconds: int) -> int | str:
        return seconds

    def _ask(self, endpoint: str, params: Mapping[str, Any], ahead: Ahead | None = None) -> Reply:
        others = {name: value for name, value in params.items() if name != "query"}
        return super()._ask(endpoint, {"q": params.get("query", ""), **others})

    def raw_range(self, query: str, start: int, end: int, step: int, ahead: Ahead | None = None) -> Iterator[bytes]:
        span = (_LONGEST // step - 1) * step
        for first in range(start, end + 1, span + step):
            for body in super().raw_range(query, first, min(end, first + span), step):
                yield self._as_matrix(body)

    def _as_matrix(self, body: bytes) -> bytes:
        """The same as Prometheus would say it."""
        try:
            series = orjson.loads(body).get("series") or []
            result = [
                {"metric": labels, "values": [_sample(sample) for sample in one.get("samples") or ()]}
                for one in series
                if any((labels := _labels(one)).values())
            ]
        except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise PrometheusError(
                "not_json",
                f"{self.url} answered JSON that are no TraceQL metrics ({error!r}); end the query with a function as "
                "'| rate() by (resource.service.name)', and check tempo.url",
            ) from None
        return orjson.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}})


def _labels(series: Mapping[str, Any]) -> dict[str, str]:
    """Attributes by their names; a value is a text, a number or a yes-no, each under a key of its own."""
    found = {}
    for one in series.get("labels") or ():
        value = str(next(iter((one.get("value") or {"": ""}).values())))
        found[one["key"]] = "" if value in _NOBODY else value
    return found


def _sample(sample: Mapping[str, Any]) -> tuple[float, str]:
    """Protobuf leaves a zero out, and writes long numbers as texts."""
    return int(sample["timestampMs"]) / 1000, repr(float(sample.get("value", 0.0)))
