"""A CSV file as a table: its separator and header found, its columns numbers where they can be."""

import codecs
import csv
import io
import os
import re
import warnings
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TextIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from datasource.data.csv.cells import read_cells
from datasource.data.csv.decimals import has_decimal_comma
from datasource.data.csv.json import read_rows
from datasource.data.matrix import Floats

_SEPARATORS = (",", ";", "\t", "|")
_MISSING = (
    *("", "NaN", "nan", "NAN", "-nan", "NA", "N/A", "n/a", "n.a.", "N.A.", "#N/A", "nil", "<nil>", "missing"),
    *("null", "NULL", "Null", "(null)", "<null>", "\\N", "None", "none", "NONE", "-", "--", "---", "\u2013", "\u2014"),
    *("No data", "no data", "NO DATA", "nodata", "undefined", "?", ".", "#DIV/0!", "#VALUE!", "#REF!", "#NUM!"),
    *("#NAME?", "#NULL!"),
)
_BYTE_ORDER = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_OTHER_FILES = {
    b"PK\x03\x04": ("an Excel workbook or a zip archive", "save the sheet as CSV, or unpack it"),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "save the sheet as CSV"),
    b"\x1f\x8b": ("compressed (gzip)", "unpack it, as gunzip does"),
}
_PARQUET = b"PAR1"
_COMMENT = re.compile(r"\s*#(?!(?:N/A|REF!|DIV/0!|VALUE!|NAME\?|NUM!|NULL!)(?:\W|$))")
"""A line that begins so is no row; Excel's errors in its first cell are one."""
_OF_INFLUX = {"_time", "_value"}
_NOT_OF_INFLUX = {"", "result", "table", "_start", "_stop"}
"""What an annotated CSV of InfluxDB says about itself, not about what was measured."""
_ROWS_LOOKED_AT = 2
Readable: TypeAlias = Any
"""The path of a CSV or Parquet file, or a pandas DataFrame."""
FRAME = "data frame"
"""What a table that comes from no file is called."""
_UNIT = re.compile(r"[(\[]([^()\[\]]+)[)\]]\s*$")
_LONGEST_SHOWN = 40
_SEPARATOR_SAID = re.compile(r'"?sep=([,;|\t])"?')


class CsvError(Exception):
    """A CSV file cannot be used. The text names the file, the line or column, and the fix."""


class Column(NamedTuple):
    """One column. `values` are its numbers, NaN where there are none; None when it holds text, which is in `text`.

    `strange` counts cells that are neither numbers nor empty, and `example` says which one is the first. `unit` is that
    of the cells, where it is written in them. `labels` and `signal` are whose numbers these are and which, where the
    file says it by Prometheus' labels.
    """

    name: str
    values: Floats | None
    text: Any = None
    strange: int = 0
    example: str = ""
    unit: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    signal: str = ""


class Table(NamedTuple):
    """The columns of a file, and the line of each row."""

    path: str
    columns: tuple[Column, ...]
    rows: int
    first_line: int

    def line(self, row: int) -> int:
        """The line of a row, where every row is one line."""
        return self.first_line + row


