"""What a Prometheus holds: which metrics are alive, their labels, how often samples come and since when."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import orjson

from datasource.prometheus import PrometheusClient, PrometheusError, Series
from datasource.settings.promql import write_label, write_labels, write_selector

DAY = 86400
_LOOKS_BACK = (600, 3600, 6 * 3600, DAY)
"""Seconds in which samples are looked for, the longer the more rarely they come."""
_FEWEST_SAMPLES = 3


class Survey:
    """Looks at one Prometheus as it is at `now` (seconds), each thing once. Every look raises PrometheusError."""

    def __init__(self, client: PrometheusClient, now: float) -> None:
        self.client = client
        self.now = now
        self.names = frozenset(self._strings("label/__name__/values", {}))
        self.alive = cache(self._alive)
        self.labels = cache(self._labels)
        self.interval = cache(self._interval)

    def first(self, *names: str) -> str:
        """The first of these metrics that has samples now; empty when none has."""
        return next((name for name in names if self.alive(name)), "")

    def _alive(self, metric: str) -> bool:
        return metric in self.names and bool(self.query(f"count({write_selector(metric)})"))

    def _labels(self, metric: str) -> frozenset[str]:
        """The names of the labels that series of a metric have had in the last ten minutes."""
        params = {"match[]": write_selector(metric), "start": self.now - 600, "end": self.now}
        return frozenset(self._strings("labels", params)) - {"__name__"}

    def values(self, metric: str, labels: Sequence[str]) -> dict[tuple[str, ...], int]:
        """How many series there are now for each combination of values; a missing label is an empty value."""
        found = self.query(f"count by ({write_labels(labels)}) ({write_selector(metric)})")
        return {tuple(one.labels.get(label, "") for label in labels): int(one.values[-1]) for one in found}

    def query(self, query: str) -> list[Series]:
        """The series of an instant query now."""
        return self.client.query(query, self.now)

    def _interval(self, metric: str) -> float:
        """Seconds between two samples of a metric's fullest series, of what seldom comes in a longer time; 0 when there
        are too few to tell."""
        times: list[float] = []
        for span in _LOOKS_BACK:
            times = self._times(metric, span)
            if len(times) > _FEWEST_SAMPLES:
                break
        return float(np.median(np.diff(times))) if len(times) > 1 else 0.0

    def _times(self, metric: str, span: int) -> list[float]:
        """When the fullest series of a metric had its samples in the last `span` seconds."""
        longest = self.query(f"topk(1, count_over_time({write_selector(metric)}[{span}s]))")
        if not longest:
            return []
        values = {label: value for label, value in longest[0].labels.items() if label != "__name__"}
        chosen = ",".join(f"{write_label(label)}={orjson.dumps(value).decode()}" for label, value in values.items())
        query = f"{write_selector(metric, chosen)}[{span}s]"
        data = self.client.get("query", {"query": query, "time": self.now}).data
        try:
            return [float(point[0]) for one in data["result"] for point in one["values"]]
        except (TypeError, KeyError, ValueError, IndexError):
            return []

    def reach(self, metric: str) -> float:
        """Seconds that a metric's samples reach back, to the hour where that is over two, a month at most."""
        for span, step in ((2 * 3600, 60), (30 * DAY, 3600)):
            end = int(self.now // step) * step
            try:
                windows = self.client.query_range(f"count({write_selector(metric)})", end - span, end, step)
                times = [series.times[0] for window in windows for series in window]
            except PrometheusError:
                break
            if times and (step == 3600 or min(times) > end - span):
                return self.now - float(min(times))
        return 0.0

    def _strings(self, endpoint: str, params: dict[str, Any]) -> list[str]:
        """An answer that is a list of names; null where a server writes an empty one so."""
        data = self.client.get(endpoint, params).data or []
        if not isinstance(data, list):
            raise PrometheusError("not_json", f"{self.client.url} answered {endpoint} with something that is no list")
        return [name for name in data if isinstance(name, str)]
