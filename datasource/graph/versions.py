"""Versions of the causal graph: what changed, when, who changed it, and why."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from datasource.graph.evidence import Standing, standing, told
from datasource.graph.model import CausalGraph, Edge
from datasource.settings.model import Graph

SETTINGS, TOPOLOGY, DATA = "settings", "topology", "data"
"""Who changes a graph, where nobody has a name: its file; who calls whom and who is measured; what data say."""

_NAMED = 3
"""So many of each kind are named in a reason."""


class Changed(NamedTuple):
    """An edge that stays, and of which something else is said."""

    edge: str
    was: Standing
    now: Standing


class Version(NamedTuple):
    """One version of the graph: how it differs from the one before. `at` is in seconds since 1970, `rules` are those of
    the settings, `edges` is how many there are, `author` a person, an intervention, or one of the words above."""

    number: int
    at: int
    author: str
    reason: str
    rules: tuple[str, ...]
    edges: int
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[Changed, ...] = ()

    def shortened(self, most: int) -> "Version":
        """The same with at most so many of each list; the counts of it are in `reason`."""
        return self._replace(added=self.added[:most], removed=self.removed[:most], changed=self.changed[:most])


class Seen(NamedTuple):
    """What an edge is, since when (seconds since 1970), and since when it is there at all."""

    standing: Standing
    standing_since: int
    since: int


class Recorded(NamedTuple):
    """The newest version, as the next one is compared with it; `seen` is by the edge as a text."""

    number: int
    rules: tuple[str, ...]
    seen: dict[str, Seen]


class Accepted(NamedTuple):
    """Rules that somebody took into the settings, and why."""

    rules: tuple[str, ...] = ()
    by: str = ""
    reason: str = ""


class History(NamedTuple):
    """The newest versions, the last one first, and what is known of each edge by its text."""

    versions: tuple[Version, ...] = ()
    seen: Mapping[str, Seen] = {}


NO_HISTORY = History()


def rules_of(graph: Graph) -> tuple[str, ...]:
    """The rules of the settings, each as a line."""
    return (
        *(str(rule) for rule in (*graph.templates, *graph.edges)),
        *(f"forbid: {rule}" for rule in graph.forbid),
        *(f"unmeasured: {name}" for name in graph.unmeasured),
    )


def follow(
    before: Recorded | None, graph: CausalGraph, rules: Sequence[str], at: int, accepted: Accepted | None = None
) -> tuple[Version, Recorded] | None:
    """The version that comes after `before`, and what the one after it is compared with; None where nothing changed."""
    edges = {str(edge): edge for edge in graph.edges}
    seen = dict(before.seen) if before else {}
    added = tuple(sorted(edges.keys() - seen.keys()))
    removed = tuple(sorted(seen.keys() - edges.keys()))
    now = {name: standing(edge) for name, edge in edges.items()}
    changed = tuple(
        Changed(name, seen[name].standing, now[name])
        for name in sorted(edges.keys() & seen.keys())
        if seen[name].standing != now[name]
    )
    rules = tuple(rules)
    if before and not (added or removed or changed or before.rules != rules):
        return None
    number = before.number + 1 if before else 1
    author, reason = _why(
        before, rules, accepted or Accepted(), [edges[name] for name in added], removed, changed, edges
    )
    version = Version(number, at, author, reason, rules, len(edges), added, removed, changed)
    kept = {name: _seen(seen.get(name), now[name], at) for name in edges}
    return version, Recorded(number, rules, kept)


def _seen(before: Seen | None, now: Standing, at: int) -> Seen:
    if before is None:
        return Seen(now, at, at)
    return before if before.standing == now else Seen(now, at, before.since)


def _why(
    before: Recorded | None,
    rules: tuple[str, ...],
    accepted: Accepted,
    added: Sequence[Edge],
    removed: Sequence[str],
    changed: Sequence[Changed],
    edges: Mapping[str, Edge],
) -> tuple[str, str]:
    """Author and reason."""
    if before is None:
        return SETTINGS, f"the first graph: {len(added)} edges by {len(rules)} rules"
    parts: list[tuple[str, str]] = []
    new = [rule for rule in rules if rule not in before.rules]
    gone = [rule for rule in before.rules if rule not in rules]
    if new or gone:
        said = "; ".join(f"{word} {_some(found)}" for word, found in (("new", new), ("gone", gone)) if found)
        by_somebody = bool(set(new) & set(accepted.rules))
        why = f"{accepted.reason} ({said})" if by_somebody and accepted.reason else f"rules: {said}"
        parts.append((accepted.by if by_somebody and accepted.by else SETTINGS, why))
    elif added or removed:
        along = sorted({edge.relation for edge in added if edge.relation})
        ties = f" along {', '.join(along)}" if along else ""
        words = [
            f"{len(names)} edges {word}{ties if word == 'new' else ''}: {_some(names)}"
            for word, names in (("new", [str(edge) for edge in added]), ("gone", list(removed)))
            if names
        ]
        parts.append((TOPOLOGY, "who is measured or tied changed: " + "; ".join(words)))
    if changed:
        parts += _judged(changed, edges)
    return ", ".join(dict.fromkeys(author for author, _ in parts)), "; ".join(reason for _, reason in parts)


def _judged(changed: Sequence[Changed], edges: Mapping[str, Edge]) -> list[tuple[str, str]]:
    """Who says something else of edges, and what."""
    found: dict[str, list[str]] = {}
    for one in changed:
        said = next((e for e in reversed(edges[one.edge].evidence) if e.kind == one.now), None)
        author = said.by if said and one.now in ("confirmed", "refuted") else DATA
        why = f": {told(said)}" if said and (said.why or one.now in ("confirmed", "refuted", "doubtful")) else ""
        found.setdefault(author, []).append(f"{one.edge} is {one.now}, was {one.was}{why}")
    return [(author, _some(reasons, "; ")) for author, reasons in found.items()]


def _some(texts: Iterable[str], between: str = ", ") -> str:
    every = list(texts)
    more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return between.join(every[:_NAMED]) + more


class Difference(NamedTuple):
    """How one version differs from another."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[Changed, ...]


def difference(versions: Iterable[Version]) -> Difference:
    """What several versions that follow each other change together, oldest first."""
    first: dict[str, Standing | None] = {}
    last: dict[str, Standing | None] = {}
    unknown: Standing = "expert"
    for version in versions:
        for edge in version.added:
            first.setdefault(edge, None)
            last[edge] = unknown
        for edge in version.removed:
            first.setdefault(edge, unknown)
            last[edge] = None
        for one in version.changed:
            first.setdefault(one.edge, one.was)
            last[one.edge] = one.now
    added = tuple(sorted(edge for edge, was in first.items() if was is None and last[edge] is not None))
    removed = tuple(sorted(edge for edge, was in first.items() if was is not None and last[edge] is None))
    changed = tuple(
        Changed(edge, was, now)
        for edge, was in sorted(first.items())
        if was is not None and (now := last[edge]) is not None and was != now
    )
    return Difference(added, removed, changed)