def read_table(path: Readable, is_text: Callable[[str], bool]) -> Table:
    """Read a whole file, or take a data frame; columns whose name `is_text` are kept as they are written. Raises
    CsvError.

    Separators may be comma, semicolon (then decimals may have a comma), tab or bar; fields may be quoted. A Parquet
    file is taken as the data frame that it holds, and needs pyarrow.
    """
    import pandas as pd

    if is_frame(path):
        return _of_frame(path, FRAME, is_text)
    name = str(path)
    try:
        if _start(path) == _PARQUET:
            return _of_frame(_read_parquet(name), name, is_text)
        if _start(path).lstrip()[:1] in (b"[", b"{") and (rows := read_rows(Path(path).read_bytes())):
            return _of_frame(pd.DataFrame(rows), name, is_text)
        with open(path, newline="", encoding=_encoding(path)) as file, warnings.catch_warnings():
            header, separator, lines = _read_header(name, file)
            empty = {i: [""] if is_text(column) else _MISSING for i, column in enumerate(header)}
            warnings.simplefilter("error", pd.errors.ParserWarning)  # fields that no column is there for
            body = file.tell()
            how: dict[str, Any] = {"sep": separator, "header": None, "names": range(len(header))}
            how |= {"index_col": False, "keep_default_na": False, "na_values": empty, "skipinitialspace": True}
            texts = {i: str for i, column in enumerate(header) if is_text(column)}
            frame = pd.read_csv(file, dtype=texts, low_memory=False, **how)
            beyond = {i: str for i in frame if frame[i].dtype.kind == "f" and np.isinf(frame[i]).any()}
            if beyond:  # numbers too large to be one, which nothing but their text tells from inf
                file.seek(body)
                frame = pd.read_csv(file, dtype=texts | beyond, low_memory=False, **how)
            decimal_comma = has_decimal_comma(frame, separator, lambda: _as_written(file, body, how))
            if decimal_comma:
                frame = _as_written(file, body, how)  # 1.234 is a thousand
    except OSError as error:
        raise CsvError(f"{name}: cannot be read: {error.strerror or error}") from None
    except UnicodeError as error:
        raise CsvError(f"{name}: is not UTF-8 text ({error}); save it as UTF-8") from None
    except pd.errors.ParserWarning:
        raise CsvError(
            f"{name}: a row has more fields than the header has columns ({len(header)}); name every column"
        ) from None
    except pd.errors.ParserError as error:
        raise CsvError(f"{name}{_unreadable(str(error), lines)}") from None
    if frame.empty:
        raise CsvError(f"{name}: has a header and no rows; nothing can be computed")
    frame = _without_what_is_no_row(frame, header)
    columns = tuple(_column(name, header[i], frame[i], is_text(header[i]), decimal_comma) for i in range(len(header)))
    if columns[-1].name == "" and columns[-1].values is not None and np.isnan(columns[-1].values).all():
        columns = columns[:-1]  # a separator at the end of each line
    if set(header) >= _OF_INFLUX:
        columns = tuple(column for column in columns if column.name not in _NOT_OF_INFLUX)
    return Table(name, columns, len(frame), lines + 1)


def _as_written(file: TextIO, body: int, how: dict[str, Any]) -> Any:
    """The rows of a file once more, every cell as text."""
    import pandas as pd

    file.seek(body)
    return pd.read_csv(file, dtype=str, **how)


def _without_what_is_no_row(frame: Any, header: Sequence[str]) -> Any:
    """The frame without comments and without the header where it comes again, as in files that were put together."""
    if frame[0].dtype.kind in "iufb":
        return frame
    first = frame[0].astype(str)
    again = frame[0].notna() & first.str.match(_COMMENT)
    repeated = np.ones(len(frame), dtype=np.bool_)
    for number, name in enumerate(header):
        cells = frame[number]
        if cells.dtype.kind not in "iufb":
            repeated &= (cells.fillna("").astype(str).str.strip() == name).to_numpy()
        elif name:
            repeated[:] = False
    left = frame[~(again.to_numpy() | repeated)]
    return frame if len(left) in (0, len(frame)) else left.reset_index(drop=True)


def is_frame(path: Readable) -> bool:
    """Whether it is a data frame and no path."""
    return hasattr(path, "columns")


def _read_parquet(name: str) -> Any:
    """The data frame that a Parquet file holds. Raises CsvError."""
    import pandas as pd

    try:
        from pyarrow import ArrowException
    except ImportError:
        raise CsvError(f"{name}: is Parquet, which needs pyarrow: pip install 'causal-datasource[parquet]'") from None
    try:
        return pd.read_parquet(name, engine="pyarrow")
    except (ArrowException, OSError) as error:
        first = (str(error).splitlines() or ["no reason is given"])[0]
        raise CsvError(f"{name}: begins as Parquet and cannot be read ({first}); write it anew") from None


