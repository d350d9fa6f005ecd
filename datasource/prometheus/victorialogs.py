"""One VictoriaLogs: LogsQL with a `stats` pipe, whose answers have Prometheus' shape."""

from collections.abc import Iterator

import orjson

from datasource.prometheus.decode import Ahead
from datasource.prometheus.errors import PrometheusError
from datasource.prometheus.loki import LokiClient


class VictoriaLogsClient(LokiClient):
    """One VictoriaLogs. Its tenant are two headers, `AccountID` and `ProjectID`.

    Its buckets are named by their beginning: what it says of t is what was logged from t to t + step, and is laid at
    t + step, as a time is the end of its interval everywhere else.
    """

    block = "victorialogs"
    _prefix = "/select/logsql"
    _range = "stats_query_range"

    @staticmethod
    def _step(seconds: int) -> int | str:
        return f"{seconds}s"

    def _span(self, start: int, last: int, step: int) -> dict[str, int | str]:
        """A time stands for its whole second."""
        return {"start": self._time(start - step), "end": self._time(last - 1)}

    def raw_range(self, query: str, start: int, end: int, step: int, ahead: Ahead | None = None) -> Iterator[bytes]:
        for body in super().raw_range(query, start, end, step):
            try:
                answer = orjson.loads(body)
                for series in answer["data"]["result"] or ():
                    series["values"] = [[time + step, value] for time, value in series["values"]]
            except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
                raise PrometheusError(
                    "not_json",
                    f"{self.url} answered JSON that is no statistics of log lines; end the query with a pipe as "
                    "'| stats by (service) count() lines', and check victorialogs.url",
                ) from None
            yield orjson.dumps(answer)
