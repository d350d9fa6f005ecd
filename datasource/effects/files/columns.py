"""The columns of a CSV file as an effect needs them: numbers, indicators, codes, and the place of each row."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from datasource.data import Floats
from datasource.data.csv.answers import TIME, read_answer
from datasource.data.csv.files import Loss, cells_there, strange_cells
from datasource.data.csv.layout import is_entity_name, read_heading
from datasource.data.csv.table import Column, Readable, Table, is_frame, read_table
from datasource.data.csv.tidy import merged, tidied
from datasource.data.words import count
from datasource.effects.files.rows import Rows, place_rows
from datasource.effects.files.yes_no import yes_or_no
from datasource.effects.study import Ints, StudyError
from datasource.settings.finding import known

MOST_LEVELS = 50
"""A text with more different values than this is no category."""

_FEW_VALUES = 10


@dataclass(frozen=True)
class Columns:
    """A table, its columns by the names that people may call them, and which of its rows count."""

    table: Table
    rows: Rows

    def name(self, asked: str) -> str:
        """The name of a column as the file writes it. Raises StudyError."""
        return find_column(self.table, asked).name

    def has(self, asked: str) -> bool:
        return _look_up(self.table, asked) is not None

    @property
    def names(self) -> list[str]:
        """The headings."""
        return _names(self.table)

    def numbers(self, asked: str) -> Floats:
        """A column of numbers, or of words for yes and no. Raises StudyError for other texts and for empty ones."""
        return numbers_of(find_column(self.table, asked))[self.rows.kept]

    def indicator(self, asked: str) -> Ints:
        """A column of 0 and 1. Raises StudyError."""
        values = self.numbers(asked)
        found = np.unique(values[np.isfinite(values)])
        if not np.isin(found, (0, 1)).all():
            shown = ", ".join(f"{value:g}" for value in found[:3])
            raise StudyError(f"'{asked}' should be 0 and 1 (or yes and no), and holds {shown}")
        if not np.isfinite(values).all():
            empty = count(int((~np.isfinite(values)).sum()), "row")
            raise StudyError(f"'{asked}' is empty in {empty}; fill in 0 or 1")
        return values.astype(np.int64)

    def adjusting(self, asked: str) -> dict[str, Floats]:
        """A column as something to adjust for: numbers, or an indicator of each text but the first."""
        column = find_column(self.table, asked)
        if column.values is not None:
            return {column.name: self.numbers(asked)}
        codes, levels = self.codes(asked)
        missing = ~np.isfinite(codes)
        return {
            f"{column.name}={level}": np.where(missing, np.nan, codes == code)
            for code, level in enumerate(levels)
            if code
        }

    def codes(self, asked: str) -> tuple[Floats, tuple[str, ...]]:
        """A column as codes, NaN where a cell is empty, and their names: its texts, its values, or its fifths."""
        column = find_column(self.table, asked)
        if column.values is None:
            texts = _texts(column)[self.rows.kept]
            levels = sorted({text for text in texts if text})
            if len(levels) > MOST_LEVELS:
                raise StudyError(
                    f"'{column.name}' has {len(levels):,} different texts; at most {MOST_LEVELS} make sense"
                )
            place = {text: float(code) for code, text in enumerate(levels)}
            return np.array([place.get(text, np.nan) for text in texts]), tuple(levels)
        values = self.numbers(asked)
        there = np.isfinite(values)
        found = np.unique(values[there])
        if len(found) <= _FEW_VALUES:
            codes = np.where(there, np.searchsorted(found, values), np.nan)
            return codes, tuple(f"{value:g}" for value in found)
        cuts = np.unique(np.quantile(values[there], [0.2, 0.4, 0.6, 0.8]))
        edges = [f"{cut:.4g}" for cut in cuts]
        names = (f"<= {edges[0]}", *(f"{a} to {b}" for a, b in pairwise(edges)), f"> {edges[-1]}")
        return np.where(there, np.searchsorted(cuts, values), np.nan), names

    def modifier(self, asked: str) -> tuple[Floats, tuple[str, ...]]:
        """Numbers as they are, texts as codes with their names."""
        column = find_column(self.table, asked)
        return self.codes(asked) if column.values is None else (self.numbers(asked), ())

    def unread(self, names: Iterable[str], accept_loss: bool) -> list[str]:
        """What is to be said of cells that are no numbers. Raises CsvError where they are many, and not accepted."""
        loss = Loss(self.table.path, accept_loss)
        for name in dict.fromkeys(names):
            column = find_column(self.table, name)
            if column.strange:
                loss.tell(column.strange, cells_there(column), strange_cells(column))
        return loss.notices


def read_columns(
    path: Readable,
    numeric: Sequence[str],
    others: Sequence[str],
    time: str | None = None,
    unit: Sequence[str] = (),
    accept_loss: bool = False,
) -> Columns:
    """Read a file. `numeric` are columns that hold numbers and name no unit, whatever they are called, the treatment
    first; `others` are further ones that must be there; `time` and `unit` say what is not found by itself.

    Raises CsvError and StudyError.
    """
    table = _read(path, numeric, others, unit)
    for name in (*numeric, *others, *unit, *([time] if time else [])):
        find_column(table, name)
    taken = {find_column(table, name).name for name in numeric}
    for part, names in (("unit", unit), ("time", [time] if time else [])):
        for name in names:
            if find_column(table, name).name in taken:
                raise StudyError(
                    f"'{name}' is treatment, outcome, instrument or mediator; name another column as the {part}"
                )
    for name in taken:
        numbers_of(find_column(table, name))
    units = [find_column(table, name).name for name in unit]
    clock = find_column(table, time).name if time else None
    rows = place_rows(table, taken, clock, units, accept_loss)
    treatment = numbers_of(find_column(table, numeric[0]))[rows.kept]
    return Columns(table, rows if units else rows.without_idle_units(treatment))


def _read(path: Readable, numeric: Sequence[str], others: Sequence[str], unit: Sequence[str]) -> Table:
    """A file as a table with a column for each signal: also an answer of Prometheus, and a tidy file that has no column
    of some name that is asked for."""
    if not is_frame(path) and (answer := read_answer(path, None)):
        table, labels = answer
        return merged(table, (TIME, *labels))
    table = read_table(path, _is_text(numeric, unit))
    if all(_look_up(table, name) for name in (*numeric, *others)):
        return table
    cut, told = tidied(table, None)
    there = {column.name for column in table.columns}
    return merged(cut, [one.name for one in cut.columns if one.values is None or one.name in there]) if told else table


def numbers_of(column: Column) -> Floats:
    """The numbers of all rows. Raises StudyError where there are none."""
    values = column.values if column.values is not None else yes_or_no(_texts(column))
    if values is None:
        raise StudyError(f"'{column.name}' holds text ({_sample(column)}")
    if not np.isfinite(values).any():
        raise StudyError(f"'{column.name}' holds no number: every cell is empty or NaN")
    return values


def find_column(table: Table, asked: str) -> Column:
    """A column by its name, with or without the unit in its heading. Raises StudyError that says what is there."""
    found = _look_up(table, asked)
    if found is None:
        alike = _other_case(asked, _names(table))
        meant = f"did you mean '{alike}'?" if alike else known(asked, _names(table))
        raise StudyError(f"{table.path}: no column '{asked}'; {meant}")
    return found


def _look_up(table: Table, asked: str) -> Column | None:
    exact = [column for column in table.columns if column.name == asked]
    if exact:
        return exact[0]
    found = [column for column in table.columns if _bare(column.name) == asked]
    if len(found) > 1:
        shown = " or ".join(f"'{column.name}'" for column in found)
        raise StudyError(f"{table.path}: '{asked}' may be {shown}; write the heading with its unit")
    return found[0] if found else None


def _bare(name: str) -> str:
    entity, signal, _ = read_heading(name)
    return f"{entity}.{signal}" if entity else signal


def _other_case(asked: str, names: Iterable[str]) -> str | None:
    return next((name for name in names if name.lower() == asked.lower() and name != asked), None)


def _names(table: Table) -> list[str]:
    return [column.name for column in table.columns if column.name]


def _is_text(numeric: Sequence[str], unit: Sequence[str]) -> Callable[[str], bool]:
    def is_text(name: str) -> bool:
        called = {name, _bare(name)}
        return bool(called & set(unit)) or (is_entity_name(name) and not called & set(numeric))

    return is_text


def _texts(column: Column) -> "np.ndarray[tuple[int], np.dtype[np.object_]]":
    texts = column.text.astype(object).where(column.text.notna(), "").astype(str).str.strip()
    found: np.ndarray[tuple[int], np.dtype[np.object_]] = texts.to_numpy(dtype=object)
    return found


def _sample(column: Column) -> str:
    """Some of the texts of a column, and what to write instead."""
    texts = sorted({text for text in _texts(column) if text})
    if len(texts) == 2:
        return f"'{texts[0]}' and '{texts[1]}'); write 1 for the one whose effect is asked for and 0 for the other"
    return f"as '{texts[0]}'); an effect needs numbers, or yes and no"
