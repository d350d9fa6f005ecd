"""Why did a signal's query bring nothing?"""

import re
from difflib import get_close_matches
from functools import cached_property
from math import isfinite

from datasource.cli.survey import Survey
from datasource.cli.timing import choose_timing
from datasource.data.counters import is_counter_name, is_total_name
from datasource.library.claims import filters
from datasource.library.doubts import Doubt
from datasource.prometheus import PrometheusClient, PrometheusError
from datasource.settings import Settings, Signal, format_duration, parse_duration
from datasource.settings.promql import Selector, read_parts, write_labels, write_selector

LATER = 1.2
"""Samples that come so many steps apart come more rarely than every step."""
_JITTER = 1.05
_FALLS = 0.02
"""A counter falls, when its process starts anew, at so small a share of its changes at most."""
_FALLS_OF_TOTALS = 0.2
"""The same of what is a counter by its name: what seldom happens is counted anew with every restart."""
_ENOUGH_CHANGES = 4
_OF_GROWTH = re.compile(r"\b(?:i?rate|increase|i?delta|deriv|changes|resets|predict_linear)\s*\(")
"""What needs two samples in a range."""
_OF_SCRAPERS = {"prometheus_replica", "__replica__", "ha_replica", "receive_replica", "prometheus_ha_replica"}
"""Labels that say which of several servers scraped a series."""
_NO_VALUE = re.compile(
    r"\b(?:offset|(?:count|group|timestamp|absent|present_over_time|count_over_time)\s*(?:by|without|\())"
)
"""A query that does not take a counter for what it says, or takes what it grew by."""


