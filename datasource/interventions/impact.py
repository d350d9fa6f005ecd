"""What an intervention changed in a variable: what was seen against what would have been."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.data import Floats, Matrix, Variable
from datasource.effects.estimators.autoregressive_error import AutoregressiveError, autoregressive_error
from datasource.effects.estimators.counterfactual_regression import ridge_inner, ridge_penalty
from datasource.effects.inference import from_error, reach
from datasource.effects.result import NO_ESTIMATE, Check, Estimate
from datasource.effects.study import Ints, Mask, StudyError
from datasource.effects.windows import window_steps
from datasource.graph import CausalGraph
from datasource.interventions.detection import the_same
from datasource.interventions.entry import Intervention
from datasource.settings import Signal, format_duration

SWITCHBACK, DIFFERENCES, REGRESSION = "switchback", "difference_in_differences", "counterfactual_regression"

FEWEST = 20
"""Points without the intervention, at least: a level, and how its errors hang together."""
PLACEBOS = 40
"""Dates at which nothing was done, and at which the same is computed."""
_MOST_CONTROLS, _ROWS_EACH = 10, 30
"""Control series at most, and points without the intervention for each."""
_MISSING = 0.1
"""A control that misses a larger share of the outcome's points is left out."""
_DAY, _DAYS = 86400, 2
"""From so many days on, the hour of the day is told from a level."""
_HARMONICS = 3
_PRIOR = 2.0
"""So many stretches say, before any is seen, that residuals told the error right."""
_BLOCKS = 3
"""Blocks of a switchback, on and off each, at least."""


@dataclass(frozen=True)
class Impact:
    """What an intervention changed in an outcome while it lasted, in units of the outcome.

    average, cumulative: the mean effect over its points, and their sum, with 95% intervals; else NaN, and a notice.
    times: (m) seconds since 1970. observed, expected, lower, upper: (m) the course, and what would have been with its
    95% band. on: (m) the points that the average is over.
    design: `switchback`, `difference_in_differences` or `counterfactual_regression`; controls: what it is held against.
    placebo_dates, placebo_found: so many times without it were tried, and so many showed an effect (p < 0.05);
    placebo_larger: so many one as large as the average.
    predicted: what the graph's equations say of the same change of the target, or None.
    """

    intervention: int
    outcome: Variable
    design: str
    average: Estimate
    cumulative: Estimate
    times: NDArray[np.int64]
    observed: Floats
    expected: Floats
    lower: Floats
    upper: Floats
    on: Mask
    controls: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    notices: tuple[str, ...] = ()
    placebo_dates: int = 0
    placebo_found: int = 0
    placebo_larger: int = 0
    predicted: Estimate | None = None

    @property
    def added_up(self) -> Floats:
        """(m) The effect added up over its points, up to each time."""
        return np.cumsum(np.nan_to_num(np.where(self.on, self.observed - self.expected, 0.0)))

    @property
    def points(self) -> int:
        """How many points the average is over."""
        return int(self.on.sum())


class Question(NamedTuple):
    """Of which intervention, on what. `others` may overlap it, `compared` are the entities of a comparison group;
    `settle` are seconds after the start that are left out, beside the outcome's window."""

    intervention: Intervention
    outcome: Variable
    others: Sequence[Intervention] = ()
    compared: Sequence[str] = ()
    settle: float = 0.0


def measure(
    question: Question, matrix: Matrix, signals: Mapping[str, Signal], graph: CausalGraph | None = None
) -> Impact:
    """The effect of an intervention on a variable while it lasted.

    What would have been is a ridge regression on controls, fitted where the intervention does not act: before it and,
    where it ended, after it. Controls are the comparison group where one is named (their mean is taken off: difference
    in differences), else the outcome's own causes and other entities' same signal, never what the target may move, and
    the hour of the day from two days on. Errors hang together as an autoregression beside noise, learnt from the
    residuals. A randomised one with blocks is a switchback: the means of its blocks are compared (Bojinov,
    Simchi-Levi and Zhao 2023). Points within the outcome's window of a start or an end show both and are left out.
    Pure; what cannot be answered is NaN with a notice.
    """
    try:
        return _measured(question, matrix, signals, graph)
    except StudyError as error:
        times = matrix.times
        row = matrix.row(question.outcome) if question.outcome in matrix else np.full(len(times), np.nan)
        unknown = np.full(len(times), np.nan)
        return Impact(
            question.intervention.id, question.outcome, "", NO_ESTIMATE, NO_ESTIMATE, times, row, unknown, unknown,
            unknown, np.zeros(len(times), dtype=bool), notices=(str(error),),
        )  # fmt: skip


