"""Who, and which signal of whom, has had samples all along and has none any more, while others go on; and who has had
requests all along and has none."""

from collections.abc import Iterator, Sequence
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.data import Entity, Floats, Matrix, Variable
from datasource.settings import Settings, format_duration

_FEWEST = 30
_STEADY = 0.9
"""Who has a sample at so large a share of the points, from the first to the last, has one nearly always."""
_SECONDS, _STEPS = 600, 5
"""Who has had no sample for so long, in both, is silent ..."""
_SECONDS_OF_A_FILE = 300
"""... and in a file, of which nothing is still on its way, after so long."""
_UNASKED = 300, 3
"""Who has had next to no request for so many seconds and points, and for longer than ever, is not asked any more."""
_NEXT_TO_NONE = 0.01
"""Requests below this share of the usual ones."""
_COMINGS_AND_GOINGS = 0.5
"""Where so many are silent it is usual, as with pods."""
_SHOWN = 3


class Silence(NamedTuple):
    """A sentence about who is silent; `usual` where so many come and go that it is only worth knowing. `kind` is their
    type where it is about whole entities."""

    text: str
    usual: bool
    kind: str = ""


class _Life(NamedTuple):
    """The places in time of the first and the last sample, and how many there are."""

    first: int
    last: int
    points: int

    @property
    def steady(self) -> bool:
        return self.points >= _FEWEST and self.points >= _STEADY * (self.last - self.first + 1)


def find_silent(matrix: Matrix, patience: float = _SECONDS) -> Iterator[Silence]:
    """Who has had samples all along and has none now, for longer than a `patience` (seconds), while others of the same
    type go on; `matrix` is as it was read.

    Where so many come and go that it is usual, as pods do, it is only worth knowing.
    """
    rows: dict[Entity, list[int]] = {}
    for row, variable in enumerate(matrix.variables):
        rows.setdefault(variable.entity, []).append(row)
    there = np.isfinite(matrix.values)
    sampled = {entity: there[own[0]] if len(own) == 1 else there[own].any(axis=0) for entity, own in rows.items()}
    lives = dict(zip(sampled, _lives(np.array(list(sampled.values()))), strict=True)) if sampled else {}
    for kind in dict.fromkeys(entity.type for entity in lives):
        own_lives = {entity: life for entity, life in lives.items() if entity.type == kind and life.points}
        newest = max((life.last for life in own_lives.values()), default=0)
        gone = [
            entity
            for entity, life in own_lives.items()
            if newest - life.last > _patience(matrix, patience) and life.steady
        ]
        if gone:
            since = _told(min(newest - own_lives[entity].last for entity in gone), matrix)
            others = len(own_lives) - len(gone)
            go_on = f"1 other {kind} goes on" if others == 1 else f"{others:,} other {_plural(kind)} go on"
            text = f"no sample of {_some(gone)} in the last {since}, while {go_on}: is it gone, or its target?"
            yield Silence(text, len(gone) > _COMINGS_AND_GOINGS * len(own_lives), kind)


def find_silent_signals(settings: Settings, matrix: Matrix, patience: float = _SECONDS) -> Iterator[Silence]:
    """Signals that somebody had all along and has no more, while others have them and its own others go on.

    Failures and events may well be absent, and so may latency and work of whom nobody asks any more.
    """
    longest = _patience(matrix, patience)
    last, lives = _last(matrix, longest)
    if not lives:
        return
    loads = {v.entity: v for v in last if settings.signals[v.signal].role == "load"}
    until: dict[Entity, int] = {}
    every: dict[str, list[Variable]] = {}
    for variable, place in last.items():
        until[variable.entity] = max(place, until.get(variable.entity, 0))
        every.setdefault(variable.signal, []).append(variable)
    for name, signal in settings.signals.items():
        if signal.role == "failure" or signal.kind == "event":
            continue
        own = every.get(name, [])
        newest = max((last[variable] for variable in own), default=0)
        missing = {variable: until[variable.entity] - last[variable] for variable in own if variable in lives}
        gone = [
            variable
            for variable, steps in missing.items()
            if steps > longest
            and lives[variable].steady
            and _is_asked(matrix, loads.get(variable.entity), lives[variable].last)
        ]
        if gone and len(gone) == len(own):
            since = _told(min(missing[variable] for variable in gone), matrix)
            text = f"no {name} of anybody in the last {since}, while other signals go on: is its query still answered?"
            yield Silence(text, False)
            continue
        gone = [variable for variable in gone if newest - lives[variable].last > longest]
        if gone:
            since = _told(min(newest - lives[variable].last for variable in gone), matrix)
            who, theirs = _some([variable.entity for variable in gone]), "their" if len(gone) > 1 else "its"
            text = f"no {name} of {who} in the last {since}, while {theirs} other signals and {name} of others go on"
            yield Silence(text, len(gone) > _COMINGS_AND_GOINGS * len(own))


