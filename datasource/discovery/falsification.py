"""What data say against a causal graph: the independences that it implies and that do not hold, and its idle edges.

The graph implies that a variable, given its causes, is independent of what it does not act on (the local Markov
condition). Each such independence is tested by a partial R^2 beside the variable's own past, and the false discovery
rate over all of them is controlled (Benjamini and Yekutieli 2001, for tests that depend on each other). How many
fail is compared with the same graph under shuffled names (Eulig et al. 2023, "Toward falsifying causal graphs using a
permutation-based test", which DoWhy's `falsify_graph` is, too).

Signals look over windows that overlap: all are averaged to the longest one, rows are taken a window apart, and lags
count windows. A day's cycle is taken out where there is a day.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from datasource.data import Entity, Floats, Matrix, Variable
from datasource.discovery.prior import Pair
from datasource.discovery.series import Series, lagged, normal_scores, prepare, standardised
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
_LAGS = 2
"""Rows before: of the variable's own past, of its causes, and of what should be independent."""
_FEWEST = 100
"""Rows with fewer of which nothing is tested."""
_HAPPENED = 10
"""Times that something must have happened to be tested."""
_WIDEST = 10
"""Steps beyond which a window is not waited for."""
_DAY = 86400
_HARMONICS = 3
_SHUFFLED_VARIABLES, _SHUFFLES = 40, 50
"""Names are shuffled among so many variables, so often."""
_MOST_STRANGERS = 60
"""Variables up to which everything is tested against everything; beyond, within an entity and along ties."""
_RIDGE = 1e-9


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
    together: Callable[[Entity, Entity], bool] | None = None,
    aside: Mapping[Variable, str] | None = None,
    false_discoveries: float = FALSE_DISCOVERIES,
) -> Falsification:
    """Test what the graph implies on a matrix. Pure; raises nothing on data.

    `windows` are those of the signals, in steps. `together` says whether two entities are tied: of a large
    graph, what is far apart is not tested. Of variables that are left `aside`, with the reason, nothing is tested.
    """
    series = prepare(matrix, ranks=False)
    steps = [min((windows or {}).get(variable.signal, 1), _WIDEST) for variable in series.variables]
    apart = max(steps, default=1) if series.has_memory else 1
    tests = _Tests(_averaged(series, [apart - one for one in steps]), graph, apart, matrix.step, aside or {})
    left_out = [*series.left_out, *tests.left_out.items()]
    if tests.rows < _FEWEST or len(tests.usable) < 2:
        few = f"{tests.rows} rows that do not overlap, and {_FEWEST} are needed to test the graph"
        notice = few if tests.rows < _FEWEST else "fewer than two variables can be tested"
        return Falsification(left_out=tuple(left_out), rows=tests.rows, apart=tests.apart, notices=(notice,))
    far = len(series.variables) > _MOST_STRANGERS
    found: list[tuple[int, int, float, float]] = []
    idle, strengths = _Idle(tests), {}
    for effect in tests.usable:
        near = [
            other
            for other in tests.implied(effect)
            if not far or tests.near(effect, other) or (together and together(*tests.entities(effect, other)))
        ]
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


class _Tests:
    """The rows of a series a window apart, and what the graph implies for its variables."""

    def __init__(
        self, series: Series, graph: CausalGraph, apart: int, step: int, aside: Mapping[Variable, str]
    ) -> None:
        self.series, self.graph, self.apart = series, graph, apart
        self.lags = _LAGS if series.has_memory else 0
        self.values = _whitened(series, apart, step)
        self.count = len(series.variables)
        self.rows = max(self.values.shape[1] - self.lags, 0)
        place = {variable: number for number, variable in enumerate(series.variables)}
        self.adjacent = np.zeros((self.count, self.count), dtype=np.bool_)
        hidden = set()
        for edge in graph.edges:
            if edge.cause in place and edge.effect in place:
                self.adjacent[place[edge.cause], place[edge.effect]] = True
            elif edge.effect in place:
                hidden.add(place[edge.effect])
        self.reaches = _reaches(self.adjacent, self._through_unused(place))
        happened = [len(row) - int(np.unique(row, return_counts=True)[1].max()) for row in series.values]
        self.rare = _mostly_one_value(series.values)
        self.happened = np.array([one >= _HAPPENED for one in happened], dtype=np.bool_)
        self.tested = self.happened.copy()
        self.left_out: dict[Variable, str] = {}
        for number, variable in enumerate(series.variables):
            if variable in aside:
                self.left_out[variable] = aside[variable]
                self.tested[number] = False
            elif number in hidden:
                self.left_out[variable] = "one of its causes is not measured"
            elif self.reaches[number, number]:
                self.left_out[variable] = "it is part of a feedback loop"
            elif not self.happened[number]:
                self.left_out[variable] = f"it moved fewer than {_HAPPENED} times"
        self.usable = [n for n, variable in enumerate(series.variables) if variable not in self.left_out]
        self.causes = [np.flatnonzero(self.adjacent[:, effect]).tolist() for effect in range(self.count)]
        self.lagged = lagged(self.values, self.lags) if self.rows else np.empty((0, 0))
        self.season = _season(self.rows, apart * step) if series.has_memory else np.ones((1, self.rows))

    def _through_unused(self, place: Mapping[Variable, int]) -> list[tuple[int, int]]:
        """Ways between variables that lead through some that are not in the series."""
        unused = {v for edge in self.graph.edges for v in (edge.cause, edge.effect) if v not in place}
        if not unused:
            return []
        found = []
        for variable in {edge.cause for edge in self.graph.edges if edge.effect in unused and edge.cause in place}:
            found += [(place[variable], place[v]) for v in self.graph.descendants(variable) if v in place]
        return [(one, other) for one, other in found if one != other]

    def implied(self, effect: int) -> list[int]:
        """The variables of which an effect, given its causes, is independent according to the graph."""
        free = ~self.adjacent[:, effect] & ~self.reaches[effect] & self.tested
        free[effect] = False
        found: list[int] = np.flatnonzero(free).tolist()
        return found

    def near(self, one: int, other: int) -> bool:
        """Whether two variables belong to one entity."""
        return self.series.variables[one].entity == self.series.variables[other].entity

    def entities(self, one: int, other: int) -> tuple[Entity, Entity]:
        return self.series.variables[one].entity, self.series.variables[other].entity

    def among(self, numbers: Sequence[int]) -> "_Products":
        """The products of some variables' rows."""
        return _Products(self, numbers)


