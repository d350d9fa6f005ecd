"""Which label values carry a change of a PromQL query, as text, JSON, data frame and picture."""

import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from datasource.attribution.explanation import DEPTH, Explanation, Part, explain_change
from datasource.attribution.question import read_question
from datasource.attribution.reading import choose_times, read_measured
from datasource.attribution.syntax import QueryError
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
_CANCELS = 4
"""Parts so many times as large as the change itself are told in the query's unit."""
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
        found = self.found
        if not found.change:
            return "Nothing changed"
        if not found.parts:
            if not found.is_clear:
                return "No more changed than usual, and no label value carries it"
            return "All label values alike: none changed otherwise than the rest" + self._told_replaced()
        told = " and ".join(f"{self._named(part)} ({self._share(part.effect)})" for part in found.parts[:2])
        many = len(found.parts)
        only = "It is only " if many <= 2 and not found.rest_moved else "It is mostly "
        if not self._in_shares:
            only = "Little changed in all, but of its parts "
        more = f" and {many - 2} more" if many > 2 else ""
        rest = self._share(found.rest.effect)
        told_rest = f"; all others {'changed, too' if found.rest_moved else 'changed no more than usual'} ({rest})"
        return only + told + more + told_rest

    def lines(self) -> Iterator[str]:
        """As `causal-datasource explain` prints it."""
        found = self.found
        yield found.question.query.strip()
        usual = f", usually within {_number(3 * found.usual)}" if np.isfinite(found.usual) else ""
        yield f"  {_number(found.before)} -> {_number(found.after)} ({_signed(found.change)}{usual})"
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
            yield f"Changed levels carry {self._share(rate)}, another mix {self._share(mix)}"
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
        notices = [*self._replaced_lines(), *found.notices]
        if notices:
            yield ""
            yield "Notices"
            yield from (f"  {notice}" for notice in notices)

    def _table(self) -> Iterator[str]:
        found = self.found
        ratio = bool(found.question.below)
        own = ("part of the whole", "by its level", "by its part") if ratio else ()
        rows = [("", *(("carries",) if self._in_shares else ()), "adds", "before -> after", *own)]
        for part in (*found.parts, found.rest):
            rows.append(self._row(self._named(part), part, ratio))
        yield from table(rows)

    def _row(self, name: str, part: Part, ratio: bool) -> tuple[str, ...]:
        level = f"{_number(part.before)} -> {_number(part.after)}"
        share = (self._share(part.effect),) if self._in_shares else ()
        row = (name, *share, _signed(part.effect), level)
        if not ratio:
            return row
        weight = f"{part.weight_before:.1%} -> {part.weight_after:.1%}"
        return (*row, weight, self._share(part.rate), self._share(part.mix))

    def _label(self, label: str, parts: Sequence[Part]) -> Iterator[str]:
        yield f"{self._with_same(label)}, {len(parts):,} values"
        yield from self._values(parts)

    def _with_same(self, label: str) -> str:
        same = self.found.same.get(label, ())
        return f"{label} (and {', '.join(same)})" if same else label

    def _briefly(self, parts: Sequence[Part]) -> str:
        shown = [f"{part.labels[0][1] or _NOTHING} {self._share(part.effect)}" for part in parts[:_BRIEFLY]]
        if len(parts) > _BRIEFLY:
            left = sum(part.effect for part in parts[_BRIEFLY:])
            shown.append(f"{len(parts) - _BRIEFLY:,} more {self._share(left)}")
        return ", ".join(shown)

    def _values(self, parts: Sequence[Part]) -> Iterator[str]:
        rows = [
            self._row(part.labels[0][1] or _NOTHING, part, bool(self.found.question.below)) for part in parts[:_SHOWN]
        ]
        weighted = any(np.isfinite(part.weight_after) for part in parts)
        rows = [row[: 3 + self._in_shares + weighted] for row in rows]
        if len(parts) > _SHOWN:
            left = sum(part.effect for part in parts[_SHOWN:])
            share = (self._share(left),) if self._in_shares else ()
            told = (f"{len(parts) - _SHOWN:,} more", *share, _signed(left))
            rows.append((*told, *[""] * (len(rows[0]) - len(told))))
        yield from table(rows)

    def _replaced_lines(self) -> Iterator[str]:
        for label, (went, came) in self.found.replaced.items():
            yield f"{label}: {_some(went)} went and {_some(came)} came; not told apart, as most values are new"

    def _told_replaced(self) -> str:
        said = [
            f"{label} {', '.join(went)} gave way to {', '.join(came)}"
            for label, (went, came) in self.found.replaced.items()
            if len(went) <= 2 and len(came) <= 2
        ]
        return f"; {'; '.join(said)}" if said else ""

    def _named(self, part: Part) -> str:
        """The label values; "other" where a part of them is told by itself."""
        inside = any(set(part.labels) < set(one.labels) for one in self.found.parts)
        return f"other {_named(part)}" if inside and part.labels else _named(part)

    def _share(self, effect: float) -> str:
        change = self.found.change
        return f"{effect / change:.0%}".replace("-0%", "0%") if self._in_shares else _signed(effect)

    @property
    def _in_shares(self) -> bool:
        """Whether parts are told as shares of the change; not where they cancel out and little is left of them."""
        largest = max(abs(part.effect) for part in (*self.found.parts, self.found.rest))
        return bool(_CANCELS * abs(self.found.change) >= largest > 0)

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
        found = self.found
        return {
            "query": found.question.query,
            "sentence": self.sentence,
            "start": found.start,
            "end": found.end,
            "over": found.over,
            "before": found.before,
            "after": found.after,
            "change": found.change,
            "usual": found.usual,
            "is_clear": found.is_clear,
            "parts": [self._entry(part) for part in found.parts],
            "rest": self._entry(found.rest),
            "rest_moved": found.rest_moved,
            "by_label": {label: [self._entry(part) for part in parts] for label, parts in found.by_label.items()},
            "counted": {label: [self._entry(part) for part in parts] for label, parts in found.counted.items()},
            "same": {label: list(same) for label, same in found.same.items()},
            "replaced": {label: {"went": list(w), "came": list(c)} for label, (w, c) in found.replaced.items()},
            "series": found.series,
            "notices": list(found.notices),
        }

    def _entry(self, part: Part) -> dict[str, Any]:
        change = self.found.change
        return {
            "labels": dict(part.labels),
            "effect": part.effect,
            "share": part.effect / change if change else float("nan"),
            "rate": part.rate,
            "mix": part.mix,
            "before": part.before,
            "after": part.after,
            "weight_before": part.weight_before,
            "weight_after": part.weight_after,
        }

    def plot(self) -> "Picture":
        """What each story and the rest add to the change."""
        from datasource.library.pictures import PLAIN, WRONG, Bar, bars

        shown = [Bar(self._named(part), part.effect, color=WRONG) for part in self.found.parts]
        shown.append(Bar(_named(self.found.rest), self.found.rest.effect, color=PLAIN))
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
    text = str(value).strip().removeprefix("now") if isinstance(value, str) else value
    try:
        if isinstance(text, str) and text[:1] in ("-", ""):
            return now - parse_duration(text[1:]) if text else now
        return seconds_of(text)
    except ValueError as error:
        raise QueryError(f"--{option}: {error}, or relative as -1h") from None


def _named(part: Part) -> str:
    return ", ".join(f"{label}={value}" if value else f"no {label}" for label, value in part.labels) or "all others"


def _some(values: Sequence[str]) -> str:
    return ", ".join(values) if len(values) <= 3 else f"{len(values):,} values"


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.4g}"


def _signed(value: float) -> str:
    return f"{value:+.3g}"
