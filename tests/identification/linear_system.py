"""Linear Gaussian systems over a causal graph, and what regressions would find in them with endless data."""

import numpy as np

from datasource.data import Entity, Variable
from datasource.graph import CausalGraph, Edge, LaggedVariable, unroll

SERVICE = Entity("service", (("service", "shop"),))


def variable(signal: str) -> Variable:
    return Variable(SERVICE, signal)


def causes(*edges: tuple[str, str, int]) -> CausalGraph:
    """A graph from (cause, effect, lag); what begins with u is unmeasured."""
    variables = tuple(sorted({variable(end) for edge in edges for end in edge[:2]} | {variable("x"), variable("y")}))
    found = tuple(sorted({Edge(variable(cause), variable(effect), lag) for cause, effect, lag in edges}))
    return CausalGraph(variables, found, frozenset(one for one in variables if one.signal.startswith("u")))


class LinearSystem:
    """Random coefficients, the same at all times, and noises of random size, over `depth` steps."""

    def __init__(self, graph: CausalGraph, depth: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        strength = {edge[:3]: rng.choice((-1, 1)) * rng.uniform(0.2, 0.7) for edge in graph.edges}
        noise = {one: rng.uniform(0.5, 2.0) for one in graph.variables}
        self.unrolled = unroll(graph, graph.variables, depth)
        self.place = {node: number for number, node in enumerate(self.unrolled)}
        self.direct = np.zeros((len(self.place), len(self.place)))
        for cause, effect in self.unrolled.edges:
            key = (cause.variable, effect.variable, cause.lag - effect.lag)
            self.direct[self.place[effect], self.place[cause]] = strength[key]
        total = np.linalg.inv(np.eye(len(self.place)) - self.direct)
        self.covariance = total @ np.diag([noise[node.variable] for node in self.place]) @ total.T

    def effects(self, treatments, outcome) -> np.ndarray:
        """What each treatment does to the outcome while the others are held: interventions, not regressions."""
        cut = self.direct.copy()
        cut[[self.place[x] for x in treatments]] = 0.0
        total = np.linalg.inv(np.eye(len(self.place)) - cut)
        return total[self.place[outcome], [self.place[x] for x in treatments]]

    def given(self, rows, columns, fixed) -> np.ndarray:
        """The covariances of `rows` and `columns` with `fixed` held fixed."""
        r, c, f = ([self.place[node] for node in part] for part in (rows, columns, fixed))
        found = self.covariance[np.ix_(r, c)]
        if f:
            held = np.linalg.solve(self.covariance[np.ix_(f, f)], self.covariance[np.ix_(f, c)])
            found = found - self.covariance[np.ix_(r, f)] @ held
        return found

    def regression(self, outcomes, treatments, fixed) -> np.ndarray:
        """The coefficients (outcomes, treatments) of regressions on the treatments and `fixed`."""
        return np.linalg.solve(self.given(treatments, treatments, fixed), self.given(treatments, outcomes, fixed)).T

    def instrumented(self, outcome, treatments, instruments, fixed) -> np.ndarray:
        """Two-stage least squares."""
        first = self.given(instruments, treatments, fixed)
        return np.linalg.lstsq(first, self.given(instruments, [outcome], fixed)[:, 0], rcond=None)[0]

    def front_door(self, outcome, treatments, mediators, fixed) -> np.ndarray:
        """What the treatments do to the mediators times what these do to the outcome."""
        before = self.regression(mediators, treatments, fixed)
        return self.regression([outcome], mediators, [*fixed, *treatments])[0] @ before

    def estimated(self, found, treatments, outcome) -> np.ndarray:
        """What the estimator that belongs to an identification would find."""
        fixed = list(found.adjustment_set)
        if found.identified_by == "instrument":
            return self.instrumented(outcome, treatments, list(found.instruments), fixed)
        if found.identified_by == "front-door":
            return self.front_door(outcome, treatments, list(found.mediators), fixed)
        return self.regression([outcome], treatments, fixed)[0]


def joint(lags: int) -> list[LaggedVariable]:
    return [LaggedVariable(variable("x"), lag) for lag in range(lags + 1)]


OUTCOME = LaggedVariable(variable("y"), 0)
