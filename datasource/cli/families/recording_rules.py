"""Recording rules named by Prometheus' own convention, level:metric:operations."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from datasource.cli.families.family import Family, Kind, Proposed
from datasource.cli.families.http_server import find_http_server
from datasource.cli.labels import SERVICE
from datasource.cli.survey import Survey
from datasource.settings import parse_duration

_OPERATION = re.compile(r"(?P<how>[a-z][a-z0-9_]*?)_?(?P<window>\d+[smh])")
_QUANTILE = re.compile(r"(?:p|quantile|q)_?\d+")
_CALL_LEVELS = ("call", "edge", "client_server")


class _Rule(NamedTuple):
    """A recording rule's name taken apart; `window` in seconds."""

    name: str
    level: str
    words: frozenset[str]
    how: str
    window: float


def find_recording_rules(survey: Survey) -> Family | None:
    """What is recorded per service, when that is at least its load and something that can go wrong; what it lacks
    comes from the raw counters."""
    rules = [rule for rule in map(_parse, sorted(survey.names, key=lambda n: (len(n), n))) if rule]
    best: list[tuple[_Rule, Proposed]] = []
    for level in dict.fromkeys(rule.level for rule in rules if _is_service(rule.level)):
        for window in sorted({rule.window for rule in rules}):
            found = _signals(survey, (r for r in rules if (r.level, r.window) == (level, window)))
            roles = {proposed.role for _, proposed in found}
            if "load" in roles and roles & {"latency", "work", "failure"} and len(found) > len(best):
                best = found
    if not best:
        return None
    load = next(proposed for _, proposed in best if proposed.role == "load")
    window = best[0][0].window
    calls = _signals(survey, (r for r in rules if r.level in _CALL_LEVELS and r.window == window), "call")
    raw = find_http_server(survey)
    signals = (*(proposed for _, proposed in (*best, *calls)), *(raw.signals if raw else ()))
    return Family("recording rules", "service", load.metric, (*SERVICE, "instance"), signals)


def recorded_calls(survey: Survey) -> str:
    """The rule that records something per client and server; empty where none does."""
    for name in sorted(survey.names, key=lambda n: (len(n), n)):
        rule = _parse(name)
        if rule and rule.level in _CALL_LEVELS and _is(rule, "load") and survey.alive(name):
            return name if {"client", "server"} <= survey.labels(name) else ""
    return ""


def _parse(name: str) -> _Rule | None:
    parts = name.split(":")
    operation = _OPERATION.fullmatch(parts[-1]) if len(parts) == 3 else None
    if not operation:
        return None
    words = frozenset(re.split("_", parts[1]))
    return _Rule(name, parts[0], words, operation["how"], parse_duration(operation["window"]))


def _is_service(level: str) -> bool:
    return any(re.search(rf"(?:^|_){label}(?:$|_)", level) for label in SERVICE)


_ROLES: dict[str, set[str]] = {
    "failure": {"errors", "error", "failures", "failed", "5xx"},
    "restarts": {"restarts", "restart"},
    "cpu": {"cpu"},
    "memory": {"memory", "rss"},
    "latency": {"latency", "duration"},
    "work": {"busy", "work", "seconds", "duration"},
    "load": {"requests", "request", "calls", "queries", "messages", "rps"},
}
"""Which words in a rule's name decide what it means, the most telling first."""

_ORDER = ("load", "failure", "work", "latency", "cpu", "memory", "restarts")
"""As they are written down."""


def _meaning(rule: _Rule) -> str:
    """The first row of _ROLES that a rule's words fall under; a rate of durations is work, not a latency."""
    if "bucket" in rule.words:
        return ""
    if "count" in rule.words and rule.words & _ROLES["latency"]:
        return "load"
    found = next((role for role, words in _ROLES.items() if words & rule.words), "")
    if found == "latency" and rule.how in ("rate", "sum", "sum_rate", "sum_irate"):
        return "work"
    return found


def _is(rule: _Rule, meaning: str) -> bool:
    return _meaning(rule) == meaning and "resource" not in rule.words and "ratio" not in rule.words | {rule.how}


_OF_CALLS = {"load": "call_requests", "work": "call_seconds", "failure": "call_errors"}


def _signals(survey: Survey, rules: Iterable[_Rule], entity: str = "") -> list[tuple[_Rule, Proposed]]:
    """Of each meaning the first rule that records something of those whose load is recorded.

    A team's rules stand beside those of Kubernetes, Prometheus and others: of several loads it is the one that most
    others go with, and that most entities have.
    """
    candidates: dict[str, list[_Rule]] = {}
    for rule in rules:
        meaning = _meaning(rule)
        if meaning and _is(rule, meaning) and survey.alive(rule.name) and (not entity or meaning in _OF_CALLS):
            candidates.setdefault(meaning, []).append(rule)
    ways = [_beside(survey, load, candidates) for load in candidates.get("load", ())]
    found = max(ways, key=lambda way: (len(way), len(_recorded(survey, way["load"]))), default={})
    proposed = {meaning: _proposed(rule, meaning) for meaning, rule in found.items()}
    if entity:
        proposed = {meaning: one._replace(name=_OF_CALLS[meaning], entity=entity) for meaning, one in proposed.items()}
    return [(found[meaning], proposed[meaning]) for meaning in _ORDER if meaning in found]


def _beside(survey: Survey, load: _Rule, candidates: Mapping[str, Sequence[_Rule]]) -> dict[str, _Rule]:
    """A load, and the first rule of each other meaning that has at least half of its entities."""
    loaded = _recorded(survey, load)
    found = {"load": load}
    for meaning, rules in candidates.items():
        of_them = (rule for rule in rules if 2 * len(_recorded(survey, rule) & loaded) >= len(loaded))
        if meaning != "load" and (rule := next(of_them, None)):
            found[meaning] = rule
    return found


def _recorded(survey: Survey, rule: _Rule) -> frozenset[tuple[str, ...]]:
    """Of whom something is recorded, by the labels that a service or a call is named by."""
    there = survey.labels(rule.name)
    ends = ("client", "server") if {"client", "server"} <= there else ()
    labels = ends or tuple(label for label in (*SERVICE, "instance") if label in there)[:1]
    return frozenset(survey.values(rule.name, labels)) if labels else frozenset()


def _proposed(rule: _Rule, meaning: str) -> Proposed:
    name, how, window = rule.name, rule.how, rule.window
    ratio = rule.words & {"utilization", "utilisation", "usage"} and not rule.words & {"cores", "seconds", "bytes"}
    if meaning == "load":
        return Proposed("requests", name, name, "reqps", "load", "rate", window)
    if meaning == "failure":
        return Proposed("errors", name, name, "reqps", "failure", "rate", window)
    if meaning == "work":
        return Proposed("busy", name, name, "s", "work", "rate", window)
    if meaning == "latency":
        unit = "ms" if rule.words & {"ms", "milliseconds"} else "s"
        return Proposed("latency", name, name, unit, "latency", _kind(how), window)
    if meaning == "restarts":
        return Proposed("restarts", name, name, "short", "event", "event", window)
    unit = "percentunit" if ratio else "cores" if meaning == "cpu" else "bytes"
    return Proposed(meaning, name, name, unit, "saturation", "gauge", window)


def _kind(how: str) -> Kind:
    return "quantile" if _QUANTILE.fullmatch(how) else "gauge"
