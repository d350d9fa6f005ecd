"""Root causes: the gap of a symptom, handed down to those whose own behaviour changed.

A gap is passed from a variable to its parents in the share that each explains, and what nobody explains is the
variable's own: a random walk on the causal graph that ends where behaviour changed. The shares add up to the whole gap.
What ends where nothing changed beyond its own noise is unexplained.
"""

from collections.abc import Mapping
from math import nan
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from datasource.causes.constants import SMALLEST_SHARE
from datasource.causes.external_causes import external_causes
from datasource.causes.model import Contribution, RootCauses
from datasource.causes.parent_contributions import ParentContribution, ParentContributions, contributions_of_parents
from datasource.causes.recent import Recent, mean, reached_by_half
from datasource.data import Entity, Floats, Variable


def root_causes(
    recent: Recent, symptom: Variable, confidence: Mapping[Entity, float] = MappingProxyType({})
) -> RootCauses:
    """Hand the symptom's gap down the causal graph until it stays.

    Contributions under 1% count as unexplained, and so does what stays with an entity whose own gap is within its
    interval. Mean latency and quantiles are split as work per request, which is conserved along calls, where that is
    measured; a quantile that rose by a larger factor than the mean is unexplained for the rest.

    `confidence` is how sure it is of each entity that it is the root cause; NaN for those that it does not have.
    """
    gap = recent.gap(symptom)
    if not gap:
        return RootCauses(symptom, gap, ())
    start = handed_down(recent, symptom)
    attribution = _Attribution(recent, start)
    conserved = _conserved(recent, symptom, start)
    scale = recent.roles.scale(recent.matrix, symptom)
    if scale is not None:
        gap *= mean(np.atleast_1d(scale.unit))
    stays = {
        node: share * conserved for node, share in zip(attribution.nodes, attribution.shares.tolist(), strict=True)
    }
    outside, inside = external_causes(recent, stays, gap, attribution.changed())
    shares: dict[Variable, float] = {}
    for node, share in inside.items():
        shown = symptom if node == start else _shown(recent, symptom, node)
        shares[shown] = shares.get(shown, 0.0) + share
    found = [
        Contribution(variable, share * gap, share, confidence.get(variable.entity, nan))
        for variable, share in shares.items()
        if share >= SMALLEST_SHARE
    ]
    rest = gap - sum(part.contribution for part in found) - sum(part.contribution for part in outside)
    return RootCauses(symptom, gap, tuple(sorted(found, key=lambda c: (-c.share, str(c.variable)))), outside, rest)


def handed_down(recent: Recent, symptom: Variable) -> Variable:
    """Latency is walked as work per request, which is conserved along calls, where both are measured."""
    work = recent.measured(symptom.entity, "work")
    if recent.roles.role(symptom) == "latency" and work and recent.gap(work) > 0:
        return work
    return symptom


def _conserved(recent: Recent, symptom: Variable, start: Variable) -> float:
    """The share of a quantile's gap that the mean's gap accounts for: both by the same factor. 1 for a mean."""
    if start == symptom or recent.roles.signals[symptom.signal].kind != "quantile":
        return 1.0
    factors = []
    for variable in (start, symptom):
        now = mean(recent.roles.level(recent.matrix, variable))
        factors.append(recent.gap(variable) / max(now - recent.gap(variable), 1e-300))
    return float(np.clip(factors[0] / factors[1], 0.0, 1.0)) if factors[1] > 0 else 1.0


def _shown(recent: Recent, symptom: Variable, node: Variable) -> Variable:
    """Work per request is mean latency: the cause of a slow symptom is shown as the latency people know."""
    latency = recent.measured(node.entity, "latency")
    both = latency and recent.roles.role(symptom) == "latency" and recent.roles.role(node) == "work"
    return latency if latency and both else node


class _Parents(NamedTuple):
    """ParentContributions of one kind into a node, their parents' places, and whether their slopes are bounded."""

    flows: tuple[ParentContribution, ...]
    parents: list[int]
    bounded: bool


class _Attribution:
    """The variables that lead to `start`, and which share of its gap stays with each."""

    def __init__(self, recent: Recent, start: Variable) -> None:
        self.recent = recent
        self.nodes: list[Variable] = [start]
        every = self._reach()
        place = {node: number for number, node in enumerate(self.nodes)}
        places = [
            [_Parents(kind, [place[f.parent] for f in kind], kind is not flows.fitted) for kind in flows if kind]
            for flows in every
        ]
        seen = [recent.seen(node) for node in self.nodes]
        self._gaps = np.array([mean(one.gap) for one in seen])
        scores = np.stack([one.gap / one.width for one in seen]) * np.sign(self._gaps)[:, None]
        self.shares, stays = self._solve(places)
        self._own = stays * reached_by_half(scores)

    def _reach(self) -> list[ParentContributions]:
        found: list[ParentContributions] = []
        while len(found) < len(self.nodes):
            node = self.nodes[len(found)]
            flows = contributions_of_parents(self.recent, node) if self.recent.gap(node) else ParentContributions()
            gap = self.recent.gap(node)

            def able(flow: ParentContribution, gap: float = gap) -> bool:
                most = max(flow.slope, flow.most) if flow.slope >= 0 else flow.slope
                return most * self.recent.gap(flow.parent) / gap > SMALLEST_SHARE

            flows = ParentContributions(*(tuple(filter(able, kind)) for kind in flows))
            found.append(flows)
            self.nodes += dict.fromkeys(f.parent for kind in flows for f in kind if f.parent not in self.nodes)
        return found

    def _solve(self, places: list[list[_Parents]]) -> tuple[Floats, Floats]:
        size = self._gaps.size
        transition = np.zeros((size, size))
        for number, kinds in enumerate(places):
            room = 1.0
            for place in kinds:
                explained = self._explained(place, number, room)
                room = max(room - float(explained.sum()), 0.0)
                for column, parent in enumerate(place.parents):
                    transition[number, parent] += explained[column]
        stays = np.clip(1.0 - transition.sum(axis=1), 0.0, 1.0)
        first = np.zeros(size)
        first[0] = 1.0
        shares = np.linalg.solve(np.eye(size) - 0.999 * transition.T, first) * stays
        return shares / max(float(shares.sum()), 1e-300), stays

    def _explained(self, place: _Parents, number: int, room: float) -> Floats:
        """The share of a node's gap that each parent explains, together at most what there is room for."""
        slope, most = (np.array([getattr(f, name) for f in place.flows]) for name in ("slope", "most"))
        sure, able = slope, np.maximum(most, slope)
        if place.bounded:
            sure, able = np.clip(sure, 0.0, most), np.clip(able, 0.0, most)
        gap = self._gaps[number]
        relative = self._gaps[place.parents] / (gap or np.inf)
        return _fill(np.maximum(sure * relative, 0.0), np.maximum(able * relative, 0.0), room)

    def changed(self) -> dict[Variable, float]:
        """How far each variable's own gap leaves its interval."""
        return dict(zip(self.nodes, self._own.tolist(), strict=True))


def _fill(sure: Floats, able: Floats, room: float) -> Floats:
    """Shares as large as is sure, stretched towards what is possible to fill the room, or cut to it."""
    total, possible = float(sure.sum()), float(able.sum())
    stretch = min(max((room - total) / max(possible - total, 1e-300), 0.0), 1.0) if possible > total else 0.0
    filled: Floats = sure + stretch * np.maximum(able - sure, 0.0)
    return filled * min(1.0, room / max(float(filled.sum()), 1e-300))