def _of_frame(frame: Any, title: str, is_text: Callable[[str], bool]) -> Table:
    """A pandas data frame as a table that is called `title`. An index of times, or one with a name, is a column; times
    become ISO 8601, without an offset where they have no time zone."""
    import pandas as pd

    if isinstance(frame.index, pd.PeriodIndex):
        frame = frame.set_axis(frame.index.to_timestamp())
    index = frame.index
    if isinstance(index, pd.DatetimeIndex) or any(name is not None for name in index.names):
        names = [name if name is not None else "time" for name in index.names]
        if twice := next((name for name in names if name in frame.columns), None):
            raise CsvError(f"{title}: the index and a column are both called '{twice}'; rename one of them")
        frame = frame.reset_index(names=names)
    headings = [
        ".".join(str(part) for part in name if part != "") if isinstance(name, tuple) else str(name)
        for name in frame.columns
    ]
    doubled = next((name for number, name in enumerate(headings) if name in headings[:number]), None)
    if doubled is not None:
        raise CsvError(f"{title}: column '{doubled}' is there twice; rename one of them")
    if frame.empty or not headings:
        raise CsvError(f"{title}: has no rows; nothing can be computed")
    columns = []
    for number, name in enumerate(headings):
        cells = frame.iloc[:, number].reset_index(drop=True)
        if pd.api.types.is_datetime64_any_dtype(cells) or cells.dtype.kind == "M":
            cells = pd.Series(pd.DatetimeIndex(pd.to_datetime(cells.astype(object))))
            zoned = isinstance(cells.dtype, pd.DatetimeTZDtype)
            cells = (cells.dt.tz_convert("UTC") if zoned else cells).dt.strftime("%Y-%m-%dT%H:%M:%S.%f")
            cells = cells + "Z" if zoned else cells
        if is_text(name):
            cells = cells.astype(object).map(_name, na_action="ignore").mask(lambda one: one.isna() | (one == ""), None)
        elif cells.dtype.kind == "b":
            cells = cells.astype(np.float64)
        elif cells.dtype.kind not in "iuf":
            cells = _plain(cells.astype(object))
        columns.append(_column(title, name, cells, is_text(name)))
    return Table(title, tuple(columns), len(frame), 1)


def _name(cell: Any) -> str:
    """A cell as the name of something: numbers that missing ones made floats are whole again."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _plain(cells: Any) -> Any:
    """Objects as a file would hold them: lists and the like as text, and what stands for nothing as missing."""
    cells = cells.where(cells.map(lambda cell: isinstance(cell, Hashable)), cells.astype(str))
    return cells.mask(cells.astype(str).str.strip().isin(_MISSING))


def _start(path: str | os.PathLike[str]) -> bytes:
    with open(path, "rb") as file:
        return file.read(4)


def _encoding(path: str | os.PathLike[str]) -> str:
    start = _start(path)
    for mark, (what, advice) in _OTHER_FILES.items():
        if start.startswith(mark):
            raise CsvError(f"{path}: is {what}, not CSV; {advice}")
    if start.lstrip().startswith(b"<"):
        raise CsvError(f"{path}: is a web page or XML, not CSV; is it the page that asks to sign in?")
    if start[:2].count(0) == 1 and b"\0" in start[2:]:
        return "utf-16-be" if start.startswith(b"\0") else "utf-16-le"  # without a mark
    return next((encoding for mark, encoding in _BYTE_ORDER.items() if start.startswith(mark)), "utf-8")


def _read_header(name: str, file: TextIO) -> tuple[list[str], str, int]:
    """The column names, the separator and the number of lines they take; the file stands behind them."""
    lines, text, said = 0, "", ""
    while True:
        line = file.readline()
        if not line and not text.strip():
            raise CsvError(f"{name}: is empty; it needs a header line and rows")
        lines, text = lines + 1, text + line if text.strip() else line
        if _COMMENT.match(text) and (_METRICS_PAGE.match(text) or _is_header(_peek(file))):
            if _METRICS_PAGE.match(text):
                raise CsvError(
                    f"{name}: is what a target shows on /metrics, which is one moment and no history; ask Prometheus "
                    "for /api/v1/query_range and save its answer"
                )
            text = ""
            continue
        if found := _SEPARATOR_SAID.fullmatch(text.strip("\r\n")):  # Excel's own line before the header
            said, text = found[1], ""
        elif text.strip() and (not line or text.count('"') % 2 == 0):
            break
    place = file.tell()
    rows = [file.readline() for _ in range(_ROWS_LOOKED_AT)]
    file.seek(place)
    separator = said or _separator(text, [row for row in rows if row.strip()])
    header = [field.strip() for field in _fields(text, separator)]
    below = [_fields(row, separator) for row in rows]
    _refuse_header(name, header, below, lines)
    return header, separator, lines


_DATED = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[ T]+\d|$)")
_METRICS_PAGE = re.compile(r"\s*# (?:HELP|TYPE|UNIT) ")


def _peek(file: TextIO) -> str:
    place = file.tell()
    line = file.readline()
    file.seek(place)
    return line


def _is_header(line: str) -> bool:
    """Whether a line may name columns, or is a comment too: it holds no number, and is there."""
    fields = [field.strip() for separator in _SEPARATORS for field in _fields(line, separator)]
    return bool(_COMMENT.match(line)) or (bool(line.strip()) and not any(map(_is_number, fields)))


def _separator(header: str, rows: Sequence[str]) -> str:
    """The one that cuts the rows into as many fields as the header, and into the most."""

    def fit(separator: str) -> tuple[bool, int, int]:
        width = len(_fields(header, separator))
        return width > 1, sum(len(_fields(row, separator)) == width for row in rows), width

    return max(_SEPARATORS, key=fit)


def _fields(text: str, separator: str) -> list[str]:
    return next(csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True), [])


def _refuse_header(name: str, header: Sequence[str], below: Sequence[Sequence[str]], line: int) -> None:
    """Raise CsvError where the first line does not name the columns."""
    if any(header) and all(_is_number(field) or _DATED.match(field) for field in header if field):
        raise CsvError(f"{name}:{line}: holds numbers, not names; write a header line above it, as time,web.latency")
    first: dict[str, int] = {}
    for number, field in enumerate(header, 1):
        if field and field in first:
            more = sum(1 for row in below if row and not any(map(_is_number, row[1:])))
            hint = (
                f"it seems that {more + 1} lines hold names: join them into one, as web.latency"
                if more
                else "rename one of them"
            )
            raise CsvError(
                f"{name}:{line}: column '{field}' stands twice (columns {first[field]} and {number}); {hint}"
            )
        first[field] = number
    row = next((row for row in below if row), [])
    if any(field.strip() for field in row[len(header) :]):
        raise CsvError(f"{name}:{line + 1}: {len(row)} fields under {len(header)} column names; name every column")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _unreadable(problem: str, header_lines: int) -> str:
    """What pandas says of a line, with the line's number in the file."""
    if found := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", problem):
        wanted, line, saw = map(int, found.groups())
        return (
            f":{line + header_lines}: {saw} fields where the header has {wanted} columns; "
            "put fields that hold the separator in quotes"
        )
    if found := re.search(r"EOF inside string starting at row (\d+)", problem):
        return f":{int(found[1]) + header_lines + 1}: a quote is opened and never closed; close or delete it"
    return f": is not a table: {problem.strip()}"


