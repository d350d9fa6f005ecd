"""CSV files in: everything that a file holds comes out as a matrix, as if a Prometheus had been read.

Wide files have a time and one column per variable, named `service.signal`; long files have a time, the columns
that name the entity, and one column per signal.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.data.csv.answers import read_answer
from datasource.data.csv.joined_names import same_signal, split_names
from datasource.data.csv.layout import (
    Heading,
    Layout,
    find_layout,
    is_entity_name,
    of_the_whole,
    read_heading,
    row_entities,
    some,
)
from datasource.data.csv.options import LOSS, CsvOptions
from datasource.data.csv.table import Column, CsvError, Readable, Table, file_stem, is_frame, read_table
from datasource.data.csv.tidy import tidied, with_clock
from datasource.data.csv.times import Grid, find_grid, local_times, stray_time
from datasource.data.guess import guess_signal
from datasource.data.matrix import Floats, Matrix
from datasource.data.variable import Entity, Variable
from datasource.data.words import count, without_accents
from datasource.settings import Signal, format_duration

_MOST_CELLS = 500_000_000
_SMALL = 20_000_000
"""So many cells of a grid fit anywhere."""
_EMPTIEST = 50
"""A larger grid may have so many cells for each of the file's."""
_NOTHING_KNOWN = CsvOptions()


@dataclass(frozen=True)
class CsvData:
    """What a file holds, what its signals probably are, and what was found out and left out on the way.

    Without a time column `has_time` is False: rows are independent, and times are the rows' numbers, counted within
    each entity. A signal's `query` is its column's name, its `window` the step.
    """

    matrix: Matrix
    signals: dict[str, Signal]
    notices: tuple[str, ...]
    has_time: bool = True


class _Rows(NamedTuple):
    """The rows that can be used: their places on the grid, in the order in which they count, and their entities."""

    order: NDArray[np.int64]
    place: NDArray[np.int64]
    entity: NDArray[np.int64]
    entities: list[tuple[str, ...]]


def read_csv(
    path: Readable,
    options: CsvOptions = _NOTHING_KNOWN,
    *,
    time: str | None = None,
    entity: str | Sequence[str] | None = None,
    entity_type: str = "service",
) -> CsvData:
    """Read a wide or a long file, or a data frame; what was read before stays as it is. Raises CsvError, whose text
    names the file, the place and the fix.

    `time` names the time column and `entity` the column or columns whose values name the entity, as do the `options`;
    what is not given is found from the header and the values, and said in the notices. Where more than a hundredth of
    the rows or cells would be dropped, that is an error, unless the options accept it.

    Times may be seconds, ms, us or ns since 1970, ISO 8601, or dates with the day or the month first; they are brought
    to a regular grid with the most common step. Of rows with the same time and entity the last that has a value
    counts, or their mean where the options say the step. Values that are not finite are NaN. The file may also be
    JSON, as Prometheus answers a range query.
    """
    if isinstance(path, CsvData):
        return path
    given = (entity,) if isinstance(entity, str) else tuple(entity or ())
    options = replace(options, time=time or options.time, entity=given or options.entity)
    chosen, time = options.entity, options.time
    tidy = ""
    answer = None if is_frame(path) else read_answer(path, options.signal)
    if answer is not None:
        table, told = answer
        chosen = chosen or told
    else:
        table = read_table(path, lambda name: name in chosen or (name != time and is_entity_name(name)))
        table, tidy = tidied(with_clock(table), options.signal)
    layout = find_layout(table, time, chosen, options)
    layout = layout if options.columns_are else _with_entities(layout, file_stem(table.path))
    notices = [*filter(None, (tidy,)), *layout.notices, *_hints(layout)]
    codes, texts = row_entities(layout.entities, table.rows)
    loss = Loss(table.path, options.accept_loss)
    grid, rows = _rows(table, layout, codes, texts, notices, options, loss, bool(tidy) or answer is not None)
    headings = [_heading(column, layout) for column in layout.signals]
    if options.signal and len(headings) == 1:
        headings = [headings[0]._replace(signal=options.signal)]
    names = _signal_names(headings)
    variables, values = _values(table, layout, grid, rows, names, entity_type, options, loss)
    notices += loss.notices
    signals: dict[str, Signal] = {}
    for name, heading, column in zip(names, headings, layout.signals, strict=True):
        if name not in signals:
            guess = guess_signal(heading.signal, heading.unit, _highest(values, variables, name))
            window = float(grid.step)
            signals[name] = Signal(entity=entity_type, query=column.name, window=window, **guess._asdict())
    matrix = Matrix(variables, grid.start, grid.step, values)
    return CsvData(matrix, signals, tuple(notices), layout.times is not None)


