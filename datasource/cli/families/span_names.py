"""Span metrics by their shape: a namespace of somebody's choice, `calls_total`, and a duration in s or ms."""

import re
from collections.abc import Iterator
from typing import Any

from datasource.cli.survey import Survey

_CALLS = "calls_total"
_TELLING = frozenset({"span_name", "span_kind", "status_code"})
_DURATION = re.compile(r"(?P<name>duration|latency)(?P<unit>_milliseconds|_seconds)?_count")
_MILLISECONDS = 100.0
"""Whoever has a bucket of so many, or more, measures in milliseconds."""


def find_span_names(survey: Survey) -> Iterator[dict[str, Any]]:
    """The parameters of OpenTelemetry's pack for every pair of calls and durations that there is."""
    for calls in sorted(survey.names):
        prefix = calls.removesuffix(_CALLS)
        if not calls.endswith(_CALLS) or not survey.alive(calls) or not _TELLING & survey.labels(calls):
            continue
        for name in sorted(survey.names):
            found = _DURATION.fullmatch(name.removeprefix(prefix)) if name.startswith(prefix) else None
            if found and survey.alive(name):
                duration = found["name"] + (found["unit"] or "")
                yield {"prefix": prefix, "duration": duration, "per_second": _per_second(survey, prefix, found)}


def _per_second(survey: Survey, prefix: str, duration: re.Match[str]) -> int:
    """How many of the unit make a second: as the name says, or the buckets; Tempo's bare latency is in seconds."""
    if duration["unit"]:
        return 1000 if duration["unit"] == "_milliseconds" else 1
    buckets = f"{prefix}{duration['name']}_bucket"
    found = survey.values(buckets, ["le"]) if survey.alive(buckets) else {}
    bounds = [float(bound) for (bound,) in found if _is_bound(bound)]
    if bounds:
        return 1000 if max(bounds) >= _MILLISECONDS else 1
    return 1 if prefix == "traces_spanmetrics_" else 1000


def _is_bound(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9.eE+-]+", text))