class _Products:
    """Products of the season, of some variables at all lags, and of their squares."""

    def __init__(self, tests: _Tests, numbers: Sequence[int]) -> None:
        self._place = {number: place for place, number in enumerate(numbers)}
        self._count, self._lags, self._rows = len(numbers), tests.lags, tests.rows
        rows = [lag * tests.count + number for lag in range(tests.lags + 1) for number in numbers]
        bent = tests.values[list(numbers)][:, tests.lags :] ** 2
        every = np.concatenate([tests.season, tests.lagged[rows], bent])
        self._season = len(tests.season)
        self._products = every @ every.T

    def gram(self, effect: int, causes: Sequence[int], tested: Sequence[int]) -> "_Gram":
        """An effect given its own past and causes at all lags, with their squares, and what is tested beside it."""
        own = [self._at(effect, lag) for lag in range(1, self._lags + 1)]
        given = [self._at(cause, lag) for cause in causes for lag in range(self._lags + 1)]
        bent = [self._at(cause, self._lags + 1) for cause in causes]
        asked = [self._at(one, lag) for one in tested for lag in range(self._lags + 1)]
        fixed = [*range(self._season), *own, *given, *bent]
        return _Gram(self._products, fixed, [self._at(effect, 0), *asked], self._lags + 1, self._rows)

    def _at(self, number: int, lag: int) -> int:
        return self._season + lag * self._count + self._place[number]


class _Gram:
    """An effect, and variables at their lags beside it, without what is given explains of them.

    `products` are those of rows, of which `fixed` are given, and `asked` the effect and the lags of what is tested.
    """

    def __init__(self, products: Floats, fixed: Sequence[int], asked: Sequence[int], width: int, n: int) -> None:
        self._width, self._n, self._used = width, n, len(fixed)
        inner = products[np.ix_(fixed, fixed)]
        inner[np.diag_indices_from(inner)] += _RIDGE * np.trace(inner) / len(inner)
        crossed = products[np.ix_(fixed, asked)]
        left = products[np.ix_(asked, asked)] - crossed.T @ np.linalg.solve(inner, crossed)
        spread, before = np.diag(left), products[asked, asked]
        moving = spread > 1e-7 * before
        scale = np.sqrt(np.where(moving, spread, 1.0))
        self._left = np.where(np.outer(moving, moving), left / np.outer(scale, scale), 0.0)

    def explained(self) -> tuple[Floats, Floats, Floats]:
        """Of each tested variable the partial R^2 at all its lags, its p-value by the F test, and the partial
        correlation at the strongest lag."""
        count = (len(self._left) - 1) // self._width
        at = 1 + np.arange(count * self._width).reshape(count, self._width)
        crossed = self._left[0, at]
        inside = self._left[at[:, :, None], at[:, None, :]] * (1 - 1e-6)
        diagonal = np.arange(self._width)
        inside[:, diagonal, diagonal] = 1.0
        share = np.clip(np.einsum("nw,nw->n", crossed, np.linalg.solve(inside, crossed[:, :, None])[:, :, 0]), 0.0, 1.0)
        freedom = max(self._n - self._used - self._width, 1)
        ratio = share / self._width / np.maximum(1 - share, 1e-12) * freedom
        strongest = crossed[np.arange(count), np.abs(crossed).argmax(axis=1)] if count else np.empty(0)
        return share, stats.f.sf(ratio, self._width, freedom), strongest