def _highest(values: Floats, variables: Sequence[Variable], signal: str) -> float:
    rows = [number for number, variable in enumerate(variables) if variable.signal == signal]
    found = values[rows]
    return float(found.max(initial=0.0, where=np.isfinite(found)))


def _with_entities(layout: Layout, stem: str) -> Layout:
    """Wide, where the columns' names hold entities that no dot sets apart."""
    split = split_names([column.name for column in layout.signals]) if layout.kind == "single" else None
    if split is None:
        return layout
    plain = [column for column in layout.signals if column.name not in split]
    own, left = of_the_whole(plain, [*split.values()], stem)
    first = next(iter(split))
    said = f"wide: '{first}' is taken as {split[first]}, and the other columns likewise"
    signals = [column._replace(name=split[column.name]) for column in layout.signals if column.name in split]
    return layout._replace(kind="wide", signals=(*signals, *own), notices=(said, *layout.notices[1:], *left))


def _heading(column: Column, layout: Layout) -> Heading:
    """A column's name taken apart; outside wide files a dot belongs to the signal's name."""
    if column.labels:
        return Heading("", column.signal, column.unit)
    heading = read_heading(column.name)
    heading = heading._replace(unit=heading.unit or column.unit)
    if layout.kind == "wide" or not heading.entity:
        return heading
    return Heading("", f"{heading.entity}.{heading.signal}", heading.unit)


def _signal_names(headings: Sequence[Heading]) -> list[str]:
    """A name for each column's signal that settings can hold; signals that only differ in unit differ in name."""
    names: dict[tuple[str, str], str] = {}
    for heading in headings:
        key = heading.signal, heading.unit
        if key not in names:
            plain = _name(heading.signal)
            candidates = (
                plain,
                f"{plain}_{_name(heading.unit)}",
                *(f"{plain}_{n}" for n in range(2, len(headings) + 2)),
            )
            taken = set(names.values())
            names[key] = next(name for name in candidates if name not in taken)
    return [names[heading.signal, heading.unit] for heading in headings]


def _name(text: str) -> str:
    """A text as a name of letters, digits and underscores.

    >>> _name("latency-p99"), _name("5xx"), _name("busy_"), _name("requêtes")
    ('latency_p99', '_5xx', 'busy_', 'requetes')
    """
    if re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", text):
        return text
    plain = re.sub(r"[^a-zA-Z0-9_]+", "_", without_accents(text.replace("%", "percent"))).strip("_") or "unnamed"
    return f"_{plain}" if plain[0].isdigit() else plain


@dataclass
class Loss:
    """What of a file is dropped, share by share; more than a hundredth of it must be accepted."""

    path: str
    accepted: bool
    notices: list[str] = field(default_factory=list)

    def tell(self, dropped: int, of: int, text: str) -> None:
        """Note what is dropped. Raises CsvError where it is too much."""
        if not dropped:
            return
        if dropped > LOSS * of and not self.accepted:
            raise CsvError(
                f"{self.path}: {text}: {dropped / of:.1%} would be dropped, and the answer be one about the rest; "
                "correct the file, or say --accept-loss"
            )
        self.notices.append(text)


