"""Root causes: the gap of a symptom, handed down to those whose own behaviour changed.

A gap is passed from a variable to its parents in the share that each explains, and what nobody explains
is the variable's own. Along calls, work is conserved: a caller's seconds are its own plus those of the calls
it waits for, so the share is measured where seconds per call are, and fitted where they are not. It is a
random walk on the causal graph that ends where behaviour changed; the shares add up to the whole gap.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from datasource.anomaly.causes import Contribution, RootCauses
from datasource.anomaly.fit import Mechanisms
from datasource.anomaly.roles import Roles
from datasource.telemetry import Entity, Floats, Matrix, Variable
from datasource.topology import Topology

_SMALLEST_SHARE = 0.01
_INNER_SCORE = 0.5
"""A parent inside the entity, or a callee, explains something only if it moved this far towards an anomaly itself."""


@dataclass(frozen=True)
class Recent:
    """The newest columns of the matrix, against what the baseline says of them."""

    matrix: Matrix
    mechanisms: Mechanisms
    roles: Roles
    topology: Topology

    @cached_property
    def _seen(self) -> dict[Variable, tuple[float, float]]:
        return {}

    def _look(self, variable: Variable) -> tuple[float, float]:
        if variable not in self._seen:
            usual = self.mechanisms.marginal.get(variable)
            if usual is None or variable not in self.matrix:
                return 0.0, 0.0
            prediction = usual.predict(self.matrix, self.roles)
            gap = prediction.observed - prediction.expected
            load = self.roles.load(self.matrix, variable)
            self._seen[variable] = _mean(gap if load is None else gap / load), _mean(prediction.score)
        return self._seen[variable]

    def gap(self, variable: Variable) -> float:
        """Mean of observed minus usual (season and level); per request where the role says so. 0 if unknown."""
        return self._look(variable)[0]

    def score(self, variable: Variable) -> float:
        """Mean marginal score, 0 if unknown."""
        return self._look(variable)[1]

    def mean(self, entity: Entity, role: str) -> float | None:
        """Mean of the entity's signal with this role, None where it is not measured."""
        variable = self.measured(entity, role)
        return _mean(self.matrix.row(variable)) if variable else None

    def measured(self, entity: Entity, role: str, end: str = "client") -> Variable | None:
        """The variable of an entity with a role, None where it is not measured; of a call, as an end sees it."""
        variable = self.roles.of(entity, role, end)
        return variable if variable in self.matrix else None  # type: ignore[operator]


def root_causes(recent: Recent, symptom: Variable) -> RootCauses:
    """Hand the symptom's gap down the causal graph until it stays. Contributions under 1% are left out."""
    gap = recent.gap(symptom)
    start = _start(recent, symptom)
    nodes, transition = _transitions(recent, start)
    if not gap:
        return RootCauses(symptom, gap, ())
    stays = 1.0 - transition.sum(axis=1)
    visits = np.linalg.solve(np.eye(len(nodes)) - 0.999 * transition.T, np.eye(len(nodes))[0])
    shares = visits * stays
    shares /= shares.sum() or 1.0
    by_variable: dict[Variable, float] = {}
    for node, share in zip(nodes, shares, strict=True):
        shown = symptom if node == start else _shown(recent, symptom, node)
        by_variable[shown] = by_variable.get(shown, 0.0) + float(share)
    load = recent.roles.load(recent.matrix, symptom)
    if load is not None:
        gap *= _mean(load)  # from per request to the symptom's own unit
    found = [Contribution(v, share * gap, share) for v, share in by_variable.items() if share >= _SMALLEST_SHARE]
    return RootCauses(symptom, gap, tuple(sorted(found, key=lambda c: (-c.share, str(c.variable)))))


def _start(recent: Recent, symptom: Variable) -> Variable:
    """Mean latency is walked as work per request, which is conserved along calls, where both are measured."""
    work = recent.measured(symptom.entity, "work")
    if recent.roles.role(symptom) == "latency" and work and recent.gap(work) > 0:
        return work
    return symptom


