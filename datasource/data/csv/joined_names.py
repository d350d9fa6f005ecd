"""Columns named `cart_cpu` and `cart_latency-90`: which part is the entity, which is the signal?"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from datasource.data.guess import guess_signal

_MARK = re.compile(r"[_:/|\s-]+")
_UNIT = re.compile(r"\s*[(\[][^()\[\]]*[)\]]$")
_FEWEST = 2
_MOST_LEFT = 0.4


def split_names(names: Sequence[str]) -> dict[str, str] | None:
    """`entity.signal` for every name in which a mark parts the two; None where the names do not look so.

    The parts are believed when the same signals come back with several entities, at least two of which do not sound
    like a signal themselves: `pod_restarts` and `request_errors` are two signals of one entity. A name may be parted in
    several places; the one counts whose signal and entity come back most often, and of these the last.

    >>> split_names(["ts-auth_cpu", "ts-auth_latency-90", "web_cpu", "web_latency-90"])["ts-auth_latency-90"]
    'ts-auth.latency-90'
    >>> split_names(["cpu_usage", "cpu_throttled", "request_errors", "request_latency"]) is None
    True
    """
    parted = {name: list(_parts(name)) for name in dict.fromkeys(names)}
    signals = Counter(signal for parts in parted.values() for _, signal in parts)
    entities = Counter(entity for parts in parted.values() for entity, _ in parts)

    def often(part: tuple[str, str]) -> tuple[int, bool, int, int]:
        counts = entities[part[0]], signals[part[1]]
        return min(counts), guess_signal(part[0]).role is None, counts[0] * counts[1], -len(part[1])

    found: dict[str, tuple[str, str]] = {}
    for name, parts in parted.items():
        able = [(entity, signal) for entity, signal in parts if signals[signal] >= _FEWEST]
        if able:
            found[name] = max(able, key=often)
    own = {entity for entity, _ in found.values() if guess_signal(entity).role is None}
    shared = Counter(signal for entity, signal in set(found.values()) if entity in own)
    if len(own) < _FEWEST or len(found) < (1 - _MOST_LEFT) * len(parted):
        return None
    if len(shared) < _FEWEST and max(shared.values(), default=0) <= _FEWEST:
        return None
    return {name: f"{entity}.{signal}" for name, (entity, signal) in found.items()}


def same_signal(names: Sequence[str]) -> dict[str, str] | None:
    """The entity in each name where all of them end with the same signal, as in a legend; None where they do not.

    >>> same_signal(["cart latency", "web latency"])
    {'cart latency': 'cart', 'web latency': 'web'}
    """
    for entity, signal in _parts(names[0]) if len(names) > 1 else ():
        ending = names[0][len(entity) :]
        if all(name.endswith(ending) and len(name) > len(ending) for name in names):
            return {name: name.removesuffix(ending) for name in names} if signal else None
    return None


def _parts(name: str) -> Iterator[tuple[str, str]]:
    """Every way to part a name into an entity and something that sounds like a signal, with its unit."""
    bare = _UNIT.sub("", name)
    for mark in _MARK.finditer(bare):
        entity, signal = name[: mark.start()], name[mark.end() :]
        guess = guess_signal(bare[mark.end() :])
        if entity and re.match(r"[^\W\d]", signal) and guess.role is not None:
            yield entity, signal
