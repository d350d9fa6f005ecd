"""Which label values carry a change of a PromQL query, as text, JSON, data frame and picture."""

import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from datasource.attribution.explanation import DEPTH, Explanation, Part, explain_change
from datasource.attribution.moments import moment
from datasource.attribution.question import read_question
from datasource.attribution.reading import choose_times, read_measured
from datasource.attribution.syntax import QueryError
from datasource.attribution.telling import document, in_shares, notices, part_name, sentence, share, signed, story_name
from datasource.library.moments import seconds_of
from datasource.library.result import Result
from datasource.library.text import table, when
from datasource.prometheus import PrometheusClient
from datasource.settings import Settings, SettingsError, format_duration, load_settings, parse_duration
from datasource.settings.prometheus import Prometheus

if TYPE_CHECKING:
    from datasource.library.pictures import Picture

_SHOWN = 5
_BRIEFLY = 3
_NOTHING = '""'
_HOUR = 3600
_ADDRESS = re.compile(r"\w+://|[\w.-]+:\d+")


@dataclass(frozen=True, repr=False)
class Explained(Result):
    """Which label values carry a change; `found` has everything as it was computed."""

    found: Explanation
    title = "What carries the change"

    @property
    def parts(self) -> tuple[Part, ...]:
        """The label values that changed otherwise than the rest, the largest first."""
        return self.found.parts

    @property
    def sentence(self) -> str:
        """The answer in one sentence."""
        return sentence(self.found)

    def lines(self) -> Iterator[str]:
        """As `causal-datasource explain` prints it."""
        found = self.found
        yield found.question.query.strip()
        usual = f", usually within {_number(3 * found.usual)}" if np.isfinite(found.usual) else ""
        yield f"  {_number(found.before)} -> {_number(found.after)} ({signed(found.change)}{usual})"
        yield (
            f"  {when(found.start)} -> {when(found.end)}, each the mean of {format_duration(found.over)}; "
            f"{found.series:,} series"
        )
        yield ""
        yield self.sentence
        if found.parts:
            yield ""
            yield from self._table()
        if found.question.below and found.change:
            yield ""
            rate, mix = (sum(getattr(part, kind) for part in (*found.parts, found.rest)) for kind in ("rate", "mix"))
            yield f"Changed levels carry {share(self.found, rate)}, another mix {share(self.found, mix)}"
        told = {label for part in found.parts for label, _ in part.labels}
        for label, parts in found.by_label.items():
            if label in told:
                yield ""
                yield from self._label(label, parts)
        others = {label: parts for label, parts in found.by_label.items() if label not in told}
        if others:
            yield ""
            yield "By other labels"
            yield from table([(self._with_same(label), self._briefly(parts)) for label, parts in others.items()])
        for label, parts in found.counted.items():
            yield ""
            yield f"{label}, of what is counted above the line"
            yield from self._values(parts)
        told_beside = notices(found)
        if told_beside:
            yield ""
            yield "Notices"
            yield from (f"  {notice}" for notice in told_beside)

    def _table(self) -> Iterator[str]:
        found = self.found
        ratio = bool(found.question.below)
        own = ("part of the whole", "by its level", "by its part") if ratio else ()
        rows = [("", *(("carries",) if in_shares(self.found) else ()), "adds", "before -> after", *own)]
        for part in (*found.parts, found.rest):
            rows.append(self._row(story_name(self.found, part), part, ratio))
        yield from table(rows)

    def _row(self, name: str, part: Part, ratio: bool) -> tuple[str, ...]:
        level = f"{_number(part.before)} -> {_number(part.after)}"
        carried = (share(self.found, part.effect),) if in_shares(self.found) else ()
        row = (name, *carried, signed(part.effect), level)
        if not ratio:
            return row
        weight = f"{part.weight_before:.1%} -> {part.weight_after:.1%}"
        return (*row, weight, share(self.found, part.rate), share(self.found, part.mix))

    def _label(self, label: str, parts: Sequence[Part]) -> Iterator[str]:
        yield f"{self._with_same(label)}, {len(parts):,} values"
        yield from self._values(parts)

    def _with_same(self, label: str) -> str:
        same = self.found.same.get(label, ())
        return f"{label} (and {', '.join(same)})" if same else label

    def _briefly(self, parts: Sequence[Part]) -> str:
        shown = [f"{part.labels[0][1] or _NOTHING} {share(self.found, part.effect)}" for part in parts[:_BRIEFLY]]
        if len(parts) > _BRIEFLY:
            left = sum(part.effect for part in parts[_BRIEFLY:])
            shown.append(f"{len(parts) - _BRIEFLY:,} more {share(self.found, left)}")
        return ", ".join(shown)

    def _values(self, parts: Sequence[Part]) -> Iterator[str]:
        rows = [
            self._row(part.labels[0][1] or _NOTHING, part, bool(self.found.question.below)) for part in parts[:_SHOWN]
        ]
        weighted = any(np.isfinite(part.weight_after) for part in parts)
        rows = [row[: 3 + in_shares(self.found) + weighted] for row in rows]
        if len(parts) > _SHOWN:
            left = sum(part.effect for part in parts[_SHOWN:])
            carried = (share(self.found, left),) if in_shares(self.found) else ()
            told = (f"{len(parts) - _SHOWN:,} more", *carried, signed(left))
            rows.append((*told, *[""] * (len(rows[0]) - len(told))))
        yield from table(rows)

    def to_frame(self) -> Any:
        """A row for each story, the rest, and each value of each label: part, label values, effect, share, rate, mix,
        before, after. Stories and rest add up to the change, and so do the values of each label."""
        import pandas as pd

        document = self._document()
        rows = [{"part": "story", **one} for one in document["parts"]] + [{"part": "rest", **document["rest"]}]
        for kind in ("by_label", "counted"):
            for label, entries in document[kind].items():
                rows += [{"part": label, **one} for one in entries]
        return pd.DataFrame(rows)

    def _document(self) -> dict[str, Any]:
        return document(self.found)

    def plot(self) -> "Picture":
        """What each story and the rest add to the change."""
        from datasource.library.pictures import PLAIN, WRONG, Bar, bars

        shown = [Bar(story_name(self.found, part), part.effect, color=WRONG) for part in self.found.parts]
        shown.append(Bar(part_name(self.found.rest), self.found.rest.effect, color=PLAIN))
        return bars(self.title, "added to the change, in the query's unit", shown)


