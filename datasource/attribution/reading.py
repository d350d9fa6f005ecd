"""Asks a Prometheus for the inner series of a query, by all labels, at two times and before them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from datasource.attribution.cells import Rows, added, lay_out
from datasource.attribution.explanation import Measured
from datasource.attribution.question import Question, Term
from datasource.attribution.syntax import QueryError
from datasource.numerics import Floats
from datasource.prometheus import PrometheusClient
from datasource.settings.duration import format_duration
from datasource.settings.promql import read_parts, write_labels

HISTORY = 12
"""Windows before the first one, from which is learnt how much everything goes up and down by itself."""
_LEAST = 4
"""Windows below which history says little."""
_PARTS = 4
"""Of what lies between the two times, one part is averaged at each."""
_POINTS = 4
"""Samples that a window is averaged from, fewer where the query's own [range] is long."""
_FEWEST = 60
"""Seconds of a window."""
_COME_AND_GO = 4
"""Times `prometheus.max_series` that there may be over all windows, where at each time there are fewer."""
_MOST_LABELS = 40
"""Labels whose numbers of values are asked for."""


class Times(NamedTuple):
    """Two windows of `over` seconds that end at `start` and `end`, each averaged from samples every `step` seconds."""

    start: int
    end: int
    over: int
    step: int


