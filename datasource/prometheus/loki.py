"""One Loki: its metric queries answer in Prometheus' matrix shape, at another path and with other times."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from datasource.prometheus.answer import Answer
from datasource.prometheus.client import PrometheusClient
from datasource.prometheus.decode import Ahead
from datasource.prometheus.errors import PrometheusError
from datasource.prometheus.transport import Reply
from datasource.prometheus.way_out import with_way_out

_PATTERNS = re.compile(r"patterns\s+by\s*\((?P<label>\w+)\)\s*\(\s*\{(?P<matchers>.*)\}\s*\)", re.S)
_MOST_VALUES, _MOST_PATTERNS, _MOST_LETTERS = 50, 20, 200
"""Each value of a label is a request; rare patterns are noise; and a pattern is a label value here."""


class LokiClient(PrometheusClient):
    """One Loki. Its tenant is a header, `http_headers: {X-Scope-OrgID: {values: [...]}}`."""

    block = "loki"
    _prefix = "/loki/api/v1"

    def raw_range(self, query: str, start: int, end: int, step: int, ahead: Ahead | None = None) -> Iterator[bytes]:
        """As of Prometheus; of `patterns by (label) ({...})` the lines of each pattern that Loki found, by value."""
        asked = _PATTERNS.fullmatch(query.strip())
        if asked is None:
            yield from super().raw_range(query, start, end, step)
        else:
            yield self._patterns(asked["label"], asked["matchers"], self._span(start, end, step), step)

    def _patterns(self, label: str, matchers: str, span: Mapping[str, int | str], step: int) -> bytes:
        values = self.get(f"label/{label}/values", span).data
        values = [one for one in values if isinstance(one, str)] if isinstance(values, list) else []
        result: list[dict[str, Any]] = []
        warnings = []
        if len(values) > _MOST_VALUES:
            warnings.append(f"{len(values)} values of {label}, patterns are asked for of the first {_MOST_VALUES}")
        for value in values[:_MOST_VALUES]:
            own = f"{label}={orjson.dumps(value).decode()}"
            query = "{" + ", ".join(filter(None, (own, matchers))) + "}"
            found = self.get("patterns", {"query": query, **span, "step": step}).data
            try:
                counted = sorted(found or (), key=lambda one: -sum(point[1] for point in one["samples"]))
                if len(counted) > _MOST_PATTERNS:
                    warnings.append(f"{value} has {len(counted)} patterns, those of most lines are read")
                result += [
                    {
                        "metric": {label: value, "pattern": one["pattern"][:_MOST_LETTERS]},
                        "values": [[point[0], str(point[1])] for point in one["samples"]],
                    }
                    for one in counted[:_MOST_PATTERNS]
                ]
            except (KeyError, TypeError, IndexError) as error:
                raise PrometheusError(
                    "not_json", f"{self.url} answered patterns of another shape ({error!r}); check loki.url"
                ) from None
        data = {"resultType": "matrix", "result": result}
        return orjson.dumps({"status": "success", "data": data, "infos": warnings})

    @staticmethod
    def _time(seconds: int) -> int | str:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _answer(self, reply: Reply, query: str) -> Answer:
        """Loki says what is wrong with a query in plain text."""
        if 400 <= reply.status < 500 and not reply.body.lstrip().startswith((b"{", b"<")):
            said = self._transport.hide(reply.body.decode(errors="replace").strip()[:500])
            raise PrometheusError(
                "bad_query", f"{self.url} refused the query {query!r}: {with_way_out(said, self.block)}"
            )
        return super()._answer(reply, query)
