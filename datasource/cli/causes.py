"""A first causal graph: what is commonly known about signals of these names, for those that are there."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from datasource.settings import Rule, parse_rule


class Known(NamedTuple):
    """Rules with the comment that says why they are believed."""

    why: str
    rules: tuple[str, ...]


_SERVICE = (
    Known(
        "load drives everything else: it confounds whatever the others do to each other",
        (
            "requests -> cpu",
            "requests -> memory",
            "requests -> throttled",
            "requests -> restarts",
            "requests -> errors",
            "requests -> latency",
            "requests -> busy",
        ),
    ),
    Known(
        "what makes a service slow or fail; a restart does so now and a step later",
        (
            "cpu -> throttled",
            "cpu -> latency",
            "throttled -> latency",
            "memory -> latency",
            "restarts -> latency (lag 0..1)",
            "restarts -> errors (lag 0..1)",
            "memory -> restarts (lag 1)",
        ),
    ),
    Known(
        "work (busy seconds per second) goes the same way as latency",
        (
            "cpu -> busy",
            "throttled -> busy",
            "memory -> busy",
            "restarts -> busy (lag 0..1)",
        ),
    ),
)

_CALLS = (
    Known(
        "load flows from callers to callees; a message in a queue may arrive a step later",
        (
            "requests -> requests along calls from client to server (lag 0..1)",
            "requests -> call_requests along calls from client to call",
        ),
    ),
    Known(
        "slowness, work and failures come back from callees to callers",
        (
            "latency -> latency along calls from server to client",
            "busy -> busy along calls from server to client",
            "errors -> errors along calls from server to client",
            "busy -> call_seconds along calls from server to call",
            "errors -> call_errors along calls from server to call",
        ),
    ),
)

_TARGET = (Known("more samples take longer to collect", ("samples -> scrape_seconds", "scrape_seconds -> down")),)

_EFFECTS = {
    "service": (("restarts", "latency"), ("cpu", "latency"), ("requests", "latency")),
    "target": (("samples", "scrape_seconds"),),
}


def known_causes(entity: str, signals: Collection[str], calls: bool) -> list[Known]:
    """The templates for these signals of an entity type, those along calls only where there are any."""
    table = {"target": _TARGET}.get(entity, _SERVICE)
    there = []
    for known in (*(_CALLS if calls else ()), *table):
        rules = tuple(rule for rule in known.rules if _both(rule) <= set(signals))
        if rules:
            there.append(Known(known.why, rules))
    return there


def without(causes: Sequence[Known], rules: Collection[Rule]) -> list[Known]:
    """The same causes less those that somebody else says already."""
    rest = (known._replace(rules=tuple(r for r in known.rules if parse_rule(r) not in rules)) for known in causes)
    return [known for known in rest if known.rules]


def known_effects(entity: str, signals: Collection[str]) -> list[tuple[str, str]]:
    """Treatments and outcomes worth asking about."""
    asked = _EFFECTS.get(entity, _EFFECTS["service"])
    return [(treatment, outcome) for treatment, outcome in asked if {treatment, outcome} <= set(signals)]


def _both(rule: str) -> set[str]:
    cause, _, rest = rule.partition(" -> ")
    return {cause, rest.split()[0]}
