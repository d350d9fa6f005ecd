"""Span metrics that the pack cannot name: dotted names and labels of Prometheus 3, and native histograms."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from datasource.cli.families.family import Family, Proposed, or_zero
from datasource.cli.families.http_server import Durations, Requests
from datasource.cli.labels import SERVICE
from datasource.cli.survey import Survey
from datasource.prometheus import PrometheusError
from datasource.settings.promql import write_label

_CALLS = re.compile(r"(?P<prefix>(?:.*[._])?)calls(?:_total)?")
_DURATION = re.compile(r"(?:duration|latency)(?P<unit>[._](?:milliseconds|seconds|ms|s))?(?P<classic>_count)?")
_TELLING = frozenset({"span.name", "span.kind", "status.code", "span_name", "span_kind", "status_code"})
_SERVED = '=~"SPAN_KIND_SERVER|SPAN_KIND_CONSUMER|"'
_FAILED = '="STATUS_CODE_ERROR"'


class _Spans(NamedTuple):
    """A counter of spans and their durations."""

    calls: str
    durations: Durations


def find_spans(survey: Survey) -> Family | None:
    """Requests, errors, busy seconds and mean latency of spans, where names have dots or durations are native."""
    found = next(_found(survey), None)
    if found is None:
        return None
    labels = survey.labels(found.calls)
    kind, status = (next((one for one in names if one in labels), "") for names in (_names("kind"), _STATUS))
    served = f"{write_label(kind)}{_SERVED}" if kind else ""
    requests = Requests(found.calls)
    failed = ", ".join(filter(None, (served, f"{write_label(status)}{_FAILED}")))
    signals = [Proposed("requests", found.calls, requests.rate(served), "reqps", "load", "rate")]
    if status:
        query = or_zero(requests.rate(failed), requests.rate(served))
        signals.append(Proposed("errors", found.calls, query, "reqps", "failure", "rate"))
    missing = () if status else (f"{found.calls} has no label with the status: errors are missing",)
    title = "OpenTelemetry span metrics" + (", native histograms" if found.durations.native else "")
    signals += found.durations.signals(served)
    return Family(title, "service", found.calls, ("service.name", *SERVICE), tuple(signals), missing)


_STATUS = ("status.code", "status_code")


def _names(what: str) -> tuple[str, str]:
    return f"span.{what}", f"span_{what}"


def _found(survey: Survey) -> Iterator[_Spans]:
    for calls in sorted(survey.names):
        of = _CALLS.fullmatch(calls)
        if of is None or not survey.alive(calls) or not _TELLING & survey.labels(calls):
            continue
        for name in sorted(survey.names):
            duration = _DURATION.fullmatch(name.removeprefix(of["prefix"])) if name.startswith(of["prefix"]) else None
            dotted = not (calls.isidentifier() and name.isidentifier()) or "span.kind" in survey.labels(calls)
            if duration and (dotted or not duration["classic"]) and survey.alive(name):
                base, native = name.removesuffix("_count"), not duration["classic"]
                yield _Spans(calls, Durations(base, _per_second(survey, base, duration["unit"]), native))


def _per_second(survey: Survey, base: str, unit: str | None) -> int:
    """How many of the unit make a second: as the name says, else what is known of the metric, else milliseconds."""
    said = (unit or "")[1:]
    if not said:
        try:
            told = survey.client.get("metadata", {"metric": base, "limit": 1}).data
            said = told[base][0].get("unit", "")
        except (PrometheusError, AttributeError, KeyError, IndexError, TypeError):
            said = ""
    return 1 if said in ("s", "seconds") else 1000
