"""Span metrics by their shape: a counter of calls and a histogram of durations under one prefix, with spans' labels."""

import re
from collections.abc import Iterator
from typing import Any

from datasource.cli.survey import Survey
from datasource.prometheus import PrometheusError

_CALLS = "calls_total"
TELLING = frozenset({"span_name", "span_kind", "status_code", "span.name", "span.kind", "status.code"})
"""Labels that only spans have."""
_PER_SECOND = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("ms", "millis", "millisecond", "milliseconds"), 1_000),
    **dict.fromkeys(("us", "µs", "micros", "microsecond", "microseconds"), 1_000_000),
    **dict.fromkeys(("ns", "nanos", "nanosecond", "nanoseconds"), 1_000_000_000),
}
_OF_TIME = re.compile(r"(?:^|[_.])(?:duration|latency|elapsed|time)(?:$|[_.])")
_PARTS = re.compile(r"[_.](?:count|sum|bucket|total|created|max|min)$")
_BOUNDS = ((1e8, 1_000_000_000), (5e5, 1_000_000), (100.0, 1_000))
"""Whoever has a bucket of so many, or more, measures in what of which so many make a second."""


def find_span_names(survey: Survey) -> Iterator[dict[str, Any]]:
    """The parameters of OpenTelemetry's pack for every pair of calls and durations that there is."""
    for calls in sorted(survey.names):
        prefix = calls.removesuffix(_CALLS)
        if not calls.endswith(_CALLS) or not TELLING & survey.labels(calls):
            continue
        for base in durations_beside(survey, prefix, "_count"):
            usual = 1 if prefix == "traces_spanmetrics_" else 1_000  # Tempo's bare latency is in seconds
            per_second = per_second_of(survey, f"{prefix}{base}", usual)
            yield {"prefix": prefix, "duration": base, "per_second": per_second}


def durations_beside(survey: Survey, prefix: str, ending: str) -> list[str]:
    """The names, without prefix and ending, of what measures how long spans take, the plainest first; without an
    `ending` those of native histograms."""
    found = []
    for name in sorted(survey.names):
        base = name.removeprefix(prefix).removesuffix(ending)
        if not name.startswith(prefix) or not name.endswith(ending) or not base or (not ending and _PARTS.search(base)):
            continue
        if (_OF_TIME.search(base) or _unit(base)) and TELLING & survey.labels(name):
            found.append(base)
    return sorted(found, key=lambda base: (not base.startswith(("duration", "latency")), len(base), base))


def per_second_of(survey: Survey, metric: str, usual: int) -> int:
    """How many of a histogram's unit make a second: as the name says, else what its target says of it, else what its
    buckets allow; `usual` where nobody tells."""
    said = _unit(metric)
    if not said:
        try:
            told = survey.client.get("metadata", {"metric": metric, "limit": 1}).data
            said = str(told[metric][0].get("unit", ""))
        except (PrometheusError, AttributeError, KeyError, IndexError, TypeError):
            said = ""
    if said in _PER_SECOND:
        return _PER_SECOND[said]
    buckets = f"{metric}_bucket"
    found = survey.values(buckets, ["le"]) if survey.alive(buckets) else {}
    highest = max((float(bound) for (bound,) in found if re.fullmatch(r"[0-9.eE+-]+", bound)), default=0.0)
    if not highest:
        return usual
    return next((per_second for bound, per_second in _BOUNDS if highest >= bound), 1)


def _unit(name: str) -> str:
    """The unit at the end of a name; empty where there is none."""
    last = re.split(r"[_.]", name)[-1]
    return last if last in _PER_SECOND else ""
