"""Files that hold a Prometheus' answer: JSON of /api/v1/query_range or of promtool, and what promtool prints."""

import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import orjson

from datasource.data.csv.json import is_rows, json_lines
from datasource.data.csv.layout import ENTITY
from datasource.data.csv.series import Series, named_signal, read_series, telling_labels
from datasource.data.csv.table import Column, CsvError, Table, file_stem
from datasource.data.matrix import Floats

TIME = "time"
_PRINTED = re.compile(r"(?P<series>[^\n]+?) =>\s*\n?(?P<points>(?:\s*\S+ @\[[\d.]+\]\s*\n?)+)")
_IS_PRINTED = re.compile(rb"[^\n,]*(?:\{[^\n]*\})? =>\s")
_POINT = re.compile(r"(\S+) @\[([\d.]+)\]")
_FORM = '{"status": "success", "data": {"resultType": "matrix", "result": [...]}}, as /api/v1/query_range answers'

_Found = list[tuple[Series, Floats, Floats]]


def read_answer(path: str | os.PathLike[str], signal: str | None) -> tuple[Table, tuple[str, ...]] | None:
    """A Prometheus' answer as a long table, and the columns that name the entity; None for another file.

    `signal` names the series in place of their metric. Raises CsvError.
    """
    name = str(path)
    try:
        with open(path, "rb") as file:
            start = file.read(4096).lstrip()
            if not (start.startswith((b"{", b"[")) or _IS_PRINTED.match(start)):
                return None
            file.seek(0)
            text = file.read()
    except OSError as error:
        raise CsvError(f"{name}: cannot be read: {error.strerror or error}") from None
    series = list(_printed(text)) if _IS_PRINTED.match(start) else _decoded(name, text)
    return None if series is None else _table(name, series, signal)


def _printed(text: bytes) -> Iterator[tuple[Series, Floats, Floats]]:
    for found in _PRINTED.finditer(text.decode(errors="replace")):
        points = _POINT.findall(found["points"])
        series = read_series(found["series"]) or Series(found["series"].strip(), {})
        times, values = ([float(point[place]) for point in points] for place in (1, 0))
        yield series, np.array(times), np.array(values)


def _decoded(name: str, text: bytes) -> _Found | None:
    """The series of an answer; None for a text that is no JSON, as a CSV file whose first name begins with a brace."""
    try:
        answer: Any = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        answer = json_lines(text)
        if answer is None and text.lstrip().startswith((b'{"', b"[")):
            raise CsvError(f"{name}: is JSON that cannot be read ({error}); save the whole answer") from None
    if answer is None or is_rows(answer):
        return None
    if isinstance(answer, dict) and answer.get("status") == "error":
        raise CsvError(f"{name}: holds an error of Prometheus: {answer.get('error')}; ask again and save the answer")
    if frames := _frames(answer):
        return frames
    result = answer
    for key in ("data", "result"):
        result = result.get(key, result) if isinstance(result, dict) else result
    try:
        return [_series(one) for one in result]
    except (TypeError, KeyError, ValueError, AttributeError, IndexError):
        raise CsvError(f"{name}: is JSON of another kind; it should be {_FORM}") from None


def _frames(answer: Any) -> _Found:
    """The series of Grafana's data frames, as a data source's /api/ds/query answers; none for anything else."""
    results = answer.get("results") if isinstance(answer, dict) else None
    found: _Found = []
    for result in results.values() if isinstance(results, dict) else ():
        for frame in result.get("frames") or () if isinstance(result, dict) else ():
            fields, columns = frame["schema"]["fields"], frame["data"]["values"]
            time: list[Any] = next(
                (column for field, column in zip(fields, columns, strict=True) if field["type"] == "time"), []
            )
            for field, column in zip(fields, columns, strict=True):
                if field["type"] == "number" and len(column) == len(time):
                    labels = {str(label): str(value) for label, value in (field.get("labels") or {}).items()}
                    metric = labels.pop("__name__", "") or ("" if field["name"] == "Value" else field["name"])
                    found.append((Series(metric, labels), np.array(time, float) / 1000, np.array(column, float)))
    return found


def _series(one: Any) -> tuple[Series, Floats, Floats]:
    labels = {str(label): str(value) for label, value in one["metric"].items()}
    if "timestamps" in one:  # as VictoriaMetrics exports them, in milliseconds
        times, values = np.array(one["timestamps"], float) / 1000, np.array(one["values"], float)
        return Series(labels.pop("__name__", ""), labels), times, values
    points = one["values"] if "values" in one else [one["value"]]
    times, values = (np.array([float(point[place]) for point in points]) for place in (0, 1))
    return Series(labels.pop("__name__", ""), labels), times, values


def _table(name: str, found: Sequence[tuple[Series, Floats, Floats]], signal: str | None) -> tuple[Table, Any]:
    import pandas as pd

    if not found:
        raise CsvError(f"{name}: holds an answer without a single series; see that the query returns some")
    series = [one for one, _, _ in found]
    telling = telling_labels(series, ENTITY)
    signals = [named_signal(one.metric, signal, file_stem(name)) for one in series]
    lengths = [times.size for _, times, _ in found]
    times, values = (np.concatenate([one[place] for one in found]) for place in (1, 2))
    rows = np.repeat(np.arange(len(found)), lengths)
    columns = [Column(TIME, times)]
    for label in telling:
        columns.append(
            Column(label, None, pd.Series(np.array([one.labels.get(label, "") for one in series], object)[rows]))
        )
    of_signal = np.array(signals, object)[rows]
    for one in dict.fromkeys(signals):
        columns.append(Column(one, np.where((of_signal == one) & np.isfinite(values), values, np.nan)))
    return Table(name, tuple(columns), int(times.size), 1), telling
