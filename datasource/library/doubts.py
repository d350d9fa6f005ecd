"""Can the numbers of a signal mean what it claims? Counters, shares, constants, full buckets, gaps, who is missing."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.data import Entity, Floats, Matrix
from datasource.data.counters import growing, must_fall
from datasource.data.guess import guess_signal
from datasource.data.shares import wrong_share
from datasource.library.claims import claims_otherwise
from datasource.library.text import count
from datasource.settings import Settings, format_duration
from datasource.settings.promql import range_seconds, read_parts

_FEWEST = 30
"""So few points of an entity say nothing about their kind."""
_FULL = 0.05
"""So large a share of the points at exactly the largest value is no chance."""
_FEW = 5
_GAPPY = 0.9
_SHORT_RUN = 10
"""Gaps after so few points on average come from a range or a step, not from a target that was away."""
_OFTEN, _ALIKE = 5, 0.8
"""So many gaps, of which so many come at the same interval, are how somebody is measured."""
_LACKING = 0.1
_NEARLY_ALWAYS = 0.9


class Doubt(NamedTuple):
    """A sentence that says what cannot be and what to write instead; or only what is worth knowing."""

    text: str
    wrong: bool = True


def find_doubts(
    settings: Settings, name: str, matrix: Matrix, *, counter: str = "", top: float | None = None, within: str = ""
) -> Iterator[Doubt]:
    """What is doubtful about the signal `name` in a matrix whose absent failures are counted.

    `counter` names what its query takes without a rate, and `within` is the query that should stand there; `top` is the
    highest finite bucket of its histogram where that is known.
    """
    rows = {v.entity: matrix.row(v) for v in matrix.variables if v.signal == name}
    rows = {entity: row for entity, row in rows.items() if np.isfinite(row).sum() >= _FEWEST}
    if not rows:
        return
    if grows := growing(settings.signals[name], rows, counter):
        yield Doubt(_counter_text(grows, counter, within))
        return
    if said := wrong_share(settings, name, matrix):
        yield Doubt(said)
        return
    if said := claims_otherwise(settings.signals[name], rows):
        yield Doubt(said)
        return
    if within:
        shares = "/" in settings.signals[name].query
        text = (
            f"{counter} is taken without a rate: a counter tells what was since some start, and falls with each restart"
        )
        yield Doubt(f"{text}; write {within}", wrong=shares or must_fall(settings.signals[name]))
    yield from _clocks(rows, matrix.step)
    yield from _constant(settings, name, rows)
    yield from _full(settings, name, rows, top)
    yield from _gaps(settings, name, rows, matrix)
    yield from _lacking(settings, name, matrix)


def _counter_text(grows: Sequence[Entity], counter: str, within: str) -> str:
    who = f"of {_some(grows)} it only grows"
    if counter and within:
        return f"{counter} is a counter, and {who}: a count since some start is no signal; write {within}"
    if counter:
        return f"{counter} is a counter, and {who}: write its growth per second, as Prometheus' rate() gives it"
    return f"{who}, as a counter does: a count since some start is no signal; give its rate, as rate(...[2m])"


def _clocks(rows: Mapping[Entity, Floats], step: int) -> Iterator[Doubt]:
    """What rises by a second a second is a clock or an age."""
    changes = {entity: np.diff(row[np.isfinite(row)]) / step for entity, row in rows.items()}
    clocks = [entity for entity, one in changes.items() if (np.abs(one - 1) < 0.01).mean() > _NEARLY_ALWAYS]
    if 2 * len(clocks) > len(rows):
        text = f"it rises by a second a second, of {_some(clocks)}: a time or an age tells of nothing that happens"
        yield Doubt(text, False)


def _constant(settings: Settings, name: str, rows: Mapping[Entity, Floats]) -> Iterator[Doubt]:
    """What never changes is not measured, or is a limit; failures and saturations may well be 0 for ever, and a rate
    may be steady."""
    role = settings.signals[name].role
    still = {}
    for entity, row in rows.items():
        low, high = np.nanmin(row), np.nanmax(row)
        if high - low <= 1e-9 * abs(high) and (high or role in ("load", "latency", "work")):
            still[entity] = high
    if not still or settings.signals[name].kind == "event":
        return
    entity, value = next(iter(still.items()))
    moves = role in ("load", "latency", "work")
    if len(still) == len(rows) and moves and not range_seconds(settings.signals[name].query):
        why = f"a {role} that never changes is not measured, or is a limit; query what happens, not what is set"
        yield Doubt(f"it is {value:g} at every point of {_some(list(still))}: {why}")
    elif moves or role:
        yield Doubt(
            f"it never changes at {_some(list(still))} ({entity}: {value:g}), and explains nothing there", False
        )


def _full(settings: Settings, name: str, rows: Mapping[Entity, Floats], top: float | None) -> Iterator[Doubt]:
    """A quantile beyond the highest bucket is told as that bucket's bound: known from the histogram, or by what no
    latency does: it is at one value again and again, which is its largest, and hardly ever twice at any other."""
    signal = settings.signals[name]
    names = (name, *(selector.metric for selector in read_parts(signal.query).selectors))
    if signal.kind != "quantile" and top is None and not any(guess_signal(one).kind == "quantile" for one in names):
        return
    fine = {entity for entity, row in rows.items() if _is_fine(row)}
    highest = max(float(np.nanmax(row)) for row in rows.values())
    sure: dict[Entity, tuple[float, float]] = {}
    likely: dict[Entity, tuple[float, float]] = {}
    for entity, row in rows.items():
        values = row[np.isfinite(row)]
        high = float(values.max())
        share = float((values == high).mean())
        if share < _FULL:
            continue
        if top is not None:
            known = _same(high, top)
        else:
            known = bool(fine) and (_stands_out(values) if entity in fine else high == highest)
            if not known and share < 1 and signal.kind == "quantile":
                likely[entity] = high, share
        if known:
            sure[entity] = high, share
    if full := sure or likely:
        entity, (high, share) = max(full.items(), key=lambda one: one[1][1])
        text = f"{share:.0%} of the points of {entity} are exactly {high:g}, its largest value: "
        if sure:
            advice = "add buckets above it, use native histograms, or take the mean, sum / count"
            yield Doubt(f"{text}the histogram's highest bucket, so that what is slower cannot be seen; {advice}")
        else:
            yield Doubt(f"{text}is that the histogram's highest bucket? what is slower cannot be seen", False)


def _stands_out(values: Floats) -> bool:
    """Whether a series is at its largest value far more often than at any other."""
    _, counts = np.unique(values, return_counts=True)
    return bool(counts[-1] >= max(_FEW, 3 * counts[:-1].max(initial=0)))


def _is_fine(row: Floats) -> bool:
    """Whether a series is measured so finely that it has hardly any value twice, its largest aside."""
    below = row[row < np.nanmax(row)]
    return below.size >= _FEW and np.unique(below).size >= below.size / 2


def _same(value: float, top: float) -> bool:
    """Whether a value is a bound, in seconds or in milliseconds."""
    return any(np.isclose(value, top * unit, rtol=1e-9) for unit in (1.0, 1e-3, 1e3))


def _gaps(settings: Settings, name: str, rows: Mapping[Entity, Floats], matrix: Matrix) -> Iterator[Doubt]:
    """The share of points that are there from an entity's first to its last; of a latency, where there is load."""
    signal = settings.signals[name]
    if signal.role == "failure" or "event" in (signal.role, signal.kind):
        return
    loaded = _loaded(settings, signal.entity, matrix) if signal.role == "latency" else {}
    gappy: dict[Entity, _Gaps] = {}
    for entity, row in rows.items():
        there = np.isfinite(row)
        first, last = np.flatnonzero(there)[[0, -1]]
        wanted = there | loaded.get(entity, np.ones_like(there))
        found = _gaps_between(there[first : last + 1], wanted[first : last + 1])
        if found.share < _GAPPY:
            gappy[entity] = found
    if not gappy:
        return
    asked_for = signal.role != "latency" or bool(loaded)
    seldom = {entity: found for entity, found in gappy.items() if asked_for and found.regular}
    if not seldom and 2 * len(gappy) > len(rows):
        seldom = {entity: found for entity, found in gappy.items() if found.run < _SHORT_RUN}
    told = seldom or gappy
    entity, worst = min(told.items(), key=lambda one: one[1].share)
    text = f"only {worst.share:.0%} of the points of {entity} have a sample"
    text += f", as of {count(len(told) - 1, 'other')} with gaps" if len(told) > 1 else ""
    if seldom:
        text += "; samples come more rarely than every step, or the query's [range] holds too few of them"
    if worst.regular:
        every, twice = (format_duration(times * worst.every * matrix.step) for times in (1, 2))
        text += f": every {every}; as last_over_time(...[{twice}]) it has them"
    yield Doubt(text, wrong=bool(seldom))