def _shown(recent: Recent, symptom: Variable, node: Variable) -> Variable:
    """Work per request is mean latency: the cause of a slow symptom is shown as the latency people know."""
    latency = recent.measured(node.entity, "latency")
    return (
        latency
        if latency
        and recent.roles.role(symptom) == "latency" == recent.roles.role(latency)
        and (recent.roles.role(node) == "work")
        else node
    )


def _transitions(recent: Recent, start: Variable) -> tuple[list[Variable], Floats]:
    """The variables reachable from `start`, and from each (row) the share of its gap that each other explains."""
    nodes: list[Variable] = [start]
    rows: list[dict[Variable, float]] = []
    position = 0
    while position < len(nodes):
        variable = nodes[position]
        gap = recent.gap(variable)
        flows = _flows(recent, variable, gap) if gap else {}
        row = {parent: flow / gap for parent, flow in flows.items() if flow / gap > _SMALLEST_SHARE}
        total = sum(row.values())
        rows.append({parent: share / max(total, 1.0) for parent, share in row.items()})
        nodes += [parent for parent in row if parent not in nodes]
        position += 1
    transition = np.zeros((len(nodes), len(nodes)))
    for index, row in enumerate(rows):
        for parent, share in row.items():
            transition[index, nodes.index(parent)] = share
    return nodes, transition


def _flows(recent: Recent, variable: Variable, gap: float) -> dict[Variable, float]:
    """How much of a variable's gap each of its parents explains, in the variable's unit."""
    entity = variable.entity
    measured = _measured_calls(recent, variable)
    flows = {call: flow for call, flow in measured.items() if flow * gap > 0}
    inside = _inside_call(recent, variable)
    if inside is not None:
        spent, seconds = inside
        return {spent: min(seconds, gap)} if seconds > 0 and gap > 0 else {}
    mechanism = recent.mechanisms.causal.get(variable)
    for parent in dict.fromkeys(p.variable for p in mechanism.parents) if mechanism else ():
        if measured and parent.entity != entity and recent.roles.role(parent) == "work":
            continue  # its seconds were measured on the call
        if abs(recent.score(parent)) < _INNER_SCORE:
            continue
        assert mechanism
        slope = mechanism.slope(parent)
        if recent.roles.role(parent) == recent.roles.role(variable) == "failure":
            slope = min(max(slope, 0.0), 1.0)  # a caller cannot fail more often by a callee than the callee fails
        flow = slope * recent.gap(parent)
        if flow * gap > 0:
            flows[parent] = flows.get(parent, 0.0) + flow
    return flows


def _measured_calls(recent: Recent, work: Variable) -> dict[Variable, float]:
    """Seconds per request of a service by which each call it waits for is slower than usual."""
    requests = recent.mean(work.entity, "load")
    if recent.roles.role(work) != "work" or not requests:
        return {}
    flows: dict[Variable, float] = {}
    for tie in recent.topology.ties:
        call = tie.end("call")
        if tie.ends[0][1] != work.entity or not tie.waits or call is None:
            continue
        seconds = recent.measured(call, "work")
        if seconds is not None and seconds in recent.mechanisms.marginal:
            calls = recent.mean(call, "load")
            flows[seconds] = recent.gap(seconds) * (1.0 if calls is None else calls) / requests
    return flows


def _inside_call(recent: Recent, variable: Variable) -> tuple[Variable, float] | None:
    """Where a call's seconds are spent beyond the wire, and how many more than usual; None for anything but a call.

    Client seconds minus server seconds is the wire, and stays with the call. Server seconds belong to the server's
    work where that is slower than usual, otherwise to what this client asks of it. Where they are not measured, the
    server's work per request, over all its clients, stands in for them.
    """
    if recent.roles.role(variable) != "work":
        return None
    server = next((tie.ends[1][1] for tie in recent.topology.ties if tie.end("call") == variable.entity), None)
    if server is None:
        return None
    work = recent.measured(server, "work")
    slower = work is not None and recent.gap(work) > 0 and recent.score(work) >= _INNER_SCORE
    served = recent.measured(variable.entity, "work", "server")
    if served == variable:
        return (work, recent.gap(variable)) if work and slower else None
    if served is not None and served in recent.mechanisms.marginal:
        return (work if work and slower else served), recent.gap(served)
    return (work, recent.gap(work)) if work else None


def _mean(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else 0.0
