"""What data say against a causal graph: the independences that it implies and that do not hold, and its idle edges.

The graph implies that a variable, given its causes, is independent of what it does not act on (the local Markov
condition). Each such independence is tested by a partial R^2 beside the variable's own past, and the false discovery
rate over all of them is controlled (Benjamini and Yekutieli 2001, for tests that depend on each other). How many
fail is compared with the same graph under shuffled names (Eulig et al. 2023, "Toward falsifying causal graphs using a
permutation-based test", which DoWhy's `falsify_graph` is, too).

Signals look over windows that overlap: all are averaged to the longest one, rows are taken a window apart, and lags
count windows. A day's cycle is taken out where there is a day.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from datasource.data import Entity, Matrix, Variable
from datasource.discovery.apart import averaged
from datasource.discovery.implied import Bools, Implied
from datasource.discovery.prior import Pair
from datasource.discovery.series import Series, prepare
from datasource.graph.evidence import written_by
from datasource.graph.model import CausalGraph

FALSE_DISCOVERIES = 0.05
"""Share of the contradictions that may be chance."""
LEAST = 0.02
"""Share of what is left of a variable that another one must explain to contradict the graph; discovery asks as much."""
IDLE = 0.01
"""Share below which, at each of its places, an edge explains nothing that matters."""
_NOTHING = 0.05
"""p-value above which the edges of a rule explain nothing together."""
_FEWEST = 100
"""Rows with fewer of which nothing is tested."""
_WIDEST = 10
"""Steps beyond which a window is not waited for."""
_SHUFFLED_VARIABLES, _SHUFFLES = 40, 50
"""Names are shuffled among so many variables, so often."""


class Contradiction(NamedTuple):
    """`variable` moves with `effect`, though the graph says that it does not, given the causes of `effect` (`given`).

    `explained` is the share of what is left of the effect, `p_value` before, `adjusted` after the control of the false
    discovery rate.
    """

    variable: Variable
    effect: Variable
    given: tuple[Variable, ...]
    explained: float
    p_value: float
    adjusted: float

    def __str__(self) -> str:
        beside = f" given {', '.join(map(str, self.given))}" if self.given else ""
        return (
            f"{self.variable} and {self.effect} should be independent{beside}, "
            f"but the one explains {self.explained:.0%} of what is left of the other"
        )


class Shuffled(NamedTuple):
    """The graph beside the same under shuffled names: the share of implied independences that fail.

    `own` is that of the graph over `variables` of its variables, `others` those of `times` shuffled ones (lowest,
    median, highest). `p_value` is the share of shuffled graphs that fit at least as well; `alike` the share of those
    that say the same as the graph, which no data can tell apart.
    """

    variables: int
    times: int
    own: float
    others: tuple[float, float, float]
    p_value: float
    alike: float


class Falsification(NamedTuple):
    """What data say against a graph, of so many rows, `apart` steps from each other.

    `tested` is the number of implied independences that were tested. `idle` are edges that explain nothing, with the
    reason, `strengths` the partial correlation of cause and effect at its strongest lag, by edge. `left_out` are
    variables of which nothing is tested, with the reason.
    """

    tested: int = 0
    contradictions: tuple[Contradiction, ...] = ()
    idle: Mapping[Pair, str] = {}
    strengths: Mapping[Pair, float] = {}
    shuffled: Shuffled | None = None
    left_out: tuple[tuple[Variable, str], ...] = ()
    rows: int = 0
    apart: int = 1
    notices: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """All of it in a sentence."""
        if not self.tested:
            return "; ".join(self.notices) or "the graph implies no independence that can be tested"
        failed = len(self.contradictions)
        said = f"{failed} of {self.tested} implied independences fail"
        if self.shuffled is None:
            return said
        one = self.shuffled
        beside = f"of {one.times} graphs with shuffled names {one.p_value:.0%} fit at least as well"
        if one.alike > FALSE_DISCOVERIES:
            return f"{said}; {one.alike:.0%} of shuffled graphs say the same, so that this tells little"
        better = "better than chance" if one.p_value <= FALSE_DISCOVERIES else "no better than chance"
        return f"{said}; the graph fits {better}: {beside}"


def falsify(
    matrix: Matrix,
    graph: CausalGraph,
    *,
    windows: Mapping[str, int] | None = None,
    tied: Mapping[Entity, Collection[Entity]] | None = None,
    aside: Mapping[Variable, str] | None = None,
    false_discoveries: float = FALSE_DISCOVERIES,
) -> Falsification:
    """Test what the graph implies on a matrix. Pure; raises nothing on data.

    `windows` are those of the signals, in steps. `tied` are the entities that each one is tied to: of a large
    graph, what is far apart is not tested. Of variables that are left `aside`, with the reason, nothing is tested.
    """
    series = prepare(matrix, ranks=False)
    steps = [min((windows or {}).get(variable.signal, 1), _WIDEST) for variable in series.variables]
    apart = max(steps, default=1) if series.has_memory else 1
    tests = Implied(averaged(series, [apart - one for one in steps]), graph, apart, matrix.step, aside or {})
    left_out = [*series.left_out, *tests.left_out.items()]
    if tests.rows < _FEWEST or len(tests.usable) < 2:
        few = f"{tests.rows} rows that do not overlap, and {_FEWEST} are needed to test the graph"
        notice = few if tests.rows < _FEWEST else "fewer than two variables can be tested"
        return Falsification(left_out=tuple(left_out), rows=tests.rows, apart=tests.apart, notices=(notice,))
    found: list[tuple[int, int, float, float]] = []
    idle, strengths = _Idle(tests), {}
    for effect in tests.usable:
        near = tests.implied(effect, tied)
        causes = tests.causes[effect]
        products = tests.among([effect, *causes, *near])
        shares, p_values, _ = products.gram(effect, causes, near).explained()
        found += zip(near, [effect] * len(near), shares.tolist(), p_values.tolist(), strict=True)
        for cause in causes:
            if tests.happened[cause]:
                others = [one for one in causes if one != cause]
                (share,), (p_value,), (strength,) = products.gram(effect, others, [cause]).explained()
                pair = series.variables[cause], series.variables[effect]
                strengths[pair] = float(strength)
                rare = tests.rare[cause] or tests.rare[effect]
                idle.add(pair, float(share), float(p_value), rare=bool(rare))
    contradictions = _surest(series, tests, found, false_discoveries)
    return Falsification(
        len(found),
        contradictions,
        idle.told(),
        strengths,
        _shuffled(tests),
        tuple(left_out),
        tests.rows,
        tests.apart,
    )


class _Idle:
    """Which rules explain nothing at any of their places."""

    def __init__(self, tests: Implied) -> None:
        self._rules = {(edge.cause, edge.effect): written_by(edge) for edge in tests.graph.edges}
        self._found: dict[str, list[tuple[Pair, float, float]]] = {}
        self._rare: set[str] = set()

    def add(self, pair: Pair, share: float, p_value: float, *, rare: bool) -> None:
        """An edge, what it explains, and whether one of its ends is mostly one value: nothing explains much of that."""
        self._found.setdefault(self._rules[pair], []).append((pair, share, p_value))
        if rare:
            self._rare.add(self._rules[pair])

    def told(self) -> dict[Pair, str]:
        """By edge, why it is idle."""
        idle: dict[Pair, str] = {}
        for rule, found in self._found.items():
            largest = max(share for _, share, _ in found)
            p_value = float(stats.combine_pvalues([max(p, 1e-300) for _, _, p in found]).pvalue)
            if (largest < IDLE and rule not in self._rare) or p_value > _NOTHING:
                why = (
                    f"'{rule}' explains at most {largest:.1%} of what its effect's other causes and past leave "
                    f"(p = {p_value:.2g}, {len(found)} places)"
                )
                idle |= {pair: why for pair, _, _ in found}
        return idle


def _surest(
    series: Series, tests: Implied, found: Sequence[tuple[int, int, float, float]], rate: float
) -> tuple[Contradiction, ...]:
    """Those that stand after the control of the false discovery rate and explain enough."""
    if not found:
        return ()
    adjusted = stats.false_discovery_control([p_value for *_, p_value in found], method="by")
    named = series.variables
    kept = [
        Contradiction(
            named[other], named[effect], tuple(named[cause] for cause in tests.causes[effect]), share, p_value, q_value
        )
        for (other, effect, share, p_value), q_value in zip(found, adjusted.tolist(), strict=True)
        if q_value <= rate and share >= LEAST
    ]
    return tuple(sorted(kept, key=lambda one: (-one.explained, one.variable, one.effect)))


def _shuffled(tests: Implied) -> Shuffled | None:
    """The graph over some of its variables, whole entities first, beside the same under shuffled names."""
    order = sorted(tests.usable, key=lambda one: (tests.series.variables[one].entity, tests.series.variables[one]))
    chosen = np.array(order[:_SHUFFLED_VARIABLES], dtype=np.int64)
    inside, reach = tests.within(chosen.tolist())
    count = len(chosen)
    if count < 3 or not inside.any() or inside.sum() == count * (count - 1) / 2:
        return None
    products = tests.among(chosen.tolist())

    def failing(adjacent: Bools, reaches: Bools) -> float:
        failed = tested = 0
        for effect in range(count):
            free = ~adjacent[:, effect] & ~reaches[effect]
            free[effect] = False
            others = np.flatnonzero(free)
            if others.size:
                causes = chosen[np.flatnonzero(adjacent[:, effect])].tolist()
                shares, p_values, _ = products.gram(int(chosen[effect]), causes, chosen[others].tolist()).explained()
                tested += others.size
                failed += int(((p_values < _NOTHING) & (shares >= LEAST)).sum())
        return failed / tested if tested else 0.0

    own = failing(inside, reach)
    rng = np.random.default_rng(0)
    same, others = _class_of(inside), []
    alike = 0
    for _ in range(_SHUFFLES):
        order_of = rng.permutation(count)
        shuffled = inside[np.ix_(order_of, order_of)]
        alike += _class_of(shuffled) == same
        others.append(failing(shuffled, reach[np.ix_(order_of, order_of)]))
    spread = float(min(others)), float(np.median(others)), float(max(others))
    as_good = float(np.mean([one <= own for one in others]))
    return Shuffled(count, _SHUFFLES, own, spread, as_good, alike / _SHUFFLES)


def _class_of(adjacent: Bools) -> bytes:
    """Skeleton and colliders: graphs that share them imply the same independences (Verma and Pearl 1990)."""
    skeleton = adjacent | adjacent.T
    colliders = [
        (one, other, effect)
        for effect in range(len(adjacent))
        for causes in [np.flatnonzero(adjacent[:, effect]).tolist()]
        for number, one in enumerate(causes)
        for other in causes[:number]
        if not skeleton[one, other]
    ]
    return skeleton.tobytes() + repr(sorted(colliders)).encode()
