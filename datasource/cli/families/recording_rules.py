"""Recording rules named by Prometheus' own convention, level:metric:operations."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from datasource.cli.families.family import Family, Kind, Proposed
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
    """What is recorded per service, when that is at least its load and something that can go wrong."""
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
    signals = tuple(proposed for _, proposed in (*best, *calls))
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


def _signals(survey: Survey, rules: Iterable[_Rule], entity: str = "") -> list[tuple[_Rule, Proposed]]:
    found: dict[str, tuple[_Rule, Proposed]] = {}
    for rule in rules:
        meaning = _meaning(rule)
        if not _is(rule, meaning) or not meaning or meaning in found or not survey.alive(rule.name):
            continue
        proposed = _proposed(rule, meaning)
        if entity:
            name = {"load": "call_requests", "work": "call_seconds", "failure": "call_errors"}.get(meaning)
            if not name:
                continue
            proposed = proposed._replace(name=name, entity=entity)
        found[meaning] = rule, proposed
    return [found[meaning] for meaning in _ORDER if meaning in found]


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
