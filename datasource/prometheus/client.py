"""One Prometheus: prometheus-api-client's connection, our own session, queries and decoding.

Every way in which Prometheus can fail becomes one `PrometheusError` that says what to change.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import orjson
from prometheus_api_client import PrometheusConnect

from datasource.prometheus.answer import Answer, judge_warnings, warnings_of
from datasource.prometheus.decode import Ahead, Decoded, Series, decode_matrix
from datasource.prometheus.errors import PrometheusError
from datasource.prometheus.transport import Reply, Transport
from datasource.prometheus.way_out import with_way_out
from datasource.settings.prometheus import Prometheus

_SPLIT = 8
"""Into so many times the reading of what is too large is split: thousands of points are split four times at most."""


class PrometheusClient:
    """One Prometheus, or anything that speaks its HTTP API.

    `connection` is prometheus-api-client's view of it, over the same session: same credentials, TLS, proxy, headers.
    """

    block = "prometheus"
    """Where it stands in the settings."""
    _prefix = "/api/v1"
    _range = "query_range"

    def __init__(self, url: str | Prometheus, timeout: float = 30.0, retries: int = 2) -> None:
        given = url if isinstance(url, Prometheus) else Prometheus(url=url, timeout=timeout, retries=retries)
        self.settings = given
        self.url = given.url
        self.timeout = given.timeout
        self._transport = Transport(given, given.url, given.timeout, given.retries, self.block)
        self.connection = PrometheusConnect(url=self.url, session=self._transport.session, timeout=self.timeout)

    @classmethod
    def from_settings(cls, settings: Prometheus) -> "PrometheusClient":
        """The one that the `prometheus` block describes."""
        return cls(settings)

    def query_range(self, query: str, start: int, end: int, step: int) -> Iterator[list[Series]]:
        """The series of a query on the grid start, start + step, ... end (seconds), in windows that do not overlap.

        Raises PrometheusError.
        """
        for body in self.raw_range(query, start, end, step):
            decoded = decode_matrix(body, self.url)
            judge_warnings(decoded.warnings, self.settings.partial, self.url)
            yield list(decoded.series)

    def raw_range(self, query: str, start: int, end: int, step: int, ahead: Ahead | None = None) -> Iterator[bytes]:
        """The undecoded bodies of the answers (HTTP 200, a JSON object) to a range query on the same grid.

        One for each window of at most `max_points` points, fewer where an answer would be too large; the windows do not
        overlap. They are read `ahead` while they come, where this is Prometheus itself. Raises PrometheusError.
        """
        points = self.settings.max_points
        while start <= end:
            last = min(end, start + (points - 1) * step)
            span = {**self._span(start, last, step), "step": self._step(step)}
            try:
                reply = self._ask(self._range, {"query": query, **span}, ahead)
            except PrometheusError as error:
                points = ((last - start) // step + 1) // _SPLIT
                if error.kind != "limit" or points < 1:
                    raise
                continue
            if reply.status != 200:
                self._answer(reply, query)
            if not reply.body.lstrip().startswith(b"{"):
                raise self._transport.not_json(reply, "Prometheus' JSON")
            yield reply.body
            start = last + step

    def query(self, query: str, time: float | None = None) -> list[Series]:
        """The series of an instant query, one sample each. Raises PrometheusError."""
        params: dict[str, Any] = {"query": query} | ({"time": time} if time is not None else {})
        data = self.get("query", params).data
        if not isinstance(data, dict) or data.get("resultType") != "vector":
            raise PrometheusError("bad_query", f"'{query}' does not return a vector; write a query that returns one")
        try:
            return [_sample(one["metric"], *one["value"]) for one in data["result"] or ()]
        except (KeyError, TypeError, ValueError) as error:
            raise PrometheusError(
                "not_json",
                f"{self.url} answered JSON that is not Prometheus' vector ({error!r}); check prometheus.url",
            ) from None

    def get(self, endpoint: str, params: Mapping[str, Any]) -> Answer:
        """The `data` of one endpoint's answer. Raises PrometheusError."""
        return self._answer(self._ask(endpoint, params), params.get("query", ""))

    def _ask(self, endpoint: str, params: Mapping[str, Any], ahead: Ahead | None = None) -> Reply:
        return self._transport.get(f"{self._prefix}/{endpoint}", {**self.settings.params, **params}, ahead)

    @staticmethod
    def _time(seconds: int) -> int | str:
        """How a time stands in a request."""
        return seconds

    def _span(self, start: int, last: int, step: int) -> dict[str, int | str]:
        """From when to when is asked for points at `start` to `last`."""
        return {"start": self._time(start), "end": self._time(last)}

    @staticmethod
    def _step(seconds: int) -> int | str:
        """How a step stands in a request."""
        return seconds

    def _answer(self, reply: Reply, query: str) -> Answer:
        try:
            body = orjson.loads(reply.body)
        except orjson.JSONDecodeError:
            body = None
        if not isinstance(body, dict):
            if reply.status == 429:
                said = with_way_out(f"{self.url} answered HTTP 429, too many requests", self.block)
                raise PrometheusError("unavailable", said)
            if reply.status >= 500:
                raise self._transport.unavailable(reply)
            raise self._transport.not_json(reply, "Prometheus' JSON")
        if reply.status >= 500 and "error" not in body:
            raise self._transport.unavailable(reply)
        if reply.status >= 400 or body.get("status") != "success":
            said = f"{body.get('errorType', reply.status)}: {body.get('error', 'no reason given')}"
            said = with_way_out(self._transport.hide(said), self.block)
            if reply.status >= 500:
                raise PrometheusError("unavailable", f"{self.url} could not answer: {said}")
            raise PrometheusError(
                "bad_query", f"{self.url} refused {f'the query {query!r}' if query else 'the request'}: {said}"
            )
        return Answer(body.get("data"), warnings_of(body))


def decoded_range(client: PrometheusClient, query: str, start: int, end: int, step: int) -> Iterator[Decoded]:
    """The answers of a client to a range query, in windows that do not overlap. Raises PrometheusError."""
    if type(client) is not PrometheusClient:
        yield from (decode_matrix(body, client.url) for body in client.raw_range(query, start, end, step))
        return
    ahead = Ahead()
    for body in client.raw_range(query, start, end, step, ahead):
        yield decode_matrix(body, client.url, ahead)


def _sample(labels: dict[str, str], time: float, value: str) -> Series:
    return Series(labels, np.array([time], np.float64), np.array([float(value)], np.float64))
