"""Tidy files: a column that says which signal, or which series, the numbers in another one are of."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from datasource.data.csv.cells import Unit, read_unit_cell
from datasource.data.csv.joined_names import same_signal, split_names
from datasource.data.csv.layout import ENTITY, is_unit_column, read_heading
from datasource.data.csv.series import named_signal, plain, read_series, telling_labels
from datasource.data.csv.table import Column, CsvError, Table, file_stem
from datasource.data.guess import guess_signal

_METRIC = ("metric", "metricname", "signal", "name", "measure", "measurement", "kpi", "kpiname", "field", "variable")
_SERIES = ("series", "variable", "legend")
_VALUE = ("value", "val", "metricvalue", "measurement", "number", "y")
_DAY = r"\s*\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\s*"
_CLOCK = r"\s*\d{1,2}:\d\d"
_MOST_SIGNALS = 1000
_MOST_CELLS = 200_000_000


def tidied(table: Table, signal: str | None) -> tuple[Table, str]:
    """A table with a column of numbers for each signal, and what was done; the same table where it is not tidy.

    `signal` names the numbers where the file does not. Raises CsvError.
    """
    values = [column for column in table.columns if plain(column.name) in _VALUE and column.values is not None]
    if len(values) != 1:
        return table, ""
    table, value, units = _without_units(table, values[0])
    texts = {plain(column.name): column for column in table.columns if column.text is not None and column not in values}
    series = next((texts[name] for name in _SERIES if name in texts), None)
    if series is not None and (parted := _parted(table, series, value, units, signal)):
        return parted, f"tidy: '{series.name}' says whose numbers '{value.name}' holds, and which"
    metric = next((texts[name] for name in _METRIC if name in texts), None)
    if metric is None or not _words(metric) or (plain(metric.name) == "name" and not _sounds(metric)):
        return table, ""
    told = f"tidy: '{metric.name}' names the signal, '{value.name}' holds its numbers"
    return _pivoted(table, (metric, value), units, metric.text, ()), told


def merged(table: Table, keys: Sequence[str]) -> Table:
    """A table in which rows with the same `keys` are one, with what each column says there, the last of several."""
    import pandas as pd

    named = {column.name: column for column in table.columns}
    parts = [named[key].text if named[key].values is None else pd.Series(named[key].values) for key in keys]
    places = pd.concat(parts, axis=1, keys=range(len(parts))).groupby(list(range(len(parts))), dropna=False, sort=False)
    codes = places.ngroup().to_numpy()
    first = np.unique(codes, return_index=True)[1]
    columns = []
    for column in table.columns:
        if column.values is None or column.name in keys:
            text = column.text.iloc[first].reset_index(drop=True) if column.text is not None else None
            values = None if column.values is None else column.values[first]
            columns.append(column._replace(values=values, text=text))
            continue
        there = np.isfinite(column.values)
        row = np.full(first.size, np.nan)
        row[codes[there]] = column.values[there]
        columns.append(column._replace(values=row, text=None))
    return table._replace(columns=tuple(columns), rows=first.size)


def with_clock(table: Table) -> Table:
    """A table whose date and time of day stand in two columns, with one for both; any other as it is."""
    texts = {plain(column.name): column for column in table.columns if column.text is not None}
    date, clock = texts.get("date"), texts.get("time") or texts.get("timeofday")
    if date is None or clock is None or date.values is not None or clock.values is not None:
        return table
    if not date.text.astype(str).str.fullmatch(_DAY).all() or not clock.text.astype(str).str.match(_CLOCK).all():
        return table
    joined = Column(f"{date.name} {clock.name}", None, date.text.astype(str) + " " + clock.text.astype(str))
    return table._replace(columns=(joined, *(one for one in table.columns if one not in (date, clock))))


def _without_units(table: Table, value: Column) -> tuple[Table, Column, Any]:
    """The table without its column of units, its values in the base unit of each row's kind, and these units."""
    import pandas as pd

    column = next((one for one in table.columns if is_unit_column(one)), None)
    if column is None or value.values is None:
        return table, value, None
    codes, texts = pd.factorize(column.text)
    found = [read_unit_cell(str(text)) or Unit("") for text in texts] + [Unit("")]
    scaled = value._replace(values=value.values * np.array([one.factor for one in found])[codes])
    left = tuple(scaled if one is value else one for one in table.columns if one is not column)
    return table._replace(columns=left), scaled, np.array([one.base for one in found], dtype=object)[codes]


def _parted(table: Table, series: Column, value: Column, units: Any, signal: str | None) -> Table | None:
    """The names of series taken apart, into labels and a signal; None where they are but names."""
    import pandas as pd

    codes, texts = pd.factorize(series.text)
    names = [str(text) for text in texts]
    if not names:
        return None
    stem = file_stem(table.path)
    read = [found for name in names if (found := read_series(name))]
    if len(read) == len(names):
        telling = telling_labels(read, ENTITY)
        labels = {label: [one.labels.get(label, "") for one in read] for label in telling}
        signals = [named_signal(one.metric, signal, stem) for one in read]
    else:
        split = split_names(names) or _same_signal(names)
        headings = [read_heading(split.get(name, name)) for name in names]
        if not all(heading.entity for heading in headings):
            return None
        labels = {"service": [heading.entity for heading in headings]}
        signals = [heading.signal for heading in headings]
    columns = [Column(label, None, _spread(codes, values)) for label, values in labels.items()]
    return _pivoted(table, (series, value), units, _spread(codes, signals), columns)


def _same_signal(names: list[str]) -> dict[str, str]:
    """`cart.latency` for each of `cart latency`, `web latency`: names that all end with the same signal."""
    parted = same_signal(names) or {}
    return {name: f"{who}.{name[len(who) :].strip(' _:/|-.')}" for name, who in parted.items()}


def _spread(codes: Any, values: list[str]) -> Any:
    """A text for each row, from a text for each code; none for the code -1."""
    import pandas as pd

    return pd.Series(np.array([*values, None], dtype=object)[codes])


def _pivoted(table: Table, used: tuple[Column, Column], units: Any, signals: Any, more: Any) -> Table:
    """The value column cut into one for each signal, in the unit that most of its rows have."""
    import pandas as pd

    value = used[1]
    assert value.values is not None
    codes, names = pd.factorize(signals)
    if len(names) > _MOST_SIGNALS or len(names) * table.rows > _MOST_CELLS:
        raise CsvError(
            f"{table.path}: '{used[0].name}' names {len(names):,} signals of {table.rows:,} rows, which do not fit in "
            "memory; keep fewer of them"
        )
    others = [column for column in table.columns if column.name not in (used[0].name, value.name)]
    cut = [
        Column(str(name), np.where(codes == code, value.values, np.nan), unit=value.unit or _most(units, codes == code))
        for code, name in enumerate(names)
    ]
    cut[:1] = [column._replace(strange=value.strange, example=value.example) for column in cut[:1]]
    return table._replace(columns=(*others, *more, *cut))


def _most(units: Any, rows: Any) -> str:
    return "" if units is None else str(max(set(units[rows]), key=list(units[rows]).count, default=""))


def _sounds(column: Column) -> bool:
    """Whether some of a column's texts sound like signals; a `name` may be whose they are as well."""
    return any(guess_signal(str(text)).role for text in column.text.dropna().unique())


def _words(column: Column) -> bool:
    """Whether a column holds names, fewer than rows."""
    texts = column.text.dropna().astype(str)
    return column.values is None and bool(texts.size) and all(re.search(r"[^\W\d]", text) for text in texts.unique())
