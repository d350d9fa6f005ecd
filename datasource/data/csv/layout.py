"""Which column of a CSV file is the time, which name the entity, and which are signals."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.data.csv.cells import read_unit_cell
from datasource.data.csv.joined_names import same_signal, split_names
from datasource.data.csv.options import CsvOptions
from datasource.data.csv.series import named_signal, plain, read_series, telling_labels
from datasource.data.csv.table import Column, CsvError, Table, as_numbers, file_stem
from datasource.data.csv.times import Times, could_be_times, read_times

_TIME = frozenset(
    {
        *("time", "timestamp", "ts", "date", "datetime", "unixtimestamp", "unixtime", "epoch", "timestampms", "clock"),
        *("zeit", "zeitstempel", "datum", "datumuhrzeit", "horodatage", "dateheure", "fecha", "fechahora"),
    }
)
_WHERE = ("cluster", "clustername", "namespace", "servicenamespace")
"""Columns that stand before the name."""
ENTITY = (
    *("service", "serviceid", "servicename", "microservice", "app", "appname", "application", "component"),
    *("workload", "deployment", "pod", "podname", "podid", "container", "containername", "instance", "instanceid"),
    *("node", "nodename", "host", "hostname", "device", "unit", "unitid", "entity", "entityid", "cmdbid"),
)
"""Columns that name an entity, the most telling first."""
_UNITS = ("unit", "units", "uom")
_MOST_UNITS = 30
_CALL = ("clientnamespace", "client", "servernamespace", "server")
_UNIT = re.compile(r"(.*\S)\s*[(\[]\s*([^()\[\]]+?)\s*[)\]]", re.DOTALL)


_NOTHING_KNOWN = CsvOptions()


class Heading(NamedTuple):
    """A column name taken apart: `shop/web.latency(ms)` is the signal latency in ms of shop/web."""

    entity: str
    signal: str
    unit: str


class Layout(NamedTuple):
    """What the columns are. `entities` holds, by label, the text of each row; empty in a wide file."""

    kind: Literal["wide", "long", "single"]
    times: Times | None
    time: str
    entities: tuple[Column, ...]
    signals: tuple[Column, ...]
    notices: tuple[str, ...]


def is_entity_name(name: str) -> bool:
    """Whether a column of this name may tell entities apart."""
    return plain(name) in (*_WHERE, *ENTITY, *_CALL)


def is_unit_column(column: Column) -> bool:
    """Whether a column of texts holds units of measurement, and names nobody."""
    if column.text is None or plain(column.name) not in _UNITS:
        return False
    texts = column.text.dropna().unique()
    return 0 < len(texts) <= _MOST_UNITS and all(read_unit_cell(str(text)) for text in texts)


def read_heading(name: str) -> Heading:
    """Take a column name apart; the entity is empty where there is no dot before a signal's name.

    >>> read_heading("shop/web.v2.latency (ms)")
    Heading(entity='shop/web.v2', signal='latency', unit='ms')
    """
    unit = ""
    if found := _UNIT.fullmatch(name):
        name, unit = found.groups()
    entity, _, signal = name.rpartition(".")
    return Heading(entity, signal, unit) if entity and re.match(r"[^\W\d]", signal) else Heading("", name, unit)


def find_layout(table: Table, time: str | None, entity: Sequence[str], options: CsvOptions = _NOTHING_KNOWN) -> Layout:
    """The layout of a table; `time` and `entity` name columns where the user knows better, as do the `options`.

    Raises CsvError.
    """
    notices: list[str] = []
    clock, times = _time(table, time, notices)
    rest = [
        as_numbers(column) if column.name not in entity and _measures(column) else column
        for column in table.columns
        if column is not clock and not (times and _is_other_time(column))
    ]
    chosen = [_named(table, name) for name in entity] or _entities(rest, times, notices)
    units = [column for column in rest if column not in chosen and is_unit_column(column)]
    rest = [column for column in rest if column not in (*chosen, *units)]
    numbers = _in_units(list(_numbers(table, rest, notices)), units, notices)
    if not numbers:
        raise CsvError(
            f"{table.path}: no column holds numbers; it needs one for each signal, beside the time and the entity"
            + (". Is it separated by comma, semicolon, tab or bar?" if len(table.columns) == 1 else "")
        )
    written = f"'{clock.name}' is the time ({times.written})" if clock and times else ""
    if chosen:
        named = " and ".join(f"'{column.name}'" for column in chosen)
        kind: Literal["wide", "long", "single"] = "long"
        said = f"{named} {'names' if len(chosen) == 1 else 'name'} the entity, every other column is a signal"
    elif options.columns_are != "signals" and (owned := _owned(table, numbers, options)):
        names = " and ".join(f"'{label}'" for label, _ in owned[0].labels)
        kind, said = "wide", "each column is a service" if options.columns_are else f"{names} say whose a column is"
        left = [column.name for column in numbers if column.name not in {one.name for one in owned}]
        notices += [f"left out, since they have no labels: {some(left)}"] if left else []
        numbers = owned
    elif options.columns_are != "signals" and _mostly_dotted([column.name for column in numbers]):
        kind, said = "wide", "each column is a variable, entity.signal"
        dotted = [column for column in numbers if read_heading(column.name).entity]
        plain = [column for column in numbers if not read_heading(column.name).entity]
        own, told = of_the_whole(plain, [column.name for column in dotted], file_stem(table.path))
        notices += told
        numbers = [*dotted, *own]
    else:
        kind, said = "single", f"every column is a signal of one entity, '{file_stem(table.path)}'"
    first = f"{kind if kind != 'single' else 'one entity'}: " + "; ".join(part for part in (written, said) if part)
    return Layout(kind, times, clock.name if clock else "", tuple(chosen), tuple(numbers), (first, *notices))


def of_the_whole(columns: Sequence[Column], others: Sequence[str], stem: str) -> tuple[list[Column], list[str]]:
    """Columns that name no entity beside `others` that do, as signals of an entity called as the file is, and what is
    said of them; without row numbers and the like, which only grow, and without any where all others name a namespace.
    """
    apart = all(read_heading(name).entity.count("/") == 1 for name in others)
    own = [column._replace(name=f"{stem}.{column.name}") for column in columns if not apart and not _only_grows(column)]
    taken = [column.name.removeprefix(f"{stem}.") for column in own]
    left = [column.name for column in columns if column.name not in taken]
    said = [f"left out, since no entity is named: {some(left)}; name them entity.signal"] if left else []
    said += [f"taken as of '{stem}', since no entity is named: {some(taken)}"] if taken else []
    return own, said


def _only_grows(column: Column) -> bool:
    return column.values is None or bool((np.diff(column.values[np.isfinite(column.values)]) > 0).all())


def _owned(table: Table, columns: Sequence[Column], options: CsvOptions) -> list[Column]:
    """The columns whose names say by Prometheus' labels whose numbers they hold, where most do; or each a service."""
    stem = file_stem(table.path)
    if options.columns_are == "services":
        parted = same_signal([column.name for column in columns]) or {}
        first = columns[0].name
        metric = read_heading(first[len(parted[first]) :].strip(" _:/|-.")).signal if parted else ""
        return [
            column._replace(
                labels=(("service", parted.get(column.name) or _whole(column.name)),),
                signal=named_signal(metric, options.signal, stem),
                unit=column.unit or read_heading(column.name).unit,
            )
            for column in columns
        ]
    read = [(column, found) for column in columns if (found := read_series(column.name))]
    if 2 * len(read) <= len(columns):
        return []
    telling = telling_labels([series for _, series in read], ENTITY)
    return [
        column._replace(
            labels=tuple((label, series.labels.get(label, "")) for label in telling) or (("service", stem),),
            signal=named_signal(series.metric, options.signal, stem),
        )
        for column, series in read
    ]


