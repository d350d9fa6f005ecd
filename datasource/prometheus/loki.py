"""EffectsWorker Loki: its metric queries answer in Prometheus' matrix shape, at another path and with other times."""

from datetime import UTC, datetime

from datasource.prometheus.answer import Answer
from datasource.prometheus.client import PrometheusClient
from datasource.prometheus.errors import PrometheusError
from datasource.prometheus.transport import Reply
from datasource.prometheus.way_out import with_way_out


class LokiClient(PrometheusClient):
    """One Loki. Its tenant is a header, `http_headers: {X-Scope-OrgID: {values: [...]}}`."""

    block = "loki"
    _prefix = "/loki/api/v1"

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