def _column(file: str, name: str, cells: Any, as_text: bool, decimal_comma: bool = False) -> Column:
    """Numbers where at least half of what is there are numbers, text otherwise."""
    import pandas as pd

    if as_text:
        return Column(name, None, cells)
    if cells.dtype.kind in "iufb":
        return Column(name, _finite(cells.to_numpy(np.float64)))
    there = cells.notna().to_numpy() & ~_says_so(cells)
    try:
        numbers, unit = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64), ""
    except OverflowError:  # whole numbers of hundreds of digits
        numbers, unit = np.full(len(cells), np.nan), ""
    if decimal_comma or (there & np.isnan(numbers)).any():
        heading = _UNIT.search(name)
        numbers, unit = read_cells(cells, decimal_comma, heading[1] if heading else "")
    strange = there & ~np.isfinite(numbers)
    if 2 * strange.sum() > cells.notna().sum():
        return Column(name, None, cells)
    first = int(np.argmax(strange))
    example = f"'{_cut(str(cells.iloc[first]))}'" if strange.any() else ""
    return Column(name, _finite(numbers), cells, int(strange.sum()), example, unit)


def _says_so(cells: Any) -> NDArray[np.bool_]:
    """Which cells say that they are no number or none that is finite, as a float does."""
    words = cells.astype(str).str.strip().str.lower().str.lstrip("+-")
    said: NDArray[np.bool_] = words.isin(("nan", "inf", "infinity")).to_numpy()
    return said


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def as_numbers(column: Column) -> Column:
    """A column that was kept as text, as numbers where at least half of it are."""
    return column if column.values is not None else _column("", column.name, column.text, False)


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)


def file_stem(path: str) -> str:
    """The name of a file without its folder and ending."""
    return Path(path).stem
