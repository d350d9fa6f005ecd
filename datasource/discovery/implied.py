"""What a causal graph implies for a series: of whom each variable is independent, given its causes."""

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from datasource.data import Entity, Variable
from datasource.discovery.apart import mostly_one_value, season, whitened
from datasource.discovery.partial import Products
from datasource.discovery.reach import Reach
from datasource.discovery.series import NEVER_MOVES, Series, lagged
from datasource.graph.model import CausalGraph

Bools = NDArray[np.bool_]

_LAGS, _MOST_LAGS = 2, 10
"""Rows before, at least and at most: of the variable's own past, of its causes, and of what should be independent. An
edge that acts later makes them more."""
_HAPPENED = 10
"""Times that something must have happened to be tested."""
_MOST_STRANGERS = 60
"""Variables up to which everything is tested against everything; beyond, within an entity and along ties."""
_MOST_NEAR = 300
"""Variables that one is tested against at most, where thousands are tied to it."""
_ROWS_EACH = 3
"""Rows that everything that is given must have, to leave something to test."""


def measured_twice(variables: Sequence[Variable], roles: Mapping[str, str | None]) -> dict[Variable, str]:
    """Variables that are others over again, by definition and not by an effect, with the reason; `roles` by signal.

    What is measured of a call is measured at its server, too, and work is load times latency.
    """
    found: dict[Variable, str] = {}
    there: dict[Entity, set[str | None]] = {}
    for variable in variables:
        there.setdefault(variable.entity, set()).add(roles.get(variable.signal))
    for variable in variables:
        if variable.entity.type == "call":
            found[variable] = "what is measured of a call is measured at its server, too"
        elif roles.get(variable.signal) == "work" and {"load", "latency"} <= there[variable.entity]:
            found[variable] = "work is load times latency by definition"
    return found


class Implied:
    """The rows of a series a window apart, and what the graph implies for its variables."""

    def __init__(
        self, series: Series, graph: CausalGraph, apart: int, step: int, aside: Mapping[Variable, str]
    ) -> None:
        self.series, self.graph, self.apart = series, graph, apart
        self._lags = min(max(_LAGS, -(-graph.longest_lag // apart)), _MOST_LAGS)
        self._values = whitened(series, apart, step)
        self.count = len(series.variables)
        self.rows = max(self._values.shape[1] - self._lags, 0)
        place = {variable: number for number, variable in enumerate(series.variables)}
        self._of: dict[Entity, list[int]] = {}
        for number, variable in enumerate(series.variables):
            self._of.setdefault(variable.entity, []).append(number)
        causes: list[set[int]] = [set() for _ in series.variables]
        hidden, still = set(), {variable for variable, reason in series.left_out if reason == NEVER_MOVES}
        for edge in graph.edges:
            if edge.cause in place and edge.effect in place:
                causes[place[edge.effect]].add(place[edge.cause])
            elif edge.effect in place and edge.cause not in still:
                hidden.add(place[edge.effect])
        self.causes = [sorted(own) for own in causes]
        edges = ((cause, effect) for effect, own in enumerate(self.causes) for cause in own)
        self._reach = Reach(self.count, (*edges, *self._through_unused(place)))
        happened = [len(row) - int(np.unique(row, return_counts=True)[1].max()) for row in series.values]
        self.rare = mostly_one_value(series.values)
        self.happened = np.array([one >= _HAPPENED for one in happened], dtype=np.bool_)
        self.tested = self.happened.copy()
        self.left_out: dict[Variable, str] = {}
        for number, variable in enumerate(series.variables):
            if variable in aside:
                self.left_out[variable] = aside[variable]
                self.tested[number] = False
            elif number in hidden:
                self.left_out[variable] = "one of its causes is not measured"
            elif self._reach.looped(number):
                self.left_out[variable] = "it is part of a feedback loop"
            elif (self._lags + 2) * len(self.causes[number]) > self.rows / _ROWS_EACH:
                self.left_out[variable] = "it has too many causes for so few rows"
            elif not self.happened[number]:
                self.left_out[variable] = f"it moved fewer than {_HAPPENED} times"
        self.usable = [n for n, variable in enumerate(series.variables) if variable not in self.left_out]
        self._lagged = lagged(self._values, self._lags) if self.rows else np.empty((0, 0))
        self._season = season(self.rows, apart * step) if series.has_memory else np.ones((1, self.rows))

    def _through_unused(self, place: Mapping[Variable, int]) -> list[tuple[int, int]]:
        """Ways between variables that lead through some that are not in the series."""
        unused = {v for edge in self.graph.edges for v in (edge.cause, edge.effect) if v not in place}
        if not unused:
            return []
        found = []
        for variable in {edge.cause for edge in self.graph.edges if edge.effect in unused and edge.cause in place}:
            found += [(place[variable], place[v]) for v in self.graph.descendants(variable) if v in place]
        return [(one, other) for one, other in found if one != other]

    def implied(self, effect: int, tied: Mapping[Entity, Collection[Entity]] | None) -> list[int]:
        """The variables of which an effect, given its causes, is independent according to the graph; of many variables
        those of its entity and of what that is tied to."""
        near: Iterable[int] = range(self.count)
        if self.count > _MOST_STRANGERS:
            own = self.series.variables[effect].entity
            entities = dict.fromkeys([own, *sorted((tied or {}).get(own, ()))])
            near = (one for entity in entities for one in self._of.get(entity, ()))
        free = self._free(effect, [one for one in near if self.tested[one]])
        return free if self.count <= _MOST_STRANGERS else free[:_MOST_NEAR]

    def _free(self, effect: int, others: Sequence[int]) -> list[int]:
        """Those of the others that neither cause an effect nor are moved by it."""
        aside = {effect, *self.causes[effect], *self._reach.reached(effect, others)}
        return [one for one in others if one not in aside]

    def within(self, chosen: Sequence[int]) -> tuple[Bools, Bools]:
        """Of some variables (chosen x chosen), which cause which, and which act on which in the end."""
        place = {one: number for number, one in enumerate(chosen)}
        adjacent, reaches = np.zeros((2, len(chosen), len(chosen)), dtype=np.bool_)
        for number, one in enumerate(chosen):
            adjacent[[place[cause] for cause in self.causes[one] if cause in place], number] = True
            reaches[number, [place[other] for other in self._reach.reached(one, chosen)]] = True
        return adjacent, reaches

    def among(self, numbers: Sequence[int]) -> Products:
        """The products of some variables' rows."""
        return Products(self._lagged, self._season, self.count, self._lags, numbers)
