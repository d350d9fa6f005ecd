"""What is measured and not judged, for want of points: said, so that silence is not taken for health."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from datasource.data import Entity, Matrix, Roles, Variable
from datasource.prometheus import reach

_SHOWN = 5
_GAPS = 3
"""Who has been silent for longer than so many of its usual gaps has ended."""


class Unjudged(NamedTuple):
    """A variable without a mechanism: how many points it could be fitted on, and how many steps ago the first came.

    `ended` says that nothing has come for a while.
    """

    variable: Variable
    points: int
    age: int
    ended: bool


def unjudged(matrix: Matrix, roles: Roles, judged: Collection[Variable]) -> tuple[Unjudged, ...]:
    """The variables of a matrix that are not among those `judged`, in the matrix' order; without those that have no
    point at all, as failures of who has no requests."""
    patience, newest = reach(matrix.step) // matrix.step, matrix.values.shape[1] - 1
    found = []
    for variable in matrix.variables:
        if variable in judged:
            continue
        known = np.flatnonzero(np.isfinite(roles.level(matrix, variable)))
        if known.size:
            first, last = int(known[0]), int(known[-1])
            gap = (last - first) / max(1, known.size - 1)
            ended = newest - last > max(patience, _GAPS * gap)
            found.append(Unjudged(variable, int(known.size), newest - first + 1, ended))
    return tuple(found)


def unjudged_notices(found: Sequence[Unjudged], judged: Collection[Variable], needed: int) -> tuple[str, ...]:
    """In words: of which entity types most never live for the `needed` points, and which variables have too few as yet
    or have a sample too seldom. Nothing else is said of what has ended, nor of what has points enough and waits for
    the next fit."""
    short = [one for one in found if one.points < needed]
    lives = dict(short_lived(short, judged, needed))
    well = {variable.entity.type for variable in judged}
    others = [one for one in short if not one.ended and (_type(one) in well or _type(one) not in lives)]
    few = (_few(others, len(judged) + len(others), needed),) if others else ()
    return (*lives.values(), *few)


def short_lived(found: Sequence[Unjudged], judged: Collection[Variable], needed: int) -> Iterator[tuple[str, str]]:
    """The entity types of which most entities ended before they had the `needed` points, with what to do about it."""
    lasting = _by_type(variable.entity for variable in judged)
    short = _by_type(one.variable.entity for one in found if one.points < needed)
    ended = _by_type(one.variable.entity for one in found if one.points < needed and one.ended)
    for kind, gone in ended.items():
        fitted = lasting.get(kind, set())
        entities = short[kind] | fitted
        if 2 * len(gone - fitted) <= len(entities):
            continue
        many = f"{len(entities):,} {_plural(kind)}" if len(entities) > 1 else f"1 {kind}"
        have = f"only {len(fitted):,} of {many} have" if fitted else f"none of {many} has"
        yield (
            kind,
            f"{have} the {needed} points that are needed to be judged: {'the others' if fitted else 'they'} never live "
            "that long; choose the workload that they belong to as entity, or lower evaluation.warm_up",
        )


def _few(short: Sequence[Unjudged], total: int, needed: int) -> str:
    new = sum(one.age < needed for one in short)
    names = [f"{one.variable} ({one.points})" for one in sorted(short, key=lambda one: one.variable)]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    verbs = ("has", "is") if len(short) == 1 else ("have", "are")
    said = f"{len(short):,} of {total:,} variables {verbs[0]} fewer than {needed} points and {verbs[1]} not judged"
    if new == len(short):
        return f"{said} yet: {', '.join(names[:_SHOWN])}{more}"
    some = f"; {new} of them {'is' if new == 1 else 'are'} new" if new else ""
    return f"{said}: {', '.join(names[:_SHOWN])}{more}{some}; measure them more often, or lower evaluation.warm_up"


def _type(one: Unjudged) -> str:
    return one.variable.entity.type


def _by_type(entities: Iterator[Entity]) -> Mapping[str, set[Entity]]:
    found: dict[str, set[Entity]] = {}
    for entity in entities:
        found.setdefault(entity.type, set()).add(entity)
    return found


def _plural(noun: str) -> str:
    return noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