def _whole(name: str) -> str:
    """A column's name without its unit."""
    found = _UNIT.fullmatch(name)
    return found[1] if found else name


def _time(table: Table, name: str | None, notices: list[str]) -> tuple[Column | None, Times | None]:
    if name is not None:
        column = _named(table, name)
        times = read_times(column)
        if times is None:
            raise CsvError(
                f"{table.path}: column '{name}' holds no times; write them as 2022-08-22T03:55:19Z or as seconds "
                "since 1970"
            )
        return column, times
    named = [column for column in table.columns if plain(column.name) in _TIME]
    found = [(column, times) for column in named if (times := read_times(column))]
    if not found:
        if named:
            raise CsvError(
                f"{table.path}: column '{named[0].name}' holds no times that can be read ({_sample(named[0])}); write "
                "them as 2022-08-22T03:55:19Z or as seconds since 1970, or name another column as the time"
            )
        likely = [c for i, c in enumerate(table.columns) if (i == 0 or c.values is None) and could_be_times(c)]
        found = [(column, times) for column in likely if (times := read_times(column))]
    if not found:
        notices.append("no time column: the rows are independent, and their number stands for the time")
        return None, None
    notices += [f"'{column.name}' is a time too, and is left out" for column, _ in found[1:]]
    return found[0]


def _measures(column: Column) -> bool:
    """Whether a column with the name of an entity's holds measurements: numbers that are not whole."""
    values = as_numbers(column).values
    known = values[np.isfinite(values)] if values is not None else np.empty(0)
    return bool((known != np.rint(known)).any())