def _rows(
    table: Table,
    layout: Layout,
    codes: NDArray[np.int64],
    texts: list[tuple[str, ...]],
    notices: list[str],
    options: CsvOptions,
    loss: Loss,
    tidy: bool,
) -> tuple[Grid, _Rows]:
    whole = codes >= 0
    nameless = count(int((~whole).sum()), "row", "names", "name")
    nameless = f"{nameless} no entity (the first in line {_first(table, ~whole)})"
    loss.tell(int((~whole).sum()), table.rows, f"{nameless}: left out")
    for column in layout.signals:
        if column.strange:
            loss.tell(column.strange, cells_there(column), strange_cells(column))
    if layout.times is None:
        numbers = _numbers_within(codes[whole])
        columns = int(numbers.max(initial=-1)) + 1
        return Grid(0, 1, columns, numbers, 0, 0.0), _Rows(np.flatnonzero(whole), numbers, codes[whole], texts)
    times = layout.times
    if not times.zoned:
        times, told = local_times(times, codes, options.timezone)
        notices += told
    timed = np.isfinite(times.seconds)
    timeless = count(int((~timed).sum()), "row", "has", "have")
    timeless = f"{timeless} no time that can be read (the first in line {_first(table, ~timed)})"
    loss.tell(int((~timed).sum()), table.rows, f"{timeless}: left out")
    rows = np.flatnonzero(whole & timed)
    if not rows.size:
        raise CsvError(f"{table.path}: no row has both a time and an entity; nothing can be computed")
    order = rows[np.argsort(times.seconds[rows], kind="stable")]
    if _goes_back(times.seconds[rows], codes[rows]):
        notices.append("rows are not in the order of time; they were sorted")
    seconds = times.seconds[order]
    grid = find_grid(seconds, codes[order], options.step)
    _refuse_stray(table, layout, grid, seconds, order)
    doubled = order.size - np.unique(grid.place * max(len(texts), 1) + codes[order]).size
    if doubled and not (options.step or tidy):
        notices.append(
            f"{count(doubled, 'row', 'has', 'have')} the time and entity of another row: the last one counts"
        )
    if grid.moved:
        by = f"{ceil(grid.by)}" if grid.by >= 1 else f"{grid.by:.2g}"
        onto = format_duration(grid.step)
        notices.append(f"{grid.moved:,} of {order.size:,} times moved onto the {onto} grid, by at most {by} s")
    return grid, _Rows(order, grid.place, codes[order], texts)


def cells_there(column: Column) -> int:
    """How many cells of a column are not empty."""
    assert column.values is not None
    return int(np.isfinite(column.values).sum()) + column.strange


def strange_cells(column: Column) -> str:
    """What is said of the cells of a column that are no numbers."""
    which = count(column.strange, "cell", "is no number", "are no numbers")
    return f"'{column.name}': {which}, as {column.example}; taken as missing"


def _hints(layout: Layout) -> Iterator[str]:
    """What the user may know better: whether columns are services or signals."""
    names = [column.name for column in layout.signals]
    if layout.kind != "single" or len(names) < 2:
        return
    if parted := same_signal(names):
        yield f"if {some(list(parted.values())[:2])} are services, say --columns-are services"
    elif not any(guess_signal(name).role for name in names):
        yield (
            f"no column sounds like a signal: if {some(names[:2])} are services, say --columns-are services --signal "
            "latency, or what it is"
        )


def _goes_back(seconds: Floats, codes: NDArray[np.int64]) -> bool:
    by_entity = np.argsort(codes, kind="stable")
    return bool(((np.diff(seconds[by_entity]) < 0) & (np.diff(codes[by_entity]) == 0)).any())


def _numbers_within(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each row's number among the rows of its entity."""
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], codes[order])
    numbers = np.empty(codes.size, dtype=np.int64)
    numbers[order] = np.arange(codes.size) - starts
    return numbers


def _refuse_stray(table: Table, layout: Layout, grid: Grid, seconds: Floats, order: NDArray[np.int64]) -> None:
    stray = stray_time(grid, seconds)
    if stray is not None:
        when = np.datetime64(int(seconds[stray]), "s")
        raise CsvError(
            f"{table.path}:{table.line(int(order[stray]))}: column '{layout.time}' says {when}, far from the others: "
            f"{grid.columns:,} points of {format_duration(grid.step)} would lie between; correct it or delete the row"
        )