class Diagnosis:
    """Asks one Prometheus about the metrics in a query, between `start` and `end` (seconds).

    `intervals` are the seconds between samples, by metric, as far as they were asked for; 0 where nobody can tell.
    """

    def __init__(self, client: PrometheusClient, settings: Settings, start: int, end: int) -> None:
        self.client = client
        self.settings = settings
        self.start, self.end = start, end
        self.intervals: dict[str, float] = {}

    def nothing(self, signal: Signal, counted: bool = False) -> str:
        """Why a query that Prometheus accepts returns no series, which may be `counted` as zero. Raises
        PrometheusError."""
        selectors = read_parts(signal.query).selectors
        growth = bool(_OF_GROWTH.search(signal.query))
        reasons = [reason for selector in selectors if (reason := self._about(selector, counted, growth))]
        if reasons:
            return "; ".join(dict.fromkeys(reasons))
        if said := filters(signal.query):
            return said
        names = ", ".join(dict.fromkeys(selector.metric for selector in selectors))
        if len(selectors) > 1:
            return f"{names} have samples, but the query joins them to nothing; the two sides' labels may differ"
        return f"{names or 'its metrics'} may have samples, but the query returns nothing; try it in Prometheus"

    def just_begun(self, signal: Signal) -> bool:
        """Whether all its metrics have samples now, but none yet that is old enough to be asked for."""
        metrics = {write_selector(selector.metric) for selector in read_parts(signal.query).selectors}
        return bool(metrics) and all(self.client.query(f"count({m})") and not self._samples(m) for m in metrics)

    def unlabelled(self, signal: Signal) -> str:
        """Which of the entity's labels the query's metrics do not have, and which they have; empty when all are there.

        Raises PrometheusError.
        """
        wanted = dict.fromkeys((*read_parts(signal.query).grouping, *self.settings.entities[signal.entity].labels))
        for selector in read_parts(signal.query).selectors:
            there = self._labels(selector)
            missing = [label for label in wanted if label not in there]
            if there and missing:
                return (
                    f"{selector.metric} has no label '{missing[0]}'; it has {', '.join(there)}; "
                    "group by one of these, and name it in the entity's labels"
                )
        return ""

    def timing(self, signal: Signal) -> list[Doubt]:
        """Whether a range holds two samples, and whether samples come at every step. Raises PrometheusError."""
        selectors = [one for one in read_parts(signal.query).selectors if one.metric in self._survey.names]
        growth = bool(_OF_GROWTH.search(signal.query))
        short = [Doubt(text) for one in selectors if (text := self._too_short(one, growth))]
        if short:
            return short[:1]
        slow = {one.metric: self._survey.interval(one.metric) for one in selectors}
        self.intervals |= slow
        metric, every = max(slow.items(), key=lambda one: one[1], default=("", 0.0))
        if every <= LATER * self.settings.step:
            return []
        step, often = format_duration(self.settings.step), format_duration(every)
        text = f"{metric} comes about every {often}, the step is {step}: points repeat or are missing"
        return [Doubt(f"{text}; make 'step' {often} where most come so rarely", wrong=False)]

    def doubled(self, signal: Signal) -> list[Doubt]:
        """Whether a query adds up what several servers scraped of the same targets. Raises PrometheusError."""
        for one in read_parts(signal.query).selectors:
            if one.metric not in self._survey.names or not re.search(r"\b(?:sum|count)\b", signal.query):
                continue
            for label in sorted(_OF_SCRAPERS & self._survey.labels(one.metric)):
                alike = self.client.query(f"max(count without ({label}) ({write_selector(one.metric)}))", self.end)
                if alike and alike[0].values[0] > 1 and label not in f"{one.matchers} {signal.query}":
                    several = int(alike[0].values[0])
                    text = f"{one.metric} is there {several} times, once for each {label}, and a sum counts each"
                    return [Doubt(f"{text}; choose one of them in the query, or have the server deduplicate")]
        return []

    def raw_counter(self, signal: Signal) -> str:
        """A counter that a query takes as it is, without a rate; empty where there is none."""
        if _OF_GROWTH.search(signal.query) or _NO_VALUE.search(signal.query):
            return ""
        bare = [one.metric for one in read_parts(signal.query).selectors if not one.range]
        return next((metric for metric in bare if self._is_counter(metric)), "")

    def rated(self, signal: Signal) -> str:
        """A query that takes the rate of a signal's first counter, by the entity's labels."""
        found = next((one for one in read_parts(signal.query).selectors if not one.range), None)
        if found is None:
            return ""
        window = choose_timing(self._survey.interval(found.metric) or 15.0).window
        labels = write_labels(self.settings.entities[signal.entity].labels)
        how = "increase" if signal.kind == "event" else "rate"
        return f"sum by ({labels}) ({how}({found}[{format_duration(window)}]))"

    def highest_bucket(self, signal: Signal) -> float | None:
        """The highest finite bound of the histogram of which a query takes a quantile; None without one."""
        buckets = [one.metric for one in read_parts(signal.query).selectors if one.metric.endswith("_bucket")]
        if "histogram_quantile" not in signal.query or not buckets:
            return None
        bounds = [float(text) for (text,) in self._survey.values(buckets[0], ["le"]) if _is_finite(text)]
        return max(bounds, default=None)

    def _is_counter(self, metric: str) -> bool:
        """By what its target says of it; where nobody says anything, as of recorded rules, by its name, where it also
        grew and hardly fell in the last hour, or, of what seldom happens, in the baseline: `pg_stat_activity_count` is
        none. A total that never changed is one that nothing has been added to yet."""
        try:
            said = self.client.get("metadata", {"metric": metric, "limit": 1}).data
            kinds = {one["type"] for one in said[metric]}
        except (PrometheusError, TypeError, KeyError):
            kinds = set()
        if "counter" in kinds or kinds - {"unknown"} or not is_counter_name(metric):
            return "counter" in kinds
        for span in ("1h", f"{self.end - self.start}s"):
            falls, changes = (self._total(f"{how}({write_selector(metric)}[{span}])") for how in ("resets", "changes"))
            if changes >= _ENOUGH_CHANGES:
                return falls <= (_FALLS_OF_TOTALS if is_total_name(metric) else _FALLS) * changes
        return is_total_name(metric) and not falls

    def _total(self, query: str) -> float:
        found = self.client.query(f"sum({query})", self.end)
        return float(found[0].values[0]) if found else 0.0

    @cached_property
    def _survey(self) -> Survey:
        return Survey(self.client, self.end)

    def _about(self, selector: Selector, counted: bool, growth: bool) -> str:
        name = selector.metric
        names = sorted(self._survey.names)
        if name not in names:
            close = get_close_matches(name, names, 3, 0.7) or [other for other in names if name in other][:3]
            return f"no metric '{name}'" + (f"; did you mean {' or '.join(close)}?" if close else "")
        if not self._samples(write_selector(name)):
            return f"{name} is known, but has no samples in the last {format_duration(self.settings.baseline)}"
        if selector.matchers and not self._samples(str(selector)):
            labels = ", ".join(self._labels(Selector(name)))
            said = f"{name} has samples, but none with {{{selector.matchers}}} (its labels are {labels})"
            zero = "; if that can be, add 'or 0 * ...' to the query, so that nothing counts as 0"
            return said if counted else said + zero
        return self._too_short(selector, growth)

    def _too_short(self, selector: Selector, of_growth: bool) -> str:
        """A range that holds fewer than two samples gives no rate, and one that holds none gives nothing."""
        try:
            span = parse_duration(selector.range)
        except ValueError:  # no range, or one that only Prometheus understands
            return ""
        every, needed = self._survey.interval(selector.metric), 2 if of_growth else 1
        if needed * every <= _JITTER * span:
            return ""
        return (
            f"{selector.metric} comes about every {format_duration(every)}, and [{selector.range}] holds fewer than "
            f"{'two samples' if of_growth else 'one'}; make the range at least {format_duration(2 * needed * every)}"
        )

    def _samples(self, selector: str) -> bool:
        """Whether a selector has any sample: whole blocks are listed by /series, so it is counted."""
        span = self.end - self.start
        return bool(self.client.query(f"count(last_over_time({selector}[{span}s]))", self.end))

    def _labels(self, selector: Selector) -> list[str]:
        params = {"match[]": str(selector), "start": self.start, "end": self.end}
        return sorted(set(self.client.get("labels", params).data or ()) - {"__name__"})


def _is_finite(text: str) -> bool:
    try:
        return isfinite(float(text))
    except ValueError:
        return False


def refused(error: PrometheusError) -> str:
    """A query's error, in one line."""
    return " ".join(str(error).split())
