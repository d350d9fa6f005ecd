"""What `score` writes: rows of CSV, JSON, or a summary."""

import csv
import sys
from collections.abc import Iterable, Iterator
from math import isnan
from typing import IO, Any

import click
import numpy as np

from datasource.cli.evaluate import table
from datasource.cli.finding import count
from datasource.cli.offline import when
from datasource.evaluation.alarms import Alarm, Episode
from datasource.evaluation.score_file import FileScores, Scored
from datasource.settings import format_duration

_SHOWN, _NAMED = 10, 3
_COLUMNS = ("observed", "expected", "lower", "upper", "causal_score", "marginal_score")
_LARGEST = sys.float_info.max
_ALARM = "alarm"
_TAKEN = ("time", "signal", *_COLUMNS, _ALARM)


def _times(found: FileScores, has_time: bool) -> list[Any]:
    """ISO 8601 in UTC, or the rows' numbers."""
    times = found.matrix.times
    return [f"{text}Z" for text in times.astype("datetime64[s]").astype(str)] if has_time else times.tolist()


def _series(scored: Scored) -> list[list[float]]:
    """By the names in _COLUMNS, what is computed with six digits; an overflowing score is the largest number there
    is."""
    scores = (np.nan_to_num(one.score, nan=np.nan, posinf=_LARGEST) for one in (scored.causal, scored.marginal))
    causal = scored.causal
    computed = (causal.expected, causal.lower, causal.upper, *scores)
    return [causal.observed.tolist(), *([float(f"{value:.6g}") for value in one.tolist()] for one in computed)]


def write_csv(file: IO[str], found: FileScores, has_time: bool) -> None:
    """A row for each variable and time, with the entity's labels in columns of their own; `alarm` is 1 while an alarm
    episode of the variable goes on, else 0."""
    labels = list(dict.fromkeys(label for variable in found.variables for label, _ in variable.entity.labels))
    times = _times(found, has_time)
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(
        ["time", *(f"entity_{one}" if one in _TAKEN else one for one in labels), "signal", *_COLUMNS, _ALARM]
    )
    for scored in found:
        values = dict(scored.variable.entity.labels)
        name = [*(values.get(label, "") for label in labels), scored.variable.signal]
        cells = [["" if isnan(value) else value for value in column] for column in _series(scored)]
        alarm = found.during(scored.alarms).astype(int).tolist()
        writer.writerows([time, *name, *row] for time, *row in zip(times, *cells, alarm, strict=True))


def print_json(found: FileScores, has_time: bool) -> None:
    """One object, written a variable at a time; what is not known is null. `alarms` are those of the whole file."""
    import orjson

    times, alarms = _times(found, has_time), list[Alarm]()
    click.echo('{"scores": [', nl=False)
    for number, scored in enumerate(found):
        name = {"variable": str(scored.variable), "labels": dict(scored.variable.entity.labels)}
        name["signal"] = scored.variable.signal
        alarm = found.during(scored.alarms).astype(int).tolist()
        cells = zip(times, *_series(scored), alarm, strict=True)
        rows = [{**name, **dict(zip(("time", *_COLUMNS, _ALARM), row, strict=True))} for row in cells]
        click.echo(("," if number else "") + orjson.dumps(rows).decode()[1:-1], nl=False)
        alarms += scored.alarms
    shown = dict(zip(found.matrix.times.tolist(), times, strict=True))
    told = [
        {"start": shown[one.start], "end": shown[one.end], "variables": _names(one), "peak": one.alarms[0].peak}
        for one in found.episodes(alarms)
    ]
    click.echo('], "alarms": ' + orjson.dumps(told).decode() + "}")


def _names(episode: Episode) -> list[str]:
    """The variables that alarm in an episode, the highest score first."""
    return list(dict.fromkeys(str(alarm.variable) for alarm in episode.alarms))


def summary(found: FileScores, has_time: bool) -> Iterator[str]:
    """How much was scored, where the highest scores are, and what the service would have alarmed about."""
    matrix, entities = found.matrix, {variable.entity for variable in found.variables}
    points = count(matrix.values.shape[1], "point") + (f" every {format_duration(matrix.step)}" if has_time else "")
    yield (
        f"{count(len(found.variables), 'variable')} of {count(len(entities), 'entity')}, {points}, "
        f"{when(matrix.start, has_time)} to {when(matrix.end, has_time)}; "
        f"{count(len(found.graph.edges), 'edge')} in the causal graph"
    )
    peaks, alarms = [], list[Alarm]()
    for scored in found:
        alarms += scored.alarms
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
    yield ""
    yield from _alarms(found, alarms, has_time)


def _alarms(found: FileScores, alarms: Iterable[Alarm], has_time: bool) -> Iterator[str]:
    """The episodes of the whole file, the highest first."""
    persistence, episodes = found.settings.anomaly.persistence, found.episodes(alarms)
    many = f"{persistence.points} of the last {persistence.of} points of a score that alarms are above 1"
    if not episodes:
        yield f"No alarms: nowhere {many}"
        return
    yield f"{count(len(episodes), 'alarm')} of everything together: {many}; the highest first"
    rows = [("from", "to", "score", "variables")]
    for one in sorted(episodes, key=lambda one: (-one.alarms[0].peak, one.start))[:_SHOWN]:
        names = _names(one)
        others = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        span = when(one.start, has_time), when(one.end, has_time)
        rows.append((*span, _shown(one.alarms[0].peak), ", ".join(names[:_NAMED]) + others))
    yield from table(rows)
    if len(episodes) > _SHOWN:
        yield f"  and {len(episodes) - _SHOWN} more"


def _shown(score: float) -> str:
    return "-" if score < 0 else f"{score:.3g}"
