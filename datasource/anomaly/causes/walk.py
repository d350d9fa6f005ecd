"""Root causes: the gap of a symptom, handed down to those whose own behaviour changed.

A gap is passed from a variable to its parents in the share that each explains, and what nobody explains is the
variable's own. It is a random walk on the causal graph that ends where behaviour changed; the shares add up to the
whole gap. What ends where nothing changed beyond its own noise is unexplained.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.anomaly.causes.beyond import beyond
from datasource.anomaly.causes.flows import Flow, Flows, flows_into
from datasource.anomaly.causes.model import Contribution, RootCauses
from datasource.anomaly.causes.recent import Recent, mean, reached_by_half
from datasource.telemetry import Entity, Floats, Variable

AMONG = 0.2
"""From this share of the gap on, an entity whose own behaviour changed is among the causes."""
_SMALLEST_SHARE = 0.01
_SEED = 20


def root_causes(recent: Recent, symptom: Variable, *, draws: int = 60) -> RootCauses:
    """Hand the symptom's gap down the causal graph until it stays.

    Contributions under 1% count as unexplained, and so does what stays with an entity whose own gap is within its
    interval. Mean latency and quantiles are split as work per request, which is conserved along calls, where that is
    measured; a quantile that rose by a larger factor than the mean is unexplained for the rest.

    The confidence of a contribution is how often its entity is among the causes (its own gap outside of its interval,
    and at least a fifth of the symptom's gap) when the newest points are drawn again in blocks of two, with
    replacement, and the slopes from their distribution: `draws` times, with a fixed seed. NaN without draws.
    """
    gap = recent.gap(symptom)
    if not gap:
        return RootCauses(symptom, gap, ())
    start = _start(recent, symptom)
    walk = _Walk(recent, start, draws)
    conserved = _conserved(recent, symptom, start)
    load = recent.roles.load(recent.matrix, symptom)
    if load is not None:
        gap *= mean(load)  # from per request to the symptom's own unit
    stays = {node: float(share) * conserved for node, share in zip(walk.nodes, walk.shares[0], strict=True)}
    outside, inside = beyond(recent, stays, gap, walk.changed())
    shares: dict[Variable, float] = {}
    confidence = walk.confidence()
    for node, share in inside.items():
        shown = symptom if node == start else _shown(recent, symptom, node)
        shares[shown] = shares.get(shown, 0.0) + share
    found = [
        Contribution(variable, share * gap, share, confidence.get(variable.entity, np.nan))
        for variable, share in shares.items()
        if share >= _SMALLEST_SHARE
    ]
    rest = gap - sum(part.contribution for part in found) - sum(part.contribution for part in outside)
    return RootCauses(symptom, gap, tuple(sorted(found, key=lambda c: (-c.share, str(c.variable)))), outside, rest)


def _start(recent: Recent, symptom: Variable) -> Variable:
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


class _Place(NamedTuple):
    """Flows of one kind into a node, their parents' places, and whether their slopes are bounded."""

    flows: tuple[Flow, ...]
    parents: list[int]
    bounded: bool


class _Walk:
    """The variables that lead to `start`, and which share of its gap stays with each: as measured (row 0), and
    drawn again."""

    def __init__(self, recent: Recent, start: Variable, draws: int) -> None:
        self.recent = recent
        self.nodes: list[Variable] = [start]
        every = self._reach()
        place = {node: number for number, node in enumerate(self.nodes)}
        places = [
            [_Place(kind, [place[f.parent] for f in kind], kind is not flows.fitted) for kind in flows if kind]
            for flows in every
        ]
        seen = [recent.seen(node) for node in self.nodes]
        gaps = np.stack([one.gap for one in seen])
        rng = np.random.default_rng(_SEED)
        columns = _columns(rng, gaps.shape[1], draws)
        sampled = gaps[:, columns]
        known = np.isfinite(sampled)
        self._gaps = (np.where(known, sampled, 0.0).sum(axis=2) / np.maximum(known.sum(axis=2), 1)).T
        scores = sampled / np.stack([one.width for one in seen])[:, columns] * np.sign(self._gaps.T)[:, :, None]
        self.shares, stays = self._solve(places, rng)
        self._own = stays * reached_by_half(scores).T

    def _reach(self) -> list[Flows]:
        found: list[Flows] = []
        while len(found) < len(self.nodes):
            node = self.nodes[len(found)]
            flows = flows_into(self.recent, node) if self.recent.gap(node) else Flows()
            gap = self.recent.gap(node)

            def able(flow: Flow, gap: float = gap) -> bool:
                most = max(flow.slope, flow.most) if flow.slope >= 0 else flow.slope
                return most * self.recent.gap(flow.parent) / gap > _SMALLEST_SHARE

            flows = Flows(*(tuple(filter(able, kind)) for kind in flows))
            found.append(flows)
            self.nodes += dict.fromkeys(f.parent for kind in flows for f in kind if f.parent not in self.nodes)
        return found

    def _solve(self, places: list[list[_Place]], rng: np.random.Generator) -> tuple[Floats, Floats]:
        runs, size = self._gaps.shape
        transition = np.zeros((runs, size, size))
        for number, kinds in enumerate(places):
            room = np.ones((runs, 1))
            for place in kinds:
                explained = self._explained(place, number, room, rng)
                room = np.maximum(room - explained.sum(axis=1, keepdims=True), 0.0)
                for column, parent in enumerate(place.parents):
                    transition[:, number, parent] += explained[:, column]
        stays = np.clip(1.0 - transition.sum(axis=2), 0.0, 1.0)
        first = np.zeros((runs, size, 1))
        first[:, 0] = 1.0
        visits = np.linalg.solve(np.eye(size) - 0.999 * transition.transpose(0, 2, 1), first)[:, :, 0]
        shares = visits * stays
        return shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-300), stays

    def _explained(self, place: _Place, number: int, room: Floats, rng: np.random.Generator) -> Floats:
        """Runs x parents: the share of a node's gap that each explains, together at most what there is room for."""
        slope, error, most = (np.array([getattr(f, name) for f in place.flows]) for name in ("slope", "error", "most"))
        drawn = np.where(np.isfinite(error), error, 0.0) * rng.standard_normal((len(room), slope.size))
        drawn[0] = 0.0
        sure, able = slope + drawn, np.maximum(most, slope) + drawn
        if place.bounded:
            sure, able = np.clip(sure, 0.0, most), np.clip(able, 0.0, most)
        gap = self._gaps[:, [number]]
        relative = self._gaps[:, place.parents] / np.where(gap == 0, np.inf, gap)
        return _fill(np.maximum(sure * relative, 0.0), np.maximum(able * relative, 0.0), room)

    def changed(self) -> dict[Variable, float]:
        """How far each variable's own gap leaves its interval, as measured."""
        return dict(zip(self.nodes, self._own[0].tolist(), strict=True))

    def confidence(self) -> dict[Entity, float]:
        """How often, when drawn again, each entity is among the causes."""
        if self.shares.shape[0] == 1:
            return {}
        own, shares = self._by_entity(self._own, np.maximum), self._by_entity(self.shares, np.add)
        return {entity: float(((own[entity] > 1) & (shares[entity] >= AMONG))[1:].mean()) for entity in own}

    def _by_entity(self, values: Floats, combine: np.ufunc) -> dict[Entity, Floats]:
        found: dict[Entity, Floats] = {}
        for number, node in enumerate(self.nodes):
            if self.recent.roles.role(node) != "load":
                there = found.get(node.entity)
                found[node.entity] = values[:, number] if there is None else combine(there, values[:, number])
        return found


def _fill(sure: Floats, able: Floats, room: Floats) -> Floats:
    """Shares as large as is sure, stretched towards what is possible to fill the room, or cut to it."""
    total, possible = sure.sum(axis=1, keepdims=True), able.sum(axis=1, keepdims=True)
    stretch = np.clip((room - total) / np.maximum(possible - total, 1e-300), 0.0, 1.0)
    filled = sure + np.where(possible > total, stretch, 0.0) * np.maximum(able - sure, 0.0)
    filled *= np.minimum(1.0, room / np.maximum(filled.sum(axis=1, keepdims=True), 1e-300))
    shares: Floats = filled
    return shares


def _columns(rng: np.random.Generator, points: int, draws: int) -> NDArray[np.int64]:
    """Runs x points: which points each run sees; all of them in the first, blocks of two in the others."""
    starts = rng.integers(0, points, (draws, (points + 1) // 2))
    blocks = np.stack([starts, (starts + 1) % points], axis=2).reshape(draws, 2 * starts.shape[1])[:, :points]
    columns: NDArray[np.int64] = np.vstack([np.arange(points), blocks])
    return columns
