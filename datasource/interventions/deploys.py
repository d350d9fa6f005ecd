"""Two versions of the same thing: side by side while both run, or the one after the other."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from datasource.data import Entity, Floats, Matrix, Variable
from datasource.effects.inference import from_error
from datasource.effects.result import NO_ESTIMATE, Estimate
from datasource.effects.study import StudyError
from datasource.effects.windows import window_steps
from datasource.interventions.entry import Intervention
from datasource.interventions.impact import FEWEST, Question, measure
from datasource.numerics import hac_slope, long_run_errors, long_run_terms, on_grid
from datasource.settings import Signal

_LEVEL = 0.05
_MORE_IS_WORSE = ("latency", "failure", "work", "saturation")
_PER_REQUEST = ("failure", "work", "saturation")
_SHARES = ("percentunit", "percent")


class Versions(NamedTuple):
    """Which values of a label are compared: the new one and the old one."""

    label: str
    new: str
    old: str


class Compared(NamedTuple):
    """One signal of one entity in both versions.

    what: the signal, per request where it grows with these, or its slope on all requests. old: its mean in the old
    version. change: of the new one, with a 95% interval. p_adjusted: by Holm (1979) over everything that was compared.
    design: `canary` or `before and after`. worse: whether the change is clear and to the bad side; None where no side
    is bad.
    """

    entity: Entity
    signal: str
    what: str
    old: float
    change: Estimate
    design: str
    p_adjusted: float = np.nan
    worse: bool | None = None

    @property
    def clear(self) -> bool:
        """Whether there is a change, whatever its side, with all that was compared allowed for."""
        return self.p_adjusted < _LEVEL


def compare_versions(
    matrix: Matrix, signals: Mapping[str, Signal], versions: Versions, tolerance: float = 0.0
) -> tuple[Compared, ...]:
    """Compare latency, failures, resources and how these answer to load, of every entity that has both versions.

    While both run, the series of one less the other has a mean whose error allows for autocorrelation. Where they do
    not, the new one is the old one's intervention. `tolerance` is a share of the old mean: a change is worse where its
    whole interval lies beyond that. Pure. Raises StudyError where nothing can be compared.
    """
    pairs = [*_pairs(matrix, versions)]
    if not pairs:
        known = sorted({value for v in matrix.variables for label, value in v.entity.labels if label == versions.label})
        some = f"its values are {', '.join(known[:10])}" if known else f"no entity has a label '{versions.label}'"
        raise StudyError(f"no entity has both {versions.new} and {versions.old} as {versions.label}; {some}")
    found: list[Compared] = []
    for old, new in pairs:
        for signal in dict.fromkeys(v.signal for v in matrix.variables if v.entity == old):
            if signals[signal].role != "load" and Variable(new, signal) in matrix:
                found += _compared(old, new, signal, matrix, signals)
    if not any(np.isfinite(one.change.lower) for one in found):
        raise StudyError(f"fewer than {FEWEST} points of both versions; wait, and compare again")
    return tuple(_judged(found, signals, tolerance))


def _pairs(matrix: Matrix, versions: Versions) -> Iterator[tuple[Entity, Entity]]:
    """Entities that differ in the version alone, the old one first."""
    entities = {variable.entity for variable in matrix.variables}
    for old in sorted(entities):
        if (versions.label, versions.old) in old.labels:
            labels = tuple((name, versions.new if name == versions.label else value) for name, value in old.labels)
            if old._replace(labels=labels) in entities:
                yield old, old._replace(labels=labels)


def _compared(
    old: Entity, new: Entity, signal: str, matrix: Matrix, signals: Mapping[str, Signal]
) -> Iterator[Compared]:
    before, after = matrix.row(Variable(old, signal)), matrix.row(Variable(new, signal))
    loads = _loads(old, new, matrix, signals)
    what = signal
    if loads is not None and signals[signal].role in _PER_REQUEST and signals[signal].unit not in _SHARES:
        before, after = (_ratio(row, load) for row, load in zip((before, after), loads, strict=True))
        what = f"{signal} per request"
    both = np.isfinite(before) & np.isfinite(after)
    if both.sum() >= FEWEST:
        gaps = (after - before)[both]
        window = window_steps(signals[signal], matrix.step)
        change = _mean(gaps, np.flatnonzero(both), window)
        yield Compared(new, signal, what, float(before[both].mean()), change, "canary")
        total = loads[0] + loads[1] if loads is not None else np.full(len(both), np.nan)
        known = np.isfinite(total[both])
        if signals[signal].role == "latency" and known.sum() >= FEWEST and total[both][known].std() > 0:
            slope = Estimate(*hac_slope(gaps[known], total[both][known]))
            usual = hac_slope(before[both][known], total[both][known]).value
            yield Compared(new, signal, f"slope of {signal} on requests", usual, slope, "canary")
        return
    yield _one_after_the_other(old, new, (signal, what), (before, after), matrix, signals)


def _one_after_the_other(
    old: Entity,
    new: Entity,
    named: tuple[str, str],
    rows: tuple[Floats, Floats],
    matrix: Matrix,
    signals: Mapping[str, Signal],
) -> Compared:
    """The new version as an intervention on the series that the old one began."""
    signal, what = named
    before, after = rows
    there = np.flatnonzero(np.isfinite(after))
    usual = float(np.nanmean(before)) if np.isfinite(before).any() else np.nan
    if not there.size or not np.isfinite(before).any():
        return Compared(new, signal, what, usual, NO_ESTIMATE, "before and after")
    joined = np.where(np.arange(len(before)) >= there[0], after, before)
    start = int(matrix.times[there[0]]) - matrix.step
    outcome = Variable(new, signal)
    kept = [v for v in matrix.variables if v.entity not in (old, new) and v.signal == signal]
    series = Matrix((outcome, *kept), matrix.start, matrix.step, np.array([joined, *(matrix.row(v) for v in kept)]))
    deploy = Intervention(0, start, "", "deploy", (str(new),), start)
    change = measure(Question(deploy, outcome), series, signals).average
    return Compared(new, signal, what, usual, change, "before and after")


def _loads(old: Entity, new: Entity, matrix: Matrix, signals: Mapping[str, Signal]) -> tuple[Floats, Floats] | None:
    """The requests of both, where both have them."""
    for name, signal in signals.items():
        if signal.role == "load" and Variable(old, name) in matrix and Variable(new, name) in matrix:
            return matrix.row(Variable(old, name)), matrix.row(Variable(new, name))
    return None


def _ratio(row: Floats, load: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = np.where(load > 0, row / load, np.nan)
    return found


def _mean(gaps: Floats, places: np.ndarray, window: int) -> Estimate:
    """The mean of a series whose errors hang together."""
    mean = float(gaps.mean())
    series = on_grid(gaps - mean, places)
    error = float(long_run_errors(series[None], window)[0]) / len(gaps)
    return from_error(mean, error, long_run_terms(len(series), window))


def _judged(found: Sequence[Compared], signals: Mapping[str, Signal], tolerance: float) -> Iterator[Compared]:
    """With p-values for all of them together, and which are worse."""
    known = [one for one in found if np.isfinite(one.change.p_value)]
    ranked = sorted(range(len(known)), key=lambda place: known[place].change.p_value)
    largest, adjusted = 0.0, dict[int, float]()
    for rank, place in enumerate(ranked):
        largest = max(largest, min(1.0, (len(known) - rank) * known[place].change.p_value))
        adjusted[id(known[place])] = largest
    for one in found:
        p_value = adjusted.get(id(one), np.nan)
        yield one._replace(p_adjusted=p_value, worse=_worse(one, signals[one.signal], p_value, tolerance))


def _worse(one: Compared, signal: Signal, p_value: float, tolerance: float) -> bool | None:
    if signal.role not in (*_MORE_IS_WORSE, "success") or one.what.startswith("slope of"):
        return None
    bad = one.change.lower if signal.role in _MORE_IS_WORSE else -one.change.upper
    return bool(p_value < _LEVEL and bad > tolerance * abs(one.old))
