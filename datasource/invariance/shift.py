"""The mechanism-shift score: how far a mechanism in one environment is from what it is in the others.

A mechanism is its slopes on the causes, its level and its noise; each is compared between the rows of one environment
and those of all others, whitened alike, by long-run errors (Lazarus, Lewis, Stock and Watson 2018) where environments
are parallel, and by blocks of time where they follow each other (Ibragimov and Müller 2010).
"""

from collections.abc import Iterator
from typing import NamedTuple

from datasource.invariance.groups import Groups, grouped
from datasource.invariance.model import EdgeShift, Part, Question, Shift
from datasource.numerics.moment_sums import (
    Difference,
    Joined,
    coefficient_difference,
    noise_difference,
    slope_difference,
)


class Shifts(NamedTuple):
    """Of the mechanisms and of their edges."""

    mechanisms: tuple[Shift, ...] = ()
    edges: tuple[EdgeShift, ...] = ()


def shifts(question: Question, level: float) -> Shifts:
    """Every part of a mechanism in every environment, each compared at significance `level`.

    Of several environments the one that is farthest from all others is set apart first, as long as one is beyond
    chance, so that it does not make the others look odd. Raises MomentError.
    """
    mechanisms, edges = [], []
    for rows, (one, rest, parts, _) in zip(question.rows, compare(grouped(question), level), strict=True):
        for part, found in parts:
            mechanisms.append(Shift(rows.variable, rows.environment, part, found.score, found.p_value))
        for number, edge in enumerate(rows.edges):
            found = slope_difference(one, rest, number, level)
            slopes = one.interval(number), rest.interval(number)
            edges.append(EdgeShift(edge, rows.environment, *slopes, found.score, found.p_value))
    return Shifts(tuple(mechanisms), tuple(edges))


class Compared(NamedTuple):
    """The fits of an environment and of the usual others, how far its parts are from theirs, and whether it is usual
    itself."""

    one: Joined
    rest: Joined
    parts: tuple[tuple[Part, Difference], ...]
    usual: bool = True

    @property
    def largest(self) -> float:
        """The highest score."""
        return max(found.score for _, found in self.parts)


def compare(groups: Groups, level: float) -> list[Compared]:
    """Each environment against the others that are usual; the odd ones are set apart, the oddest first, until two are
    left. Raises MomentError."""
    usual = list(range(len(groups.members)))
    compared = {place: _compared(groups, place, usual, level) for place in usual}
    while len(usual) > 2:
        odd = max(usual, key=lambda place: compared[place].largest)
        if compared[odd].largest <= 1:
            break
        usual.remove(odd)
        compared[odd] = compared[odd]._replace(usual=False)
        compared |= {place: _compared(groups, place, usual, level) for place in usual}
    return [compared[place] for place in range(len(groups.members))]


def _compared(groups: Groups, place: int, usual: list[int], level: float) -> Compared:
    others = [other for other in usual if other != place]
    one, rest = groups.fit([place], levels=False), groups.fit(others, levels=False)
    return Compared(one, rest, tuple(_parts(groups, place, others, one, rest, level)))


def _parts(
    groups: Groups, place: int, others: list[int], one: Joined, rest: Joined, level: float
) -> Iterator[tuple[Part, Difference]]:
    if groups.causes:
        yield "slopes", coefficient_difference(one, rest, level)
    if groups.levels:
        # At the causes' usual values, where the level does not hang together with the slopes.
        yield "level", slope_difference(groups.fit([place]), groups.fit(others), -1, level)
    yield "noise", noise_difference(one, rest, level)