def explain(
    source: str | os.PathLike[str] | Settings,
    query: str,
    *,
    start: Any = None,
    end: Any = None,
    over: str | float | None = None,
    depth: int = DEPTH,
) -> Explained:
    """Which label values carry the change of a PromQL sum, rate, ratio or mean between two times.

    `source` is the address of a Prometheus (http://...), the path of a causal.yaml, or settings. `start` and `end` are
    times (text, datetime, seconds since 1970, or relative as "-1h"), an hour ago and now without them. What is compared
    are the means of `over` (a duration or seconds) up to each; without it, a quarter of the time between them. `depth`
    is how many labels a story may combine. Raises QueryError, SettingsError and PrometheusError.
    """
    question = read_question(query)
    if not 1 <= depth <= DEPTH:
        raise QueryError(f"depth {depth} is not between 1 and {DEPTH}")
    client = PrometheusClient.from_settings(_prometheus(source))
    now = time.time() - client.settings.latency_offset
    last = now if end is None else _seconds(end, "to", now)
    if last > now + client.settings.latency_offset + 1:
        raise QueryError(f"--to {when(int(last))} is in the future, where nothing was measured; choose an earlier one")
    first = last - _HOUR if start is None else _seconds(start, "from", now)
    try:
        span = None if over is None else parse_duration(over)
    except ValueError as error:
        raise QueryError(f"--over: {error}") from None
    times = choose_times(question, first, last, span)
    return Explained(explain_change(question, read_measured(client, question, times), depth))


def _prometheus(source: str | os.PathLike[str] | Settings) -> Prometheus:
    if isinstance(source, Settings):
        return source.prometheus
    if _ADDRESS.match(str(source)):
        from pydantic import ValidationError

        try:
            return Prometheus(url=str(source))
        except ValidationError as error:
            raise SettingsError(f"{source}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None
    return load_settings(source).settings.prometheus


def _seconds(value: Any, option: str, now: float) -> float:
    """Seconds since 1970 of a time, or of one before now."""
    try:
        return moment(value, now) if isinstance(value, str) else seconds_of(value)
    except ValueError as error:
        raise QueryError(f"--{option}: {error}") from None


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.4g}"
