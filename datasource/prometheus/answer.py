"""What came with an answer: is something missing in it, and is it too much?"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from datasource.prometheus.errors import PrometheusError

_OPINIONS = ("PromQL warning:", "PromQL info:")
"""Prometheus' opinions on a query; nothing is missing because of them."""

_PARTIAL = "the answer is partial: some storage nodes did not respond"


class Answer(NamedTuple):
    """The decoded `data` of an answer and the warnings that came with it."""

    data: Any
    warnings: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """The warnings that mean that data is missing."""
        return tuple(text for text in self.warnings if not text.startswith(_OPINIONS))


def warnings_of(body: Mapping[str, Any]) -> tuple[str, ...]:
    """The warnings in the decoded JSON of an answer: Prometheus' and Thanos' `warnings`, VictoriaMetrics' `isPartial`.

    >>> warnings_of({"isPartial": True, "data": {}})
    ('the answer is partial: some storage nodes did not respond',)
    """
    said = body.get("warnings")
    texts = [str(one) for one in said] if isinstance(said, list) else []
    if body.get("isPartial") is True:
        texts.append(_PARTIAL)
    return tuple(dict.fromkeys(texts))


def judge_warnings(warnings: tuple[str, ...], partial: Literal["notice", "fail"], server: str) -> str:
    """The notice that warnings deserve, empty without any. Raises PrometheusError ("partial") where settings say so."""
    missing = Answer(None, warnings).missing
    if missing and partial == "fail":
        raise PrometheusError(
            "partial", f"{server} answered in part: {'; '.join(missing)}; prometheus.partial: fail refuses that"
        )
    return "; ".join(warnings)


def check_series(count: int, allowed: int) -> None:
    """Refuse an answer of more series than `prometheus.max_series`. Raises PrometheusError ("limit")."""
    if count > allowed:
        raise PrometheusError(
            "limit", f"{count:,} series, prometheus.max_series allows {allowed:,}; aggregate the query or raise it"
        )
