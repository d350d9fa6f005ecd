"""Judgements made by hand: services that call each other, and the scores of each by time."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from datasource.anomaly import Prediction
from datasource.causes import Contribution, Judgement, RootCauses, Scores, Verdict
from datasource.data import Entity, Variable
from datasource.graph import CausalGraph
from datasource.incidents import Incident
from datasource.incidents.connected import neighbours
from datasource.incidents.grouping import group
from datasource.topology import EntityRelation, Topology

START = 1_763_000_010 // 30 * 30
STEP, POINTS, OF = 30, 3, 5
PATIENCE = 10
"""Points: twice the persistence."""


def service(name: str) -> Entity:
    return Entity("service", (("service", name),))


class Story:
    """What happens to some services: `scores` by name and step, who calls whom, and who is named for whom."""

    def __init__(
        self,
        scores: Mapping[str, Sequence[float]],
        calls: Sequence[tuple[str, str]] = (),
        roots: Mapping[str, str] | None = None,
        gaps: Mapping[str, Sequence[float]] | None = None,
        among: Mapping[str, Mapping[str, float]] | None = None,
    ) -> None:
        self.scores = {name: np.array(values, float) for name, values in scores.items()}
        self.calls, self.roots, self.gaps = calls, dict(roots or {}), dict(gaps or {})
        self.among = dict(among or {})
        ties = [EntityRelation("calls", (("client", service(one)), ("server", service(other)))) for one, other in calls]
        self.topology = Topology(tuple(ties))
        self.near = neighbours(CausalGraph((), ()), self.topology)
        self.steps = len(next(iter(self.scores.values())))

    def judged(self, at: int) -> Judgement:
        """What is said of the newest points of step `at`: anomalous is who has 3 of 5 scores above 1."""
        newest = {name: values[max(0, at - OF + 1) : at + 1] for name, values in self.scores.items()}
        persists = {name: int((values > 1).sum()) >= POINTS for name, values in newest.items()}
        scores = {}
        for name, values in newest.items():
            prediction = Prediction(*[values] * 8)
            scores[Variable(service(name), "latency")] = Scores(prediction, prediction, persists[name], persists[name])
        verdicts = tuple(self._verdict(name, at) for name in sorted(newest) if persists[name])
        called = {other for one, other in self.calls if persists.get(one)}
        top = tuple(verdict.causes for verdict in verdicts if verdict.entity.name not in called)
        return Judgement(scores, frozenset(map(service, newest)), verdicts, top)

    def _verdict(self, name: str, at: int) -> Verdict:
        root = self.roots.get(name)
        gap = float(self.gaps[name][at]) if name in self.gaps else 1.0
        parts = (Contribution(Variable(service(root), "latency"), gap, 1.0),) if root else ()
        causes = RootCauses(Variable(service(name), "latency"), gap, parts, (), 0.0 if root else gap)
        support = tuple((service(one), share) for one, share in self.among.get(name, {}).items())
        support = support or (((service(root), 1.0),) if root else ())
        return Verdict(service(name), causes, service(root) if root else None, support, self._since(name, at))

    def _since(self, name: str, at: int) -> int:
        """The first of the points above 1 that lead to step `at`, with at most a few known ones between two."""
        known = [step for step in range(at + 1) if not np.isnan(self.scores[name][step])]
        above = [place for place, step in enumerate(known) if self.scores[name][step] > 1]
        breaks = [after for before, after in pairwise(above) if after - before > OF]
        return self.time(known[breaks[-1] if breaks else above[0]])

    def time(self, at: int) -> int:
        return START + at * STEP

    def told(
        self, until: int | None = None, start: int = 0, previous: tuple[Incident, ...] = ()
    ) -> tuple[Incident, ...]:
        """The incidents after one evaluation a step."""
        for at in range(start, self.steps if until is None else until):
            previous = group(previous, self.judged(at), self.near, time=self.time(at), step=STEP, points=POINTS, of=OF)
        return previous


def scores(steps: int, *anomalous: tuple[int, int]) -> list[float]:
    """Scores of 2 in the steps from (included) to (excluded), else 0.5."""
    values = np.full(steps, 0.5)
    for first, stop in anomalous:
        values[first:stop] = 2.0
    return values.tolist()
