"""Who calls whom, from a CSV file: a list of pairs, or a matrix of callers by callees."""

from typing import NamedTuple

import numpy as np

from datasource.data.csv.table import Column, CsvError, Readable, Table, read_table

_CALLERS = ("caller", "client", "source", "src", "from", "parent")
_CALLEES = ("callee", "server", "target", "destination", "dst", "to", "child")


class NamedCall(NamedTuple):
    """Names as they stand in a file."""

    caller: str
    callee: str


def read_calls(path: Readable) -> tuple[NamedCall, ...]:
    """The calls in a file, each once, in order. Raises CsvError.

    Either two columns of names (caller, callee; also client/server, source/target, from/to), or a square adjacency
    matrix: the first column names the callers, the header the callees, and a number above 0 says that there are calls.
    """
    table = read_table(path, lambda name: _plain(name) in (*_CALLERS, *_CALLEES))
    names = {_plain(column.name): column for column in reversed(table.columns)}
    ends = [next((names[name] for name in known if name in names), None) for known in (_CALLERS, _CALLEES)]
    if ends[0] and ends[1] and ends[0].text is not None and ends[1].text is not None:
        found = _pairs(ends[0], ends[1])
    elif _is_matrix(table):
        found = _adjacent(table)
    elif len(table.columns) == 2 and all(column.values is None for column in table.columns):
        found = _pairs(*table.columns)
    else:
        raise CsvError(
            f"{table.path}:1: is no list of calls; it needs the columns caller and callee, or one row per caller and "
            "one column per callee"
        )
    if not found:
        raise CsvError(f"{table.path}: holds no calls; every pair is empty or 0")
    return tuple(dict.fromkeys(found))


def _pairs(callers: Column, callees: Column) -> list[NamedCall]:
    pairs = zip(callers.text.fillna("").astype(str), callees.text.fillna("").astype(str), strict=True)
    return [NamedCall(caller.strip(), callee.strip()) for caller, callee in pairs if caller.strip() and callee.strip()]


def _is_matrix(table: Table) -> bool:
    first, *rest = table.columns
    return bool(rest) and first.values is None and all(column.values is not None for column in rest)


def _adjacent(table: Table) -> list[NamedCall]:
    callers = table.columns[0].text.fillna("").astype(str).tolist()
    calls = np.stack([column.values for column in table.columns[1:] if column.values is not None])
    return [
        NamedCall(callers[row].strip(), table.columns[1 + column].name)
        for row, column in zip(*np.nonzero((calls > 0).T), strict=True)
    ]


def _plain(name: str) -> str:
    return name.strip().lower()