class _Gaps(NamedTuple):
    """The share of points that are there of those that are wanted, how many come in a row on average, how many steps
    lie between the beginnings of two rows of them, and whether that is about as many each time."""

    share: float
    run: float
    every: float
    regular: bool


def _gaps_between(there: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> _Gaps:
    begins = np.flatnonzero(np.diff(there.astype(np.int8), prepend=0) == 1)
    apart = np.diff(begins)
    usual = float(np.median(apart)) if apart.size else 0.0
    regular = apart.size >= _OFTEN and (np.abs(apart - usual) <= 1).mean() >= _ALIKE
    return _Gaps(float(there.sum() / wanted.sum()), float(there.sum() / begins.size), usual, bool(regular))


def _loaded(settings: Settings, kind: str, matrix: Matrix) -> dict[Entity, NDArray[np.bool_]]:
    """When each entity of a type has load, by the signals of its load."""
    found: dict[Entity, NDArray[np.bool_]] = {}
    for variable, row in zip(matrix.variables, matrix.values, strict=True):
        if variable.entity.type == kind and settings.signals[variable.signal].role == "load":
            found[variable.entity] = found.get(variable.entity, np.zeros(row.size, dtype=np.bool_)) | (row > 0)
    return found


def _lacking(settings: Settings, name: str, matrix: Matrix) -> Iterator[Doubt]:
    """Whoever has load has latency and work too; not so the server's end of a call, which may be out of sight. And who
    has latency is asked for something, as far as somebody counts it."""
    signal = settings.signals[name]
    if signal.role == "load":
        own = [(v.entity, settings.signals[v.signal].role) for v in matrix.variables if v.entity.type == signal.entity]
        loaded = {entity for entity, role in own if role == "load"}
        if slow := sorted({entity for entity, role in own if role in ("latency", "work")} - loaded):
            who = f"{_some(slow)} {'has' if len(slow) == 1 else 'have'} latency and no load"
            yield Doubt(f"{who}: is the query's [range] too short there, or a label missing?", False)
        return
    if signal.role not in ("latency", "work", "saturation") or signal.end == "server":
        return
    loaded = {entity for entity, when in _loaded(settings, signal.entity, matrix).items() if when.sum() >= _FEWEST}
    lacking = sorted(loaded - {variable.entity for variable in matrix.variables if variable.signal == name})
    if lacking:
        kind = count(len(loaded), signal.entity)
        text = f"{len(lacking)} of {kind} with load {'has' if len(lacking) == 1 else 'have'} none: {_some(lacking)}"
        wrong = signal.role != "saturation" and len(lacking) > _LACKING * len(loaded)
        yield Doubt(f"{text}; is it measured under other names or labels there?", wrong)


def _some(entities: Sequence[Entity]) -> str:
    more = f" and {count(len(entities) - 3, 'other')}" if len(entities) > 3 else ""
    return ", ".join(map(str, sorted(entities)[:3])) + more
