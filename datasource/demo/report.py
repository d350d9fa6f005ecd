"""What the demo says on the terminal: the running service's answers beside the truth."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from textwrap import wrap
from typing import Any, NamedTuple

from datasource.demo.faults import Fault
from datasource.demo.services import PLACE, SERVICES
from datasource.demo.shop import Truth

SHOWN = "catalog"
"""The service whose restarts the report is about."""
_WIDTH = 95


class Row(NamedTuple):
    """One exported number of a snapshot."""

    name: str
    labels: Mapping[str, str]
    value: float


def rows(snapshot: Mapping[str, Any]) -> list[Row]:
    """The numbers of `GET /api/v1/snapshot`, those that are missing left out."""
    return [
        Row(metric["name"], metric.get("labels", {}), float(metric["value"]))
        for metric in snapshot.get("metrics", [])
        if metric.get("value") is not None
    ]


def complete(found: Iterable[Row]) -> bool:
    """Whether a snapshot holds everything that the report is about."""
    return {"causal_effect", "causal_association", "causal_root_cause_contribution"} <= {row.name for row in found}


def report(snapshot: Mapping[str, Any], truth: Truth, started: int | None) -> str:
    """The text; `started` is when the present fault began, in seconds since the epoch."""
    found = rows(snapshot)
    lines = [
        *_effect(found, f"Effect of one restart on the latency of shop/{SHOWN} (seconds)", truth.restarts_on_latency),
        *_latency_effect(found, truth.inventory_on_web),
        "",
        *_incident(found, truth.current, started),
        *_story(snapshot.get("incidents", [])),
        *(f"Notice: {_text(notice)}" for notice in snapshot.get("notices", [])),
    ]
    return "\n".join(lines)


def _text(notice: object) -> str:
    return str(notice.get("text", notice)) if isinstance(notice, Mapping) else str(notice)


def _effect(found: list[Row], title: str, truth: float) -> list[str]:
    about = {"service": SHOWN, "treatment": "restarts", "outcome": "latency"}
    return [title, *_comparison({row.name: row.value for row in found if about.items() <= row.labels.items()}, truth)]


def _latency_effect(found: list[Row], truth: float) -> list[str]:
    about = {"treatment": "latency", "outcome": "latency", "service": "web"}
    values = {row.name: row.value for row in found if about.items() <= row.labels.items()}
    if "causal_effect" not in values:
        return []
    title = "Effect of platform/inventory's latency on shop/web's (seconds per second)"
    return ["", title, *_comparison(values, truth)]


def _comparison(values: Mapping[str, float], truth: float) -> Iterator[str]:
    for words, metric, remark in (
        ("association", "causal_association", "what a dashboard shows"),
        ("causal effect", "causal_effect", "adjusted for what causes both"),
    ):
        if metric not in values:
            yield f"  {words:<14} not computed yet"
            continue
        low, high = values.get(f"{metric}_lower"), values.get(f"{metric}_upper")
        interval = "" if low is None or high is None else f"[{low:.4f}, {high:.4f}]"
        yield f"  {words:<14} {values[metric]:8.4f}  {interval:<18}  {remark}"
    yield f"  {'truth':<14} {truth:8.4f}  {'':<18}  known, since the shop is simulated"


def _incident(found: list[Row], fault: Fault | None, started: int | None) -> Iterator[str]:
    yield "Going on now"
    yield f"  injected       {_injected(fault, started)}"
    by_symptom: dict[str, list[Row]] = defaultdict(list)
    for row in found:
        if row.name == "causal_root_cause_contribution" and row.value > 0:
            by_symptom[row.labels.get("symptom", "?")].append(row)
    if not by_symptom:
        yield "  found          no root cause yet"
    for symptom, causes in sorted(by_symptom.items(), key=lambda item: _precedence(*item))[:3]:
        yield f"  found for {symptom}: root causes, and their part of its gap"
        for rank, row in enumerate(sorted(causes, key=lambda row: -row.value)[:3], 1):
            yield f"    {rank}. {_entity(row):<22} {row.labels.get('signal', ''):<10} {row.value:+.4g}"
    anomalous = [row for row in found if row.name == "causal_service_anomaly" and row.value > 0]
    for words, is_root_cause in (("root cause", "true"), ("victims", "false")):
        named = sorted({_entity(row) for row in anomalous if row.labels.get("is_root_cause") == is_root_cause})
        if named:
            yield f"  {words:<14} {', '.join(named)}"


def _story(incidents: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What is told of each incident that goes on, and the first thing that is suggested."""
    for incident in incidents:
        if incident["state"] == "open":
            texts = [("in words", incident["summary"]), *(("suggested", text) for text in incident["suggestions"][:1])]
            for words, text in texts:
                lines = wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
                yield from (f"  {words if line is lines[0] else '':<14} {line}" for line in lines)


def _precedence(symptom: str, causes: list[Row]) -> tuple[bool, float]:
    """What users feel comes first, then the larger gap."""
    return not symptom.startswith("shop/web"), -sum(row.value for row in causes)


def _injected(fault: Fault | None, started: int | None) -> str:
    if fault is None:
        return "nothing"
    since = "" if started is None else time.strftime(", since %H:%M", time.localtime(started))
    return f"{SERVICES[PLACE[fault.service]].namespace}/{fault.service}: {fault.description}{since}"


def _entity(row: Row) -> str:
    return "/".join(part for part in (row.labels.get("namespace"), row.labels.get("service")) if part)
