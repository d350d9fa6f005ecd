"""Span metrics that the pack cannot name: dotted names and labels of Prometheus 3, native histograms, no suffixes."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from datasource.cli.families.family import Family, Proposed, or_zero
from datasource.cli.families.http_server import Durations, Requests
from datasource.cli.families.span_names import TELLING, durations_beside, per_second_of
from datasource.cli.labels import SERVICE
from datasource.cli.survey import Survey
from datasource.settings.promql import write_label

_CALLS = re.compile(r"(?P<prefix>(?:.*[._])?)calls(?P<total>_total)?")
_SERVED = '=~"SPAN_KIND_SERVER|SPAN_KIND_CONSUMER|"'
_FAILED = '="STATUS_CODE_ERROR"'


class _Spans(NamedTuple):
    """A counter of spans and their durations."""

    calls: str
    durations: Durations


def find_spans(survey: Survey) -> Family | None:
    """Requests, errors, busy seconds and mean latency of spans, where the pack's names are not theirs."""
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
        if of is None or not TELLING & survey.labels(calls):
            continue
        for native in (False, True):
            for base in durations_beside(survey, of["prefix"], "" if native else "_count"):
                name = f"{of['prefix']}{base}"
                of_the_pack = (
                    of["total"] and f"{calls}{name}".isidentifier() and "span.kind" not in survey.labels(calls)
                )
                if native or not of_the_pack:
                    yield _Spans(calls, Durations(name, per_second_of(survey, name, 1_000), native))
