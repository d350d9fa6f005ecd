"""Seen before: earlier incidents like one, and what ended them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isfinite, nan
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from datasource.causes import listed
from datasource.data import Matrix
from datasource.incidents.model import Incident
from datasource.incidents.quantity import levels, quantity
from datasource.incidents.summary import clock_time
from datasource.interventions import Intervention
from datasource.interventions.entry import DETECTED
from datasource.settings import Signal, format_duration

_ALIKE = 0.5
"""Share of what is known of two incidents that they have in common, from which on one is like the other."""
_MOST = 3
"""So many earlier ones are told, those most alike first."""
_LATE = 120
"""Seconds after its last anomalous point for which what was done may still be what ended an incident: people write down
what they did a moment later."""
_AFTERWARDS = 600
"""Seconds over which the level after an incident is taken, at least."""
_SOON = 1800
"""Seconds within which an incident is over that something ended."""
_FEWEST = 3
"""Points of a level."""
_SHORT = 80
"""Characters of what was done, where it is a label."""


class Ending(NamedTuple):
    """What ended an incident: intervention `intervention`, which began at `at` (seconds since 1970), or was `undone`
    then. `level_before` and `level_after` are the symptom's levels in the incident and after it, in its unit, NaN
    where the points are not at hand any more."""

    intervention: int
    told: str
    who: str
    at: int
    undone: bool
    level_before: float = nan
    level_after: float = nan


class Seen(NamedTuple):
    """An earlier incident, which share of what is known of it this one has in common, and what ended it, if anybody
    wrote that down."""

    incident: Incident
    alike: float
    ending: Ending | None


def seen_before(
    incident: Incident, earlier: Iterable[Incident], interventions: Sequence[Intervention], matrix: Matrix | None = None
) -> tuple[Seen, ...]:
    """Earlier incidents like this one, the most alike first, then the newest; at most 3. Pure.

    What is compared is who broke and in which signals, which way it came, and what users felt (Jaccard's index). Where
    both have a named cause it has to be the same one. Parts of others and what was no incident are left out.
    """
    mine = _features(incident)
    found = []
    for other in earlier:
        if other.id == incident.id or other.end is None or other.end > incident.start or not other.was_one:
            continue
        if incident.roots and other.roots and not set(incident.roots) & set(other.roots):
            continue
        theirs = _features(other)
        alike = len(mine & theirs) / len(mine | theirs)
        if alike >= _ALIKE:
            found.append(Seen(other, alike, None))
    found.sort(key=lambda one: (-one.alike, -one.incident.start))
    return tuple(one._replace(ending=ending(one.incident, interventions, matrix)) for one in found[:_MOST])


def _features(incident: Incident) -> frozenset[object]:
    """What is known of an incident: its symptom, its causes with the signals that showed them, and its path."""
    causes = incident.causes
    named = {part.variable for part in causes.contributions if part.variable.entity in incident.roots}
    outside = {(one.kind, one.entity or one.where) for one in causes.outside}
    path = {(step.cause, step.effect) for step in causes.path}
    return frozenset({("symptom", causes.symptom), *(("root", one) for one in incident.roots), *named, *outside, *path})


def ending(incident: Incident, interventions: Sequence[Intervention], matrix: Matrix | None = None) -> Ending | None:
    """The last thing that was done, or undone, to a cause of an incident after it began, and within half an hour before
    it was over; without one of its causes, to anybody in it. None where nothing was written down, and while it goes
    on."""
    if incident.end is None:
        return None
    earliest = max(incident.start, incident.end - _SOON)
    for targets in (incident.roots, incident.affected):
        names = {name for one in targets for name in (str(one), one.plain, one.name)} - {""}
        done = [
            Ending(one.id, one.told, one.who, at, undone)
            for one in interventions
            if any(target in names or target.rpartition(".")[0] in names for target in one.targets)
            for at, undone in _moments(one)
            if earliest < at <= incident.end + _LATE
        ]
        before = [one for one in done if one.at <= incident.end]
        if done:
            found = max(before, key=attrgetter("at")) if before else min(done, key=attrgetter("at"))
            level, after = _levels(incident, found, matrix)
            return found._replace(level_before=level, level_after=after)
    return None


def _moments(one: Intervention) -> Iterator[tuple[int, bool]]:
    """When it was done, and undone; that a signal does not show an event any more undoes nothing."""
    yield one.start, False
    if one.end is not None and one.kind != DETECTED:
        yield one.end, True


def _levels(incident: Incident, ending: Ending, matrix: Matrix | None) -> tuple[float, float]:
    """The symptom's mean in the incident before that was done, and over as long after it was over."""
    symptom, end = incident.causes.symptom, incident.end
    if matrix is None or symptom not in matrix or end is None:
        return nan, nan
    row, times = matrix.row(symptom), matrix.times
    before = row[(times > incident.start) & (times <= min(ending.at, end)) & np.isfinite(row)]
    after = row[(times > end) & (times <= end + max(end - incident.start, _AFTERWARDS)) & np.isfinite(row)]
    if len(before) < _FEWEST or len(after) < _FEWEST:
        return nan, nan
    return float(before.mean()), float(after.mean())


def told(seen: Seen, time: int, signals: Mapping[str, Signal]) -> str:
    """An earlier incident in a sentence, at a time (seconds since 1970): when, for how long, and what ended it."""
    one = seen.incident
    assert one.end is not None
    who = f"{listed([str(root) for root in one.roots], 2)} broke" if one.roots else f"{one.causes.symptom} was off"
    lasted = format_duration(max(one.end - one.start, 1))
    what = f"{clock_time(one.start, time)} UTC, for {lasted}: {who}"
    return f"{what}; {ended_by(seen, signals)}"


def ended_by(seen: Seen, signals: Mapping[str, Signal]) -> str:
    """What ended an earlier incident, how long after, and what that changed."""
    one, found = seen.incident, seen.ending
    assert one.end is not None
    if found is None:
        said = one.mark.words.rstrip(".") if one.mark else "Nothing is written down that ended it"
        return said[:1].lower() + said[1:]
    done = f"the end of {found.told}" if found.undone else found.told
    after = f"{format_duration(max(found.at - one.start, 1))} after it began"
    over = f", over {format_duration(one.end - found.at)} later" if one.end > found.at else ", over at once"
    signal = signals.get(one.causes.symptom.signal)
    unit, change = (signal.unit if signal else ""), ""
    before, level = found.level_before, found.level_after
    if isfinite(before) and isfinite(level):
        both = levels(before, level, unit, before - level or 1.0)
        change = f"; {one.causes.symptom} went from {both}"
    elif isfinite(one.causes.gap) and one.causes.gap:
        change = f"; {one.causes.symptom} had been off by {quantity(abs(one.causes.gap), unit)}"
    return f"ended by {done} ({found.who}), {after}{over}{change}"


def shortly(seen: Sequence[Seen]) -> str:
    """What ended the newest one of which that is known, in a few words for an alert; empty where none is."""
    known = [one for one in seen if one.ending is not None]
    if not known:
        return ""
    last = max(known, key=lambda one: one.incident.start).ending
    assert last is not None
    text = f"the end of {last.told}" if last.undone else last.told
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"
