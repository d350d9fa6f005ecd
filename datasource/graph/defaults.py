"""A first causal graph from nothing but the signals' roles: what is true of nearly every service."""

from collections.abc import Iterator, Mapping

from datasource.settings import Rule, Signal

_WITHIN: tuple[tuple[str, str, tuple[int, ...]], ...] = (
    ("load", "saturation", (0,)),
    ("load", "event", (0,)),
    ("load", "failure", (0,)),
    ("load", "latency", (0,)),
    ("load", "work", (0,)),
    ("saturation", "latency", (0,)),
    ("saturation", "work", (0,)),
    ("saturation", "failure", (0,)),
    ("event", "latency", (0, 1)),
    ("event", "work", (0, 1)),
    ("event", "failure", (0, 1)),
)
"""Load drives everything else; full resources and events make slow and fail, events also a step later."""

_UPWARDS = ("latency", "work", "failure")
"""What comes back from a callee to its caller."""


def default_templates(signals: Mapping[str, Signal], relation: str = "") -> tuple[Rule, ...]:
    """Templates for these signals by their roles; along `relation` (from client to server) too where it is given."""
    return (*_inside(signals), *(_along(signals, relation) if relation else ()))


def default_effects(signals: Mapping[str, Signal]) -> tuple[tuple[str, str], ...]:
    """Treatments and outcomes worth asking about: what events do to the first latency of the same entity."""
    latency = next((name for name, signal in signals.items() if signal.role == "latency"), None)
    events = [name for name, signal in signals.items() if signal.role == "event"]
    return tuple((event, latency) for event in events if latency and signals[event].entity == signals[latency].entity)


def _inside(signals: Mapping[str, Signal]) -> Iterator[Rule]:
    for cause_role, effect_role, lags in _WITHIN:
        for cause, one in signals.items():
            for effect, other in signals.items():
                if (_seen_as(one), _seen_as(other)) == (cause_role, effect_role) and one.entity == other.entity:
                    yield Rule(cause, effect, lags)


def _along(signals: Mapping[str, Signal], relation: str) -> Iterator[Rule]:
    for name, signal in signals.items():
        if signal.role == "load":
            yield Rule(name, name, (0, 1), relation, "client", "server")
        elif _seen_as(signal) in _UPWARDS:
            yield Rule(name, name, (0,), relation, "server", "client")


def _seen_as(signal: Signal) -> str | None:
    """Successes tell of failures."""
    return "failure" if signal.role == "success" else signal.role