def _values(
    table: Table,
    layout: Layout,
    grid: Grid,
    rows: _Rows,
    names: Sequence[str],
    entity_type: str,
    options: CsvOptions,
    loss: Loss,
) -> tuple[tuple[Variable, ...], Floats]:
    blocks = list(_entities(layout, rows, entity_type, table))
    _refuse_size(table, layout, grid, len(blocks), len(names))
    overwritten = cells_there = 0
    variables: list[Variable] = []
    found: list[Floats] = []
    for number, (name, column) in enumerate(zip(names, layout.signals, strict=True)):
        assert column.values is not None
        cells = column.values[rows.order]
        there = np.isfinite(cells)
        height = 1 if layout.kind != "long" else len(blocks)
        laid = np.full((height, grid.columns), np.nan)
        at = rows.entity[there], rows.place[there]
        if options.step:  # the mean of a step's values
            sums, counts = np.zeros(laid.shape), np.zeros(laid.shape)
            np.add.at(sums, at, cells[there])
            np.add.at(counts, at, 1.0)
            laid = np.divide(sums, counts, out=laid, where=counts > 0)
        else:
            laid[at] = cells[there]
            overwritten += int((laid[at] != cells[there]).sum())
        cells_there += int(there.sum())
        own = [blocks[number]] if layout.kind == "wide" else blocks
        kept = np.isfinite(laid).any(axis=1)
        variables += [Variable(entity, name) for entity, keep in zip(own, kept, strict=True) if keep]
        found.append(laid[kept])
    loss.tell(
        overwritten,
        cells_there,
        f"{count(overwritten, 'value', 'has', 'have')} the time and the entity of another value, which counts: name "
        "the entity (--entity), or a step that parts them (--step)",
    )
    doubled = {v for v in variables if variables.count(v) > 1} if len(set(variables)) < len(variables) else set()
    if doubled:
        raise CsvError(f"{table.path}: two columns are both {min(map(str, doubled))}; rename one of them")
    return tuple(variables), np.vstack(found)


def _refuse_size(table: Table, layout: Layout, grid: Grid, entities: int, signals: int) -> None:
    """Raise CsvError where the grid would not fit in memory, or is nearly empty because of a wrong time."""
    cells = entities * (1 if layout.kind == "wide" else signals) * grid.columns
    if cells > _MOST_CELLS:
        raise CsvError(
            f"{table.path}: {entities:,} entities x {signals:,} signals x {grid.columns:,} times do not fit in "
            "memory; keep fewer columns, or a shorter time"
        )
    if cells > max(_SMALL, _EMPTIEST * table.rows * len(layout.signals)):
        first, last = (np.datetime64(grid.start + place * grid.step, "s") for place in (0, grid.columns - 1))
        raise CsvError(
            f"{table.path}: from {first} to {last} there are {grid.columns:,} points of {format_duration(grid.step)}, "
            f"and the file has {table.rows:,} rows; correct the times that are wrong, or choose a longer step (--step)"
        )


def _entities(layout: Layout, rows: _Rows, entity_type: str, table: Table) -> Iterator[Entity]:
    """In a long file the entities by number; in a wide one the entity of each column."""
    if layout.kind == "long":
        labels = _signal_names([Heading("", column.name, "") for column in layout.entities])
        for texts in rows.entities:
            yield Entity(entity_type, tuple(zip(labels, texts, strict=True)))
    elif layout.kind == "wide":
        shown = [read_heading(column.name).entity for column in layout.signals]
        parts = [text.split("/") for text in shown]
        two = all(len(part) == 2 and all(part) for part in parts)
        for column, text, part in zip(layout.signals, shown, parts, strict=True):
            pairs = zip(("namespace", "service"), part, strict=True) if two else [("service", text)]
            yield Entity(entity_type, _labels(column) or tuple(pairs))
    else:
        yield Entity(entity_type, (("service", file_stem(table.path)),))


def _labels(column: Column) -> tuple[tuple[str, str], ...]:
    return tuple((_name(label), value) for label, value in column.labels)


def _first(table: Table, which: NDArray[np.bool_]) -> int:
    return table.line(int(np.argmax(which)))
