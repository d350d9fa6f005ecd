"""What `score` writes: rows of CSV, JSON, or a summary."""

import csv
import sys
from collections.abc import Iterator
from math import isnan
from typing import IO, Any

import click
import numpy as np

from datasource.cli.evaluate import table
from datasource.cli.finding import count
from datasource.cli.offline import when
from datasource.evaluation.score_file import FileScores, Scored
from datasource.settings import format_duration
from datasource.telemetry import Floats

_SHOWN = 10
_COLUMNS = ("observed", "expected", "lower", "upper", "causal_score", "marginal_score")
_LARGEST = sys.float_info.max
_TAKEN = ("time", "signal", *_COLUMNS)


def _times(found: FileScores, has_time: bool) -> list[Any]:
    """ISO 8601 in UTC, or the rows' numbers."""
    times = found.matrix.times
    return [f"{text}Z" for text in times.astype("datetime64[s]").astype(str)] if has_time else times.tolist()


def _series(scored: Scored) -> list[Floats]:
    """By the names in _COLUMNS; an overflowing score is the largest number there is."""
    scores = (np.nan_to_num(one.score, nan=np.nan, posinf=_LARGEST) for one in (scored.causal, scored.marginal))
    causal = scored.causal
    return [causal.observed, causal.expected, causal.lower, causal.upper, *scores]


def write_csv(file: IO[str], found: FileScores, has_time: bool) -> None:
    """A row for each variable and time, with the entity's labels in columns of their own."""
    labels = list(dict.fromkeys(label for variable in found.variables for label, _ in variable.entity.labels))
    times = _times(found, has_time)
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["time", *(f"entity_{one}" if one in _TAKEN else one for one in labels), "signal", *_COLUMNS])
    for scored in found:
        values = dict(scored.variable.entity.labels)
        name = [*(values.get(label, "") for label in labels), scored.variable.signal]
        cells = [["" if isnan(value) else value for value in column.tolist()] for column in _series(scored)]
        writer.writerows([time, *name, *row] for time, *row in zip(times, *cells, strict=True))


def print_json(found: FileScores, has_time: bool) -> None:
    """One object, written a variable at a time; what is not known is null."""
    import orjson

    times = _times(found, has_time)
    click.echo('{"scores": [', nl=False)
    for number, scored in enumerate(found):
        name = {"variable": str(scored.variable), "labels": dict(scored.variable.entity.labels)}
        name["signal"] = scored.variable.signal
        cells = zip(times, *(column.tolist() for column in _series(scored)), strict=True)
        rows = [{**name, **dict(zip(("time", *_COLUMNS), row, strict=True))} for row in cells]
        click.echo(("," if number else "") + orjson.dumps(rows).decode()[1:-1], nl=False)
    click.echo("]}")


def summary(found: FileScores, has_time: bool) -> Iterator[str]:
    """How much was scored, and where the highest scores are."""
    matrix, entities = found.matrix, {variable.entity for variable in found.variables}
    points = count(matrix.values.shape[1], "point") + (f" every {format_duration(matrix.step)}" if has_time else "")
    yield (
        f"{count(len(found.variables), 'variable')} of {count(len(entities), 'entity')}, {points}, "
        f"{when(matrix.start, has_time)} to {when(matrix.end, has_time)}; "
        f"{count(len(found.graph.edges), 'edge')} in the causal graph"
    )
    peaks = []
    for scored in found:
        causal, marginal = (np.nan_to_num(one.score, nan=-1.0) for one in (scored.causal, scored.marginal))
        peaks.append(
            (-causal.max(), -marginal.max(), str(scored.variable), int(causal.argmax()), int((causal > 1).sum()))
        )
    yield ""
    yield "Highest scores: causal, who broke; marginal, who suffers; above 1 is an anomaly"
    rows = [("variable", "causal", "at", "marginal", "points above 1 causally")]
    for causal, marginal, name, place, above in sorted(peaks)[:_SHOWN]:
        at = when(int(matrix.times[place]), has_time)
        rows.append((name, _shown(-causal), at, _shown(-marginal), f"{above:,}"))
    yield from table(rows)
    if len(peaks) > _SHOWN:
        yield f"  and {len(peaks) - _SHOWN} more"


def _shown(score: float) -> str:
    return "-" if score < 0 else f"{score:.3g}"