class _Rows(NamedTuple):
    """The outcome (n) at its places on the grid (n); columns (n, k), the first `free` of which are not shrunk; where
    the intervention acts, and where nothing of it is left."""

    outcome: Floats
    places: Ints
    columns: Floats
    free: int
    on: Mask
    clean: Mask


class _Fit(NamedTuple):
    """design (n, k), the hat matrix's inner one (k, k), what would have been (n), and how its errors hang together."""

    design: Floats
    inner: Floats
    expected: Floats
    process: AutoregressiveError


def _measured(question: Question, matrix: Matrix, signals: Mapping[str, Signal], graph: CausalGraph | None) -> Impact:
    one, outcome = question.intervention, question.outcome
    if outcome not in matrix:
        raise StudyError(f"{outcome} is not measured; name a variable that is")
    if one.start > matrix.end or (one.end is not None and one.end <= matrix.start):
        raise StudyError("it lies outside the baseline, whose points are at hand; a longer baseline would reach it")
    window = window_steps(signals[outcome.signal], matrix.step) * matrix.step
    on, clean = _acting(one, matrix.times, window, question.settle)
    notices: list[str] = []
    row = matrix.row(outcome)
    moved, told = moved_by(one, matrix, graph)
    notices += told
    free, told = _beside(question, matrix, window, on, clean, graph)
    notices += told
    if question.compared:
        group = _group(question, matrix, moved)
        row = row - np.mean([matrix.row(variable) for variable in group], axis=0)
        shrunk: dict[str, Floats] = {}
        names, design = tuple(str(variable.entity) for variable in group), DIFFERENCES
    else:
        shrunk, told = _controls(outcome, moved, matrix, graph, int(clean.sum()))
        notices += told
        names, design = tuple(shrunk), REGRESSION
        shrunk |= _calendar(matrix, clean)
    columns = np.column_stack([np.zeros((len(row), 0)), *free.values(), *shrunk.values()])
    there = np.isfinite(row) & np.isfinite(columns).all(axis=1)
    rows = _Rows(row, matrix.times // matrix.step, columns, len(free), on & there, clean & there)
    if not rows.on.any():
        raise StudyError(_none_on(one, matrix, window + question.settle))
    if rows.clean.sum() < FEWEST:
        raise StudyError(
            f"{int(rows.clean.sum())} points without it are too few to say what would have been; {FEWEST} would do"
        )
    fit = _fitted(rows)
    gaps = rows.outcome - fit.expected
    placebos = _placebos(rows, fit)
    average = _average(rows, fit, placebos.wider)
    if one.randomised and one.on:
        blocks = _blocks(one, matrix.times, rows, gaps)
        if blocks is None:
            notices.append(f"fewer than {_BLOCKS} blocks on and off: it is measured like one that was not randomised")
        else:
            average, design = blocks, SWITCHBACK
    known = fit.process.variance > 0
    if not known:
        notices.append(f"{outcome} is exactly what its controls say: no interval")
    errors = fit.process.prediction_errors(fit.design[there], fit.inner, rows.clean[there], rows.places[there])
    widths = np.full(len(row), np.nan)
    widths[there] = placebos.wider * errors * reach(fit.process.freedom) if known else np.nan
    observed = matrix.row(outcome)
    expected = observed - gaps
    count = float(rows.on.sum())
    return Impact(
        one.id, outcome, design, average,
        Estimate(average.value * count, average.lower * count, average.upper * count, average.p_value),
        matrix.times, observed, expected, expected - widths, expected + widths, rows.on, names,
        tuple(_checks(rows, fit, gaps, placebos, design)), tuple(notices), placebos.dates, placebos.found,
        sum(abs(gap) >= abs(average.value) for gap in placebos.gaps),
    )  # fmt: skip


def _acting(one: Intervention, times: Ints, window: float, settle: float) -> tuple[Mask, Mask]:
    """Where it acts in full (m), and where nothing of it is left (m); a value looks back over `window` seconds."""
    periods = one.on or ((one.start, one.end if one.end is not None else int(times[-1]) + 1 + int(window)),)
    on, touched = np.zeros(len(times), dtype=bool), np.zeros(len(times), dtype=bool)
    for start, end in periods:
        on |= (times >= start + window + settle) & (times <= end)
        touched |= (times > start) & (times < end + window + settle)
    return on, ~(touched | on)


def _none_on(one: Intervention, matrix: Matrix, settling: float) -> str:
    """Why no point shows it."""
    lasted = (min(one.end, matrix.end) if one.end is not None else matrix.end) - one.start
    if one.end is None or one.end > matrix.end:
        return (
            f"it began {format_duration(max(lasted, 1))} before the newest point; its first whole point comes "
            f"{format_duration(settling)} after its start"
        )
    return (
        f"it lasted {format_duration(max(lasted, 1))}, and no point lies wholly within it: a value looks back over "
        f"{format_duration(settling)}; let it last longer, or give the signal a shorter window"
    )


def moved_by(one: Intervention, matrix: Matrix, graph: CausalGraph | None) -> tuple[set[Variable] | None, list[str]]:
    """What the intervention may move: its targets' variables and all that the graph leads from them to; None where no
    target is known, and what is to be said."""
    known = [*matrix.variables, *(graph.variables if graph else ())]
    moved: set[Variable] = set()
    unknown = []
    for target in one.targets:
        own = {v for v in known if target in names_of(v)}
        if not own:
            unknown.append(target)
        for variable in own:
            moved |= graph.descendants(variable) if graph else {variable}
    if not unknown:
        return moved, []
    said = f"{', '.join(unknown)} is not measured: what it moves is not known, and no series is a control"
    return (moved or None) if len(unknown) < len(one.targets) else None, [said]


def names_of(variable: Variable) -> set[str]:
    """How people may name a variable, or its entity."""
    entity = variable.entity
    if not entity.labels:
        return {variable.signal}
    return {str(variable), f"{entity.name}.{variable.signal}", str(entity), entity.plain, entity.name}


def variable_named(name: str, matrix: Matrix) -> Variable:
    """The measured variable of a name, as shop/web.latency or web.latency. Raises StudyError."""
    whole = [v for v in matrix.variables if str(v) == name]
    short = whole or [v for v in matrix.variables if v.entity.labels and f"{v.entity.name}.{v.signal}" == name]
    if len(short) == 1:
        return short[0]
    if not matrix.variables:
        raise StudyError(
            f"'{name[:200]}' is not measured, nor is anything else yet; 'causal-datasource check' says why"
        )
    some = ", ".join(str(v) for v in (short or matrix.variables)[:5])
    what = f"{len(short)} variables are called '{name[:200]}'" if short else f"'{name[:200]}' is not measured"
    raise StudyError(f"{what}; name one, as {some}")


def _beside(
    question: Question, matrix: Matrix, window: float, on: Mask, clean: Mask, graph: CausalGraph | None
) -> tuple[dict[str, Floats], list[str]]:
    """A column for each other intervention that may move the outcome, where the points say what it does by itself.

    Takes from `on` and `clean` the points at which another one is just settling, and from `on` those where it cannot be
    told apart. Raises StudyError where none is left.
    """
    columns: dict[str, Floats] = {}
    said: list[str] = []
    for other in question.others:
        if other.id == question.intervention.id or the_same(other, question.intervention):
            continue
        if other.start > matrix.end or (other.end is not None and other.end <= matrix.start):
            continue
        moved, _ = moved_by(other, matrix, graph)
        if moved is not None and question.outcome not in moved:
            continue
        acting, gone = _acting(other, matrix.times, window, 0.0)
        unsettled = ~(acting | gone)
        on &= ~unsettled
        clean &= ~unsettled
        told = f"intervention {other.id} ({other.kind} of {', '.join(other.targets)})"
        share = acting[clean].mean() if clean.any() else 0.0
        if 0 < share < 1:
            columns[told] = acting.astype(float)
        elif (acting[on] != bool(share)).any():
            on &= acting == bool(share)
            if not on.any():
                raise StudyError(f"{told} was on for all of its time as well: the two cannot be told apart")
            said.append(f"points at which {told} was on as well are left out")
    return columns, said


def _group(question: Question, matrix: Matrix, moved: set[Variable] | None) -> list[Variable]:
    """The outcome's signal at the entities of the comparison group. Raises StudyError."""
    group = []
    for name in question.compared:
        found = [
            v for v in matrix.variables if v.signal == question.outcome.signal and name in names_of(v) - {v.signal}
        ]
        if not found:
            raise StudyError(f"control '{name}' has no {question.outcome.signal}; name an entity that is measured")
        if moved is not None and found[0] in moved:
            raise StudyError(f"control '{name}' may be moved by the intervention; name another entity")
        group.append(found[0])
    return group


def _controls(
    outcome: Variable, moved: set[Variable] | None, matrix: Matrix, graph: CausalGraph | None, clean: int
) -> tuple[dict[str, Floats], list[str]]:
    """The outcome's own causes at their lags, then its signal at other entities: never what may be moved."""
    if moved is None:
        return {}, []
    never = moved | (graph.descendants(outcome) if graph else {outcome})
    edges = graph.parents(outcome) if graph else ()
    causes = [(edge.cause, edge.lag) for edge in edges]
    said = [str(cause) for cause, _ in dict(causes).items() if cause in never and cause in matrix]
    others = [(v, 0) for v in matrix.variables if v.signal == outcome.signal]
    row = matrix.row(outcome)
    there = np.isfinite(row)
    found: dict[str, tuple[bool, float, Floats]] = {}
    for variable, lag in dict.fromkeys((*causes, *others)):
        if variable in never or variable not in matrix:
            continue
        own = matrix.row(variable)
        column = np.append(np.full(min(lag, len(own)), np.nan), own[: max(len(own) - lag, 0)])
        both = there & np.isfinite(column)
        if both.sum() < (1 - _MISSING) * there.sum() or not column[both].std() > 0:
            continue
        like = abs(float(np.corrcoef(column[both], row[both])[0, 1])) if row[both].std() > 0 else 0.0
        found[f"{variable}@-{lag}" if lag else str(variable)] = (variable.entity != outcome.entity, -like, column)
    most = min(_MOST_CONTROLS, clean // _ROWS_EACH)
    kept = sorted(found, key=lambda name: found[name][:2])[:most]
    notices = [f"no controls, the intervention or the outcome may move them: {', '.join(said)}"] if said else []
    return {name: found[name][2] for name in kept}, notices


def _calendar(matrix: Matrix, clean: Mask) -> dict[str, Floats]:
    """Waves of the hour of the day (m), where clean points cover two days."""
    times = matrix.times[clean]
    if not times.size or times[-1] - times[0] < _DAYS * _DAY - matrix.step:
        return {}
    angle = 2 * np.pi * (matrix.times % _DAY) / _DAY
    waves = ((name, wave, k) for k in range(1, _HARMONICS + 1) for name, wave in (("sin", np.sin), ("cos", np.cos)))
    return {f"{name} {k}": wave(k * angle) for name, wave, k in waves}


def _fitted(rows: _Rows) -> _Fit:
    """Ridge on the clean rows, with the penalty that does best on blocks left out."""
    clean = rows.clean
    known = rows.columns[clean]
    centre, scale = known.mean(axis=0), known.std(axis=0)
    moving = scale > 1e-12 * np.maximum(np.abs(known).max(axis=0, initial=0), 1e-300)
    free = 1 + int(moving[: rows.free].sum())
    columns = np.nan_to_num((rows.columns[:, moving] - centre[moving]) / scale[moving])
    design = np.column_stack([np.ones(len(columns)), columns])
    inner = ridge_inner(design[clean], ridge_penalty(design[clean], rows.outcome[clean], free), free)
    expected = design @ (inner @ (design[clean].T @ rows.outcome[clean]))
    residuals = (rows.outcome - expected)[clean]
    return _Fit(design, inner, expected, autoregressive_error(residuals, rows.places[clean], design[clean], inner))


def _average(rows: _Rows, fit: _Fit, wider: float) -> Estimate:
    """The mean gap where it acts, with the error of its own points and of the fit, which hang together."""
    weights = rows.on / rows.on.sum()
    weights[rows.clean] = -fit.design[rows.clean] @ (fit.inner @ fit.design[rows.on].mean(axis=0))
    used = rows.on | rows.clean
    known = fit.process.variance > 0
    error = float(fit.process.errors(weights[used], rows.places[used])[0]) if known else np.nan
    gap = float((rows.outcome - fit.expected)[rows.on].mean())
    return from_error(gap, wider * error, fit.process.freedom)


def _blocks(one: Intervention, times: Ints, rows: _Rows, gaps: Floats) -> Estimate | None:
    """The mean gap of blocks with it less that of those without, beside a straight line through time; None with too
    few of either. What lies between two blocks counts as so many blocks of their length."""
    end = one.end if one.end is not None else int(times[-1])
    each = float(np.median([stop - start for start, stop in one.on]))
    edges = sorted({one.start, end, *(at for block in one.on for at in block)})
    edges = [
        at
        for start, stop in pairwise(edges)
        for at in np.linspace(start, stop, max(1, round((stop - start) / each)), endpoint=False).tolist()
    ] + [end]
    means: list[tuple[float, float, float]] = []
    for start, stop in pairwise(edges):
        inside = (times > start) & (times <= stop)
        for mask, on in ((rows.on, 1.0), (rows.clean, 0.0)):
            if (inside & mask).any():
                means.append((float(gaps[inside & mask].mean()), on, (start + stop) / 2))
    if min(sum(on == kind for _, on, _ in means) for kind in (0.0, 1.0)) < _BLOCKS:
        return None
    outcome, on_, middle = np.array(means).T
    design = np.column_stack([np.ones(len(means)), on_, (middle - middle.mean()) / np.ptp(middle)])
    inner = np.linalg.pinv(design.T @ design, hermitian=True)
    fitted = inner @ (design.T @ outcome)
    freedom = len(means) - 3
    error = (float(((outcome - design @ fitted) ** 2).sum()) / freedom * float(inner[1, 1])) ** 0.5
    return from_error(float(fitted[1]), error if error > 0 else np.nan, freedom)


class _Placebos(NamedTuple):
    """Dates without it at which the same was computed: so many, so many of these with an effect (p < 0.05), by what
    factor errors are wider than the residuals told, and the effects themselves."""

    dates: int = 0
    found: int = 0
    wider: float = 1.0
    gaps: tuple[float, ...] = ()


def _placebos(rows: _Rows, fit: _Fit) -> _Placebos:
    """Compute the same where nothing was done, each time with a fit on the rest.

    How far these gaps scatter, in standard errors, tells what residuals cannot: a long memory hides in a short series.
    Errors are widened by it (never narrowed), as far as there are stretches of that length to tell it from.
    """
    place = np.flatnonzero(rows.on)
    shape = rows.on[place[0] : place[-1] + 1]
    length = len(shape)
    starts = [s for s in range(len(rows.on) - length + 1) if rows.clean[s : s + length][shape].all()]
    if not starts or not fit.process.variance > 0:
        return _Placebos()
    spread = np.linalg.pinv(fit.inner, hermitian=True)
    ratios: list[float] = []
    gaps: list[float] = []
    for start in sorted({starts[i] for i in np.linspace(0, len(starts) - 1, PLACEBOS).round().astype(int).tolist()}):
        on = np.zeros(len(rows.on), dtype=bool)
        on[start : start + length] = shape
        clean = rows.clean & ~on
        if clean.sum() < FEWEST:
            continue
        inner = np.linalg.pinv(spread - fit.design[on].T @ fit.design[on], hermitian=True)
        expected = fit.design[on] @ (inner @ (fit.design[clean].T @ rows.outcome[clean]))
        weights = on / on.sum()
        weights[clean] = -fit.design[clean] @ (inner @ fit.design[on].mean(axis=0))
        used = on | clean
        error = float(fit.process.errors(weights[used], rows.places[used])[0])
        gaps.append(float((rows.outcome[on] - expected).mean()))
        ratios.append(gaps[-1] / error)
    if not ratios:
        return _Placebos()
    worth = min(len(ratios), rows.clean.sum() / length)
    squares = float(np.mean(np.square(ratios)))
    wider = max(1.0, (worth * squares + _PRIOR) / (worth + _PRIOR)) ** 0.5
    limit = wider * reach(fit.process.freedom)
    return _Placebos(len(ratios), int((np.abs(ratios) > limit).sum()), wider, tuple(gaps))


def _checks(rows: _Rows, fit: _Fit, gaps: Floats, placebos: _Placebos, design: str) -> Iterator[Check]:
    name = "pre-trends" if design == DIFFERENCES else "fit without it"
    drifting = fit.process.drifting
    said = "drifts away from what its controls say" if drifting else "comes back to what its controls say"
    outcome = rows.outcome[rows.clean]
    told = 1 - gaps[rows.clean].var() / outcome.var() if outcome.var() > 0 else np.nan
    yield Check(name, not drifting, f"without it the series {said}; they explain {told:.0%}")
    dates, found = placebos.dates, placebos.found
    if not dates:
        yield Check("placebo dates", None, "no stretch without it is as long: no date to try the same at")
        return
    allowed = int(np.ceil(0.05 * dates + 2 * np.sqrt(0.05 * dates)))
    yield Check(
        "placebo dates", found <= allowed, f"{found} of {dates} dates without it show such an effect (p < 0.05)"
    )