class _Idle:
    """Which rules explain nothing at any of their places."""

    def __init__(self, tests: _Tests) -> None:
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
    series: Series, tests: _Tests, found: Sequence[tuple[int, int, float, float]], rate: float
) -> tuple[Contradiction, ...]:
    """Those that stand after the control of the false discovery rate and explain enough; of a pair the clearer."""
    if not found:
        return ()
    adjusted = stats.false_discovery_control([p_value for *_, p_value in found], method="by")
    named = series.variables
    kept: dict[frozenset[int], Contradiction] = {}
    for (other, effect, share, p_value), q_value in zip(found, adjusted.tolist(), strict=True):
        if q_value <= rate and share >= LEAST:
            given = tuple(named[cause] for cause in tests.causes[effect])
            one = Contradiction(named[other], named[effect], given, share, p_value, q_value)
            before = kept.get(frozenset((other, effect)))
            if before is None or share > before.explained:
                kept[frozenset((other, effect))] = one
    return tuple(sorted(kept.values(), key=lambda one: (-one.explained, one.variable, one.effect)))


def _shuffled(tests: _Tests) -> Shuffled | None:
    """The graph over some of its variables, whole entities first, beside the same under shuffled names."""
    order = sorted(tests.usable, key=lambda one: (tests.series.variables[one].entity, tests.series.variables[one]))
    chosen = np.array(order[:_SHUFFLED_VARIABLES], dtype=np.int64)
    inside = tests.adjacent[np.ix_(chosen, chosen)]
    count = len(chosen)
    if count < 3 or not inside.any() or inside.sum() == count * (count - 1) / 2:
        return None
    reach = tests.reaches[np.ix_(chosen, chosen)]

    products = tests.among(chosen.tolist())

    def failing(adjacent: NDArray[np.bool_], reaches: NDArray[np.bool_]) -> float:
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


def _class_of(adjacent: NDArray[np.bool_]) -> bytes:
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


def _reaches(adjacent: NDArray[np.bool_], more: Sequence[tuple[int, int]]) -> NDArray[np.bool_]:
    """Whether there is a directed way from one (rows) to another (columns)."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    found = adjacent.copy()
    for one, other in more:
        found[one, other] = True
    number, member = connected_components(csr_array(found), connection="strong")
    between = np.zeros((number, number), dtype=np.bool_)
    causes, effects = np.nonzero(found)
    inner = member[causes] == member[effects]
    between[member[causes], member[effects]] = True
    looped = np.zeros(number, dtype=np.bool_)
    looped[member[causes[inner]]] = True
    np.fill_diagonal(between, looped)
    # scipy numbers components so that edges lead from higher to lower numbers, or the other way; either way, close it.
    while True:
        wider = between | ((between.astype(np.float32) @ between.astype(np.float32)) > 0)
        if (wider == between).all():
            return wider[np.ix_(member, member)]
        between = wider


def _averaged(series: Series, steps: Sequence[int]) -> Series:
    """The series with each row averaged over so many steps before, too: a rate over a longer window."""
    values = series.values.copy()
    for row, more in zip(values, steps, strict=True):
        if more > 0 and row.size > more:
            sums = np.cumsum(np.concatenate([np.full(more + 1, 0.0), row]))
            counts = np.minimum(np.arange(1, row.size + 1), more + 1)
            first = np.maximum(np.arange(row.size) - more, 0)
            row[:] = (sums[more + 1 :] - sums[first + more]) / counts
    return replace(series, values=values)


def _whitened(series: Series, apart: int, step: int) -> Floats:
    """Normal scores of rows that are `apart` steps from each other, without trend and a day's cycle.

    Those are taken out first: scores would bend them, and noise with them. What is mostly one value has none.
    """
    values = series.values
    if series.has_memory and values.size:
        season = _season(values.shape[1], step)
        calm = series.without_trend()
        calm = calm - np.linalg.lstsq(season.T, calm.T, rcond=None)[0].T @ season
        values = np.where(_mostly_one_value(values)[:, None], values, calm)
    values = values[:, (values.shape[1] - 1) % apart :: apart]
    return standardised(np.array([normal_scores(row) for row in values])) if values.size else values


def _mostly_one_value(values: Floats) -> NDArray[np.bool_]:
    usual = [int(np.unique(row, return_counts=True)[1].max()) for row in values]
    found: NDArray[np.bool_] = np.array(usual, dtype=np.int64) > values.shape[1] / 2
    return found


def _season(rows: int, seconds: int) -> Floats:
    """A constant, and where the rows span a day its cycle and some harmonics of it (rows of the answer)."""
    times = np.arange(rows) * seconds
    harmonics = range(1, _HARMONICS + 1) if rows * seconds >= _DAY else ()
    waves = [wave(2 * np.pi * k * times / _DAY) for k in harmonics for wave in (np.sin, np.cos)]
    return np.array([np.ones(rows), *waves])