def _mostly_dotted(names: Sequence[str]) -> bool:
    """Whether the names are entity.signal; a few dots in names that a mark parts otherwise belong to entities."""
    dotted = sum(1 for name in names if read_heading(name).entity)
    return dotted > 0 and (2 * dotted >= len(names) or split_names(names) is None)


def _is_other_time(column: Column) -> bool:
    return plain(column.name) in _TIME and read_times(column) is not None


def _entities(columns: Sequence[Column], times: Times | None, notices: list[str]) -> list[Column]:
    """The columns that name the entity: those before the name, the name, and more while rows are still doubled."""
    able = [column for column in columns if not (_measures(column) or is_unit_column(column))]
    by_name = {plain(column.name): column for column in reversed(able)}
    if "client" in by_name and "server" in by_name:
        return [by_name[name] for name in _CALL if name in by_name]
    found = [by_name[name] for name in ENTITY if name in by_name]
    where = [by_name[name] for name in _WHERE if name in by_name]
    texts = [column for column in able if column.values is None and column not in (*found, *where)]
    chosen = [*where, *found[:1]] if found else []
    if times is None:
        return chosen
    doubled = _doubled(times, chosen)
    for column in (*found[1:], *(texts if not found else ())):
        fewer = _doubled(times, [*chosen, column]) if doubled else doubled
        if fewer < doubled:
            if not chosen:
                notices.append(f"'{column.name}' tells rows of the same time apart")
            chosen, doubled = [*chosen, column], fewer
    return chosen if chosen and any(column not in where for column in chosen) else []


def _doubled(times: Times, columns: Sequence[Column]) -> int:
    """How many rows have the time and the entity of another row."""
    import pandas as pd

    codes, entities = row_entities(columns, len(times.seconds))
    moments, _ = pd.factorize(times.seconds)
    whole = (moments >= 0) & (codes >= 0)
    return int(whole.sum()) - len(pd.unique(moments[whole] * len(entities) + codes[whole]))


def row_entities(columns: Sequence[Column], rows: int) -> tuple[NDArray[np.int64], list[tuple[str, ...]]]:
    """For each row the number of its entity, -1 where a cell is empty; and the entities' texts, by number."""
    import pandas as pd

    codes = np.zeros(rows, dtype=np.int64)
    entities: list[tuple[str, ...]] = [()]
    for column in columns:
        own, texts = pd.factorize(column.text)
        whole = (codes >= 0) & (own >= 0)
        index, pairs = pd.factorize(codes[whole] * len(texts) + own[whole])
        entities = [(*entities[int(pair) // len(texts)], str(texts[int(pair) % len(texts)])) for pair in pairs]
        codes = np.full(rows, -1, dtype=np.int64)
        codes[whole] = index
    return codes, entities


def _numbers(table: Table, columns: Sequence[Column], notices: list[str]) -> Iterator[Column]:
    texts: list[str] = []
    empty: list[str] = []
    for place, column in enumerate(columns):
        if column.values is None:
            (texts if _any_text(column.text) else empty).append(column.name)
        elif not np.isfinite(column.values).any():
            empty.append(column.name)
        elif not column.name:
            if place:
                raise CsvError(f"{table.path}: a column has no name; write one above its numbers, or delete the column")
            notices.append("the first column has no name: taken as the row's number, and left out")
        else:
            yield column
    if texts:
        notices.append(f"left out, since they hold text: {some(texts)}")
    if empty:
        notices.append(f"left out, since they hold no number: {some(empty)}")


def _in_units(numbers: list[Column], units: Sequence[Column], notices: list[str]) -> list[Column]:
    """The one column of numbers in the unit that another column names; of several, or of several units, as they are."""
    for column in units:
        texts = column.text.dropna().unique()
        if len(numbers) == 1 and len(texts) == 1:
            numbers = [numbers[0]._replace(unit=numbers[0].unit or str(texts[0]))]
        else:
            notices.append(f"left out, since it is not known whose unit it says: '{column.name}'")
    return numbers


def _any_text(cells: Any) -> bool:
    return bool(cells.notna().any())


def _named(table: Table, name: str) -> Column:
    for column in table.columns:
        if column.name == name:
            return column
    raise CsvError(f"{table.path}: no column '{name}'; it has {some([column.name for column in table.columns])}")


def _sample(column: Column) -> str:
    return f"the first is '{column.text.iloc[0]}'" if column.text is not None else "there are none"


def some(names: Sequence[str], shown: int = 5) -> str:
    """Some of many names."""
    more = f" and {len(names) - shown:,} more" if len(names) > shown else ""
    return ", ".join(f"'{name}'" for name in names[:shown]) + more