def find_unasked(settings: Settings, matrix: Matrix) -> Iterator[Silence]:
    """Who has had requests all along and has had next to none lately, for longer than ever before.

    No load alarms by itself, and nothing else does where nobody asks: what is cut off looks well.
    """
    newest = max(ceil(_UNASKED[0] / matrix.step), _UNASKED[1])
    for name, signal in settings.signals.items():
        if signal.role != "load":
            continue
        gone: list[tuple[int, Entity]] = []
        for variable, row in zip(matrix.variables, matrix.values, strict=True):
            if variable.signal == name and (steps := _without(row, newest)):
                gone.append((steps, variable.entity))
        if gone:
            since, who = _told(min(steps for steps, _ in gone), matrix), [entity for _, entity in gone]
            it = "them" if len(who) > 1 else "it"
            yield Silence(f"next to no {name} of {_some(who)} in the last {since}: does nothing reach {it}?", False)


def _without(row: Floats, newest: int) -> int:
    """For how many points there has been next to nothing, `newest` at least and longer than twice as long as ever
    before; else 0."""
    if not row.size or not np.fmax.reduce(row[-newest:]) <= _NEXT_TO_NONE * np.fmax.reduce(row):
        return 0
    known = row[np.isfinite(row)]
    none = known <= _NEXT_TO_NONE * np.median(known[known > 0]) if (known > 0).any() else known < 0
    ends = np.flatnonzero(np.diff(np.r_[False, none, False].astype(np.int8)))
    runs = ends[1::2] - ends[::2]
    long = none[-1:].all() and runs.size and newest <= runs[-1] > 2 * runs[:-1].max(initial=0)
    return int(runs[-1]) if long and known.size > max(2 * runs[-1], _FEWEST + newest) else 0


def silence_notices(settings: Settings, matrix: Matrix) -> tuple[str, ...]:
    """What is said of those who are silent at the end of a file, and for whom that is not usual, and of those whom
    nobody asks; `matrix` is as it was read."""
    sampled = np.flatnonzero(np.isfinite(matrix.values).any(axis=0))
    since = matrix.values.shape[1] - 1 - int(sampled[-1]) if sampled.size else 0
    if since > _patience(matrix, _SECONDS_OF_A_FILE):
        return (f"no sample of anybody in the last {_told(since, matrix)}: is anything still measured?",)
    silent = find_silent(matrix, _SECONDS_OF_A_FILE), find_silent_signals(settings, matrix, _SECONDS_OF_A_FILE)
    found = (*silent[0], *silent[1], *find_unasked(settings, matrix))
    return tuple(one.text for one in found if not one.usual)


def _last(matrix: Matrix, longest: int) -> tuple[dict[Variable, int], dict[Variable, _Life]]:
    """The place of the last sample of every variable that has any; and the lives of those without one in the `longest`
    newest points, which are most often few: only these are looked at from the beginning."""
    if not matrix.sampled.any():
        return {}, {}
    newest = int(np.flatnonzero(matrix.sampled)[-1])
    lately = np.isfinite(matrix.values[:, max(newest - longest, 0) : newest + 1])
    behind = lately[:, ::-1].argmax(axis=1)
    known = lately[np.arange(len(lately)), lately.shape[1] - 1 - behind]
    last = dict(zip(matrix.variables, (newest - behind).tolist(), strict=True))
    rows = np.flatnonzero(~known).tolist()
    lives = {
        matrix.variables[row]: life for row, life in zip(rows, _lives(np.isfinite(matrix.values[rows])), strict=True)
    }
    last |= {variable: life.last for variable, life in lives.items()}
    for variable in [variable for variable, life in lives.items() if not life.points]:
        del last[variable], lives[variable]
    return last, lives


def _lives(there: NDArray[np.bool_]) -> Iterator[_Life]:
    """Of each row, where samples begin and end."""
    if not there.shape[1]:
        yield from (_Life(0, 0, 0) for _ in there)
        return
    first, behind = there.argmax(axis=1), there[:, ::-1].argmax(axis=1)
    for begin, end, points in zip(first, there.shape[1] - 1 - behind, there.sum(axis=1), strict=True):
        yield _Life(int(begin), int(end), int(points))


def _patience(matrix: Matrix, seconds: float) -> int:
    return max(int(seconds // matrix.step), _STEPS)


def _told(steps: int, matrix: Matrix) -> str:
    return format_duration(steps * matrix.step // 60 * 60 or steps * matrix.step)


def _is_asked(matrix: Matrix, load: Variable | None, since: int) -> bool:
    """Whether requests go on after a place in time, as far as they are known."""
    return load is None or bool((np.nan_to_num(matrix.row(load)[since + 1 :]) > 0).mean() > _COMINGS_AND_GOINGS)


def _some(entities: Sequence[Entity]) -> str:
    left = len(entities) - _SHOWN
    more = f" and {left:,} other{'s' if left > 1 else ''}" if left > 0 else ""
    return ", ".join(map(str, sorted(entities)[:_SHOWN])) + more


def _plural(noun: str) -> str:
    return noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
