"""Scores of every variable at every point: rows of CSV, JSON, a summary, a data frame and a picture."""

import csv
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import isnan
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from datasource.library.result import Result
from datasource.library.text import count, table, when
from datasource.replay.alarms import Alarm, Episode
from datasource.replay.score_file import FileScores, Scored
from datasource.settings import format_duration

if TYPE_CHECKING:
    from datasource.library.pictures import Picture

_SHOWN, _NAMED, _DRAWN = 10, 3, 5
_COLUMNS = ("observed", "expected", "lower", "upper", "causal_score", "marginal_score")
_LARGEST = sys.float_info.max
_ALARM = "alarm"
_TAKEN = ("time", "signal", *_COLUMNS, _ALARM)


@dataclass(frozen=True, repr=False)
class ScoresByTime(Result):
    """Causal and marginal scores of every variable by time; `found` has everything as it was computed."""

    found: FileScores
    has_time: bool = True
    title = "Anomaly scores"

    def lines(self) -> Iterator[str]:
        """As `causal-datasource score --output FILE` sums them up."""
        yield from summary(self.found, self.has_time)
        if self.found.notices:
            yield ""
            yield "Notices"
            yield from (f"  {notice}" for notice in self.found.notices)

    def to_frame(self) -> Any:
        """A row for each variable and time, as in the file that `causal-datasource score` writes."""
        import pandas as pd

        labels = list(dict.fromkeys(label for variable in self.found.variables for label, _ in variable.entity.labels))
        times = self.found.matrix.times
        parts = []
        for scored in self.found:
            values = dict(scored.variable.entity.labels)
            names = {f"entity_{label}" if label in _TAKEN else label: values.get(label, "") for label in labels}
            named = {"time": pd.to_datetime(times, unit="s", utc=True) if self.has_time else times, **names}
            alarm = self.found.during(scored.alarms).astype(int)
            numbers = dict(zip(_COLUMNS, _series(scored), strict=True))
            parts.append(pd.DataFrame({**named, "signal": scored.variable.signal, **numbers, _ALARM: alarm}))
        return pd.concat(parts, ignore_index=True)

    def to_json(self) -> bytes:
        """What `causal-datasource score --json` prints."""
        return "".join(json_parts(self.found, self.has_time)).encode()

    def _document(self) -> dict[str, Any]:
        return self.to_dict()

    def plot(self) -> "Picture":
        """The causal scores of those that go highest, and when something alarms."""
        from datasource.library.pictures import lines

        found = self.found
        scored = sorted(found, key=lambda one: -float(np.nanmax(one.causal.score, initial=0.0)))
        times = found.matrix.times.astype("datetime64[s]") if self.has_time else found.matrix.times
        alarms = found.episodes(alarm for one in scored for alarm in one.alarms)
        kind = (lambda second: np.datetime64(second, "s")) if self.has_time else int
        marked = [(kind(one.start), kind(one.end)) for one in alarms]
        shown = [(str(one.variable), one.causal.score) for one in scored[:_DRAWN]]
        return lines("Causal anomaly scores; alarms are marked", "score, above 1 is an anomaly", times, shown, marked)


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


def json_parts(found: FileScores, has_time: bool) -> Iterator[str]:
    """The text of one object, a variable at a time; what is not known is null. `alarms` are those of the whole file."""
    import orjson

    times, alarms = _times(found, has_time), list[Alarm]()
    yield '{"scores": ['
    for number, scored in enumerate(found):
        name = {"variable": str(scored.variable), "labels": dict(scored.variable.entity.labels)}
        name["signal"] = scored.variable.signal
        alarm = found.during(scored.alarms).astype(int).tolist()
        cells = zip(times, *_series(scored), alarm, strict=True)
        rows = [{**name, **dict(zip(("time", *_COLUMNS, _ALARM), row, strict=True))} for row in cells]
        yield ("," if number else "") + orjson.dumps(rows).decode()[1:-1]
        alarms += scored.alarms
    shown = dict(zip(found.matrix.times.tolist(), times, strict=True))
    told = [
        {"start": shown[one.start], "end": shown[one.end], "variables": _names(one), "peak": one.alarms[0].peak}
        for one in found.episodes(alarms)
    ]
    yield '], "alarms": ' + orjson.dumps(told).decode()
    yield ', "notices": ' + orjson.dumps(found.notices).decode() + "}"


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
