"""Asking Prometheus: prometheus-api-client's connection, our own queries and decoding.

Every way in which Prometheus can fail becomes one `PrometheusError` that says what to change.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import orjson
import requests
from numpy.typing import NDArray
from prometheus_api_client import PrometheusConnect
from urllib3.util.retry import Retry

MAX_POINTS = 11_000
"""Prometheus refuses a range query for more points than this per series."""


class PrometheusError(Exception):
    """Prometheus did not answer the question. `kind` is one of unreachable, timeout, bad_query,
    unavailable, not_json; the text says what happened and what to change."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Series(NamedTuple):
    """One series of an answer: its labels, times in seconds, and values."""

    labels: dict[str, str]
    times: NDArray[np.float64]
    values: NDArray[np.float64]


class Answer(NamedTuple):
    """The decoded `data` of an answer and the warnings that came with it."""

    data: Any
    warnings: tuple[str, ...] = ()


class PrometheusClient:
    """One Prometheus, or anything that speaks its HTTP API."""

    def __init__(self, url: str, timeout: float = 30.0, retries: int = 2) -> None:
        self.url = url.rstrip("/")
        self.timeout = timeout
        retry = Retry(
            total=retries, read=False, backoff_factor=0.2, status_forcelist=(502, 503, 504), raise_on_status=False
        )
        # Identity, because decompressing costs more than a local network does.
        self._connection = PrometheusConnect(
            url=self.url, headers={"Accept-Encoding": "identity"}, retry=retry, timeout=timeout
        )

    def query_range(self, query: str, start: int, end: int, step: int) -> Iterator[list[Series]]:
        """The series of a query on the grid start, start + step, ... end (seconds), in windows that do not overlap.

        Raises PrometheusError.
        """
        window = (MAX_POINTS - 1) * step
        while start <= end:
            last = min(end, start + window)
            params = {"query": query, "start": start, "end": last, "step": step}
            data = self.get("query_range", params).data
            yield _series(data["result"] if isinstance(data, dict) and "result" in data else None, self.url)
            start = last + step

    def query(self, query: str, time: float | None = None) -> list[Series]:
        """The series of an instant query, one sample each. Raises PrometheusError."""
        params: dict[str, Any] = {"query": query} | ({"time": time} if time is not None else {})
        data = self.get("query", params).data
        if not isinstance(data, dict) or data.get("resultType") != "vector":
            raise PrometheusError("bad_query", f"'{query}' does not return a vector; write a query that returns one")
        return _series(({**one, "values": [one["value"]]} for one in data["result"]), self.url)

    def metric_names(self) -> list[str]:
        """Every metric name that Prometheus knows. Raises PrometheusError."""
        return list(self.get("label/__name__/values", {}).data or ())

    def series(self, match: str, start: float, end: float) -> list[dict[str, str]]:
        """The label sets of the series that match a selector. Raises PrometheusError."""
        return list(self.get("series", {"match[]": match, "start": start, "end": end}).data or ())

    def get(self, endpoint: str, params: Mapping[str, Any]) -> Answer:
        """The `data` of one endpoint's answer. Raises PrometheusError."""
        try:
            response = self._connection._session.get(
                f"{self.url}/api/v1/{endpoint}",
                params=dict(params),
                headers=self._connection.headers,
                timeout=self.timeout,
            )
        except requests.Timeout:
            raise PrometheusError(
                "timeout",
                f"{self.url} did not answer within {self.timeout:g} s; raise prometheus.timeout, shorten the baseline, "
                "or record the query as a rule",
            ) from None
        except requests.RequestException as error:
            raise PrometheusError(
                "unreachable",
                f"{self.url} cannot be reached ({_reason(error)}); check prometheus.url and that it runs",
            ) from None
        return _answer(response, self.url, params.get("query", ""))


def _answer(response: requests.Response, url: str, query: str) -> Answer:
    try:
        body = orjson.loads(response.content)
        if not isinstance(body, dict):
            raise ValueError
    except ValueError:
        if response.status_code >= 500:
            raise PrometheusError(
                "unavailable",
                f"{url} answered HTTP {response.status_code}; it, or a proxy before it, is in trouble",
            ) from None
        raise PrometheusError(
            "not_json",
            f"{url} answered HTTP {response.status_code} with "
            f"{response.headers.get('Content-Type', 'no content type')}, not with Prometheus' JSON; "
            "check that prometheus.url has the right port and path prefix",
        ) from None
    if response.status_code >= 500 and "error" not in body:
        raise PrometheusError("unavailable", f"{url} answered HTTP {response.status_code}")
    if response.status_code >= 400 or body.get("status") != "success":
        said = f"{body.get('errorType', response.status_code)}: {body.get('error', 'no reason given')}"
        if response.status_code >= 500:
            raise PrometheusError("unavailable", f"{url} could not answer: {said}")
        raise PrometheusError(
            "bad_query", f"{url} refused {f'the query {query!r}' if query else 'the request'}: {said}"
        )
    return Answer(body.get("data"), tuple(body.get("warnings") or ()))


def _series(result: Any, url: str) -> list[Series]:
    try:
        return [
            Series(
                one["metric"],
                np.fromiter((point[0] for point in one["values"]), np.float64, len(one["values"])),
                np.fromiter((float(point[1]) for point in one["values"]), np.float64, len(one["values"])),
            )
            for one in result
        ]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise PrometheusError(
            "not_json",
            f"{url} answered JSON that is not Prometheus' matrix ({error!r}); check prometheus.url",
        ) from None


def _reason(error: Exception) -> str:
    text = str(error)
    for sign, reason in (
        ("Connection refused", "connection refused"),
        ("Name or service not known", "unknown host name"),
        ("Temporary failure in name resolution", "the host name does not resolve"),
        ("Failed to resolve", "the host name does not resolve"),
        ("No route to host", "no route to host"),
        ("RemoteDisconnected", "it closed the connection without an answer"),
        ("ConnectionResetError", "it reset the connection"),
        ("CERTIFICATE_VERIFY_FAILED", "its certificate cannot be verified"),
        ("too many 50", "it keeps answering 5xx"),
    ):
        if sign in text:
            return reason
    return type(error).__name__