def choose_times(question: Question, start: float, end: float, over: float | None = None) -> Times:
    """What is averaged at both times: `over` seconds, else a quarter of what lies between them, at least the query's
    own [range]. Raises QueryError where the two windows would overlap."""
    between, window = int(end) - int(start), int(np.ceil(question.window))
    if between <= 0:
        raise QueryError("the first time is not before the second; exchange --from and --to")
    least = max(window, 1)
    if over is not None and over < 1:
        raise QueryError("--over is no time at all; write it as 5m")
    asked = int(over) if over is not None else max(between // _PARTS, least, min(_FEWEST, between))
    if asked < least:
        raise QueryError(
            f"--over {format_duration(asked)} is shorter than the query's own [{format_duration(window)}]; write a "
            "longer --over or a shorter range"
        )
    if asked > between:
        raise QueryError(
            f"the two times are {format_duration(between)} apart, and what is compared are {format_duration(asked)} up "
            "to each; choose times farther apart" + (", or a shorter range in the query" if asked == window else "")
        )
    points = int(np.clip(asked // max(window, 1), 1, _POINTS)) if window else _POINTS
    points = min(points, asked)
    step = asked // points
    return Times(int(start), int(end), step * points, step)


def read_measured(client: PrometheusClient, question: Question, times: Times) -> Measured:
    """Everything that the analysis needs. Raises PrometheusError, and QueryError where there is nothing to explain."""
    reader = _Reader(client, times)
    above = reader.rows(question.terms)
    below = reader.rows(question.below) if question.below else None
    if not above.labels and not (below and below.labels):
        raise QueryError(_nothing(question.terms, times))
    if below is not None and not (below.there.any(axis=0)).all():
        raise QueryError(_nothing(question.below, times, [bool(has) for has in np.atleast_1d(below.there.any(axis=0))]))
    if below is None and not above.there.any():
        raise QueryError(_nothing(question.terms, times))
    whole = above if below is None else below
    first = int(np.argmax(np.append(whole.values[:, :HISTORY].any(axis=0), True)))
    above, below = above.since(first), None if below is None else below.since(first)
    notices = list(reader.notices)
    if first > HISTORY - _LEAST:
        span = format_duration(times.over)
        notices.append(
            f"less than {_LEAST} times {span} before the first time are there to tell usual changes from this one"
        )
    apart = question.of_the_numerator
    counted = {}
    if below is not None:
        own = {label for one in above.labels for label in one} - {label for one in below.labels for label in one}
        names = sorted((own | apart) - {"__name__", "le"})
        counted = {name: found for name in names if len((found := _by_value(above, name))[0]) > 1}
        if above.labels and not _shared(above, below, apart):
            notices.append("above and below the line no label is the same, and nothing can be told apart")
    cells = lay_out(above, below, apart)
    return Measured(cells, counted, times.start, times.end, times.over, reader.series, tuple(notices))


def _shared(above: Rows, below: Rows, apart: frozenset[str]) -> set[str]:
    here, there = ({label for one in rows.labels for label in one} for rows in (above, below))
    return (here & there) - apart - {"__name__"}


def _by_value(rows: Rows, label: str) -> tuple[tuple[str, ...], Floats]:
    texts = [one.get(label, "") for one in rows.labels]
    values = tuple(dict.fromkeys(texts))
    place = np.array([values.index(text) for text in texts], np.int64)
    return values, added(rows.values, place, len(values))


def _nothing(terms: Sequence[Term], times: Times, there: Sequence[bool] = (False, False)) -> str:
    """At which of the two times, or at neither, something has series."""
    both = (times.start, times.end)
    lacking = [one for one, has in zip(both, there, strict=True) if not has]
    when = " or ".join(f"up to {np.datetime64(one, 's')}Z" for one in lacking)
    return (
        f"'{terms[0].inner}' has no series in the {format_duration(times.over)} {when}; check "
        "its names and matchers, or choose times at which there are samples"
    )


class _Reader:
    def __init__(self, client: PrometheusClient, times: Times) -> None:
        self.client, self.times = client, times
        self.notices: dict[str, None] = {}
        self.series = 0
        self.kept: dict[str, tuple[str, ...] | None] = {}

    def rows(self, terms: Iterable[Term]) -> Rows:
        """The sums of terms by all labels, window by window."""
        found: dict[tuple[tuple[str, str], ...], tuple[Floats, Floats]] = {}
        for term in terms:
            for labels, values in self._read(term).items():
                there = np.isfinite(values)
                own = term.factor * np.where(there, values, 0.0)
                before = found.get(labels)
                found[labels] = (own, there * 1.0) if before is None else (before[0] + own, before[1] + there)
        points, windows = self.times.over // self.times.step, HISTORY + 2
        there_at = np.sum([there[-points:] for _, there in found.values()], axis=0) if found else np.zeros(points)
        newest = np.flatnonzero(there_at)
        if newest.size and (ended := points - 1 - int(newest[-1])):
            span = format_duration(ended * self.times.step)
            text = f"no series has a sample in the last {span}, which counts as nothing; where samples are only late, "
            self.notices[f"{text}choose an earlier time"] = None
        values = np.zeros((len(found), windows))
        seen = np.zeros((len(found), 2), dtype=bool)
        for row, (own, there) in enumerate(found.values()):
            values[row] = own.reshape(windows, points).mean(axis=1)
            seen[row] = there.reshape(windows, points)[-2:].any(axis=1)
        kept = np.flatnonzero(values.any(axis=1) | seen.any(axis=1))
        names = [dict(one) for one in found]
        return Rows([names[row] for row in kept], values[kept], seen[kept])

    def _read(self, term: Term) -> Mapping[tuple[tuple[str, str], ...], Floats]:
        """By labels the value at every sample, nan where there is none."""
        query = self._query(term)
        times = self.times
        earliest = times.start - (HISTORY + 1) * times.over + times.step
        spans = ((earliest, times.start), (times.end - times.over + times.step, times.end))
        points = times.over // times.step
        found: dict[tuple[tuple[str, str], ...], Floats] = {}
        since = 0
        for first, last in spans:
            for answer in self.client.query_range(query, first, last, times.step):
                for series in answer:
                    key = tuple(sorted((k, v) for k, v in series.labels.items() if k != "__name__"))
                    row = found.setdefault(key, np.full((HISTORY + 2) * points, np.nan))
                    place = since + np.rint((series.times - first) / times.step).astype(int)
                    value = np.where(np.isfinite(series.values), series.values, np.nan)
                    row[place] = np.where(np.isnan(row[place]), value, row[place] + np.nan_to_num(value))
                if len(found) > _COME_AND_GO * self.client.settings.max_series:
                    self._keep_fewer(term.inner, [dict(key) for key in found])
                    return self._read(term)
            since += (HISTORY + 1) * points
        self.series = max(self.series, len(found))
        return found

    def _query(self, term: Term) -> str:
        """The inner series by all labels, or by so many that there are not too many."""
        inner = term.inner
        kept = self._labels(inner)
        if kept is None and not term.counts:
            return inner
        if kept is None:
            return f"({inner}) * 0 + 1"
        return f"{'count' if term.counts else 'sum'} by ({write_labels(kept)}) ({inner})"

    def _labels(self, inner: str) -> tuple[str, ...] | None:
        """The labels to keep, None for all."""
        if inner not in self.kept:
            self.kept[inner] = self._choose_labels(inner)
        return self.kept[inner]

    def _choose_labels(self, inner: str) -> tuple[str, ...] | None:
        most = self.client.settings.max_series
        count = max(self._number(f"count({inner})", time) for time in (self.times.start, self.times.end))
        self.series = max(self.series, count)
        if count <= most:
            return None
        end = self.times.end
        match = [str(one) for one in read_parts(inner).selectors]
        params = {"match[]": match, "start": end - self.times.over, "end": end}
        data = self.client.get("labels", params).data
        names = (
            [name for name in data if isinstance(name, str) and name != "__name__"] if isinstance(data, list) else []
        )
        many = {
            name: self._number(f"count(count by ({write_labels([name])}) ({inner}))", end)
            for name in names[:_MOST_LABELS]
        }
        kept, dropped = sorted((name for name in many if many[name] > 1), key=lambda name: many[name]), []
        while kept:
            left = self._number(f"count(count by ({write_labels(kept)}) ({inner}))", end)
            if left <= most:
                break
            dropped.append(kept.pop())
        said = ", ".join(f"{name} ({many[name]:,} values)" for name in dropped)
        self.notices[
            f"{count:,} series are more than prometheus.max_series, {most:,}: summed over {said}, not told apart"
        ] = None
        return tuple(kept)

    def _keep_fewer(self, inner: str, seen: Sequence[Mapping[str, str]]) -> None:
        """Sum over labels whose values come and go until few series are left."""
        values = {name: {one.get(name, "") for one in seen} for name in {name for one in seen for name in one}}
        kept = sorted(values, key=lambda name: len(values[name]))
        dropped: list[str] = []
        most = self.client.settings.max_series
        while not dropped or len({tuple(one.get(name, "") for name in kept) for one in seen}) > most:
            dropped.append(kept.pop())
        self.kept[inner] = tuple(kept)
        said = ", ".join(f"{name} ({len(values[name]):,} values)" for name in dropped)
        self.notices[f"{len(seen):,} series and more came and went: summed over {said}, not told apart"] = None

    def _number(self, query: str, time: int) -> int:
        found = self.client.query(query, time)
        return int(found[0].values[0]) if found else 0
