"""From signals to the matrix: one query per signal, for all entities at once."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from datasource.settings import Settings, Signal
from datasource.telemetry.matrix import Floats, Matrix
from datasource.telemetry.prometheus import PrometheusClient, PrometheusError, Series
from datasource.telemetry.variable import Entity, Variable


class SignalReport(NamedTuple):
    """What one signal's query brought: entities and points, or the problem why not."""

    signal: str
    entities: int
    points: int
    problem: str = ""
    kind: str = ""


class Reading(NamedTuple):
    """A matrix and how each signal fared."""

    matrix: Matrix
    reports: tuple[SignalReport, ...]


class Reader:
    """Reads the configured signals of one Prometheus."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        where = settings.prometheus
        self.client = PrometheusClient(where.url, where.timeout, where.retries)

    def newest(self, now: float) -> int:
        """The newest time on the grid whose samples are surely there."""
        step = int(self.settings.step)
        return int((now - self.settings.prometheus.latency_offset) // step) * step

    def read(self, start: int, end: int) -> Reading:
        """All signals on the grid [start, end] (seconds, multiples of the step).

        A signal that fails is empty in the matrix and says why in its report; only when Prometheus
        fails for every signal does the error itself come out. Raises PrometheusError.
        """
        step = int(self.settings.step)
        signals = self.settings.signals
        with ThreadPoolExecutor(self.settings.prometheus.concurrency) as pool:
            results = list(pool.map(lambda name: self._signal(signals[name], start, end, step), signals))
        errors = [result for result in results if isinstance(result, PrometheusError)]
        if errors and len(errors) == len(results):
            raise errors[0]
        variables: list[Variable] = []
        rows: list[Floats] = []
        reports: list[SignalReport] = []
        for name, result in zip(signals, results, strict=True):
            if isinstance(result, PrometheusError):
                reports.append(SignalReport(name, 0, 0, str(result), result.kind))
                continue
            series, problem = result
            counts = {entity: int(np.isfinite(row).sum()) for entity, row in series.items()}
            variables += [Variable(entity, name) for entity, count in counts.items() if count]
            rows += [series[entity] for entity, count in counts.items() if count]
            points = sum(counts.values())
            reports.append(SignalReport(name, len(series), points, problem, "labels" if problem else ""))
        columns = max(0, (end - start) // step + 1)
        values = np.stack(rows) if rows else np.empty((0, columns))
        return Reading(Matrix(tuple(variables), start, step, values), tuple(reports))

    def _signal(
        self, signal: Signal, start: int, end: int, step: int
    ) -> tuple[dict[Entity, Floats], str] | PrometheusError:
        labels = self.settings.entities[signal.entity].labels
        rows: dict[Entity, Floats] = {}
        problem = ""
        try:
            for window in self.client.query_range(signal.query, start, end, step):
                problem = self._lay(window, signal.entity, labels, rows, (start, end, step)) or problem
        except PrometheusError as error:
            return error
        if problem.startswith("ambiguous"):
            return {}, problem
        return rows, problem

    @staticmethod
    def _lay(
        window: list[Series],
        entity_type: str,
        labels: tuple[str, ...],
        rows: dict[Entity, Floats],
        grid: tuple[int, int, int],
    ) -> str:
        """Lay one answer onto the grid; what is wrong with it, if anything."""
        start, end, step = grid
        problem = ""
        seen: set[Entity] = set()
        for series in window:
            missing = [label for label in labels if not series.labels.get(label)]
            if missing:
                problem = (
                    f"a series has no label '{missing[0]}', which entity '{entity_type}' needs "
                    f"(it has {_labels(series.labels)}); group the query by ({', '.join(labels)}) or change the entity"
                )
                continue
            entity = Entity(entity_type, tuple((label, series.labels[label]) for label in labels))
            if entity in seen:
                return (
                    f"ambiguous: several series for {entity}, for example {_labels(series.labels)}; "
                    f"aggregate with 'sum by ({', '.join(labels)}) (...)' or give the entity more labels"
                )
            seen.add(entity)
            row = rows.setdefault(entity, np.full((end - start) // step + 1, np.nan))
            columns = np.rint((series.times - start) / step).astype(np.int64)
            inside = (columns >= 0) & (columns < row.size)
            row[columns[inside]] = np.where(np.isfinite(series.values), series.values, np.nan)[inside]
        return problem


class History:
    """The newest `keep` columns, read once in full and then only at the tail."""

    OVERLAP = 3
    """Columns read again at every update, for samples that came late."""

    def __init__(self, reader: Reader, keep: int) -> None:
        self.reader = reader
        self.keep = keep
        self.matrix: Matrix | None = None
        self.reports: tuple[SignalReport, ...] = ()

    def update(self, now: float) -> Matrix:
        """Everything up to the newest time on the grid. Raises PrometheusError and then keeps what it had."""
        end = self.reader.newest(now)
        step = int(self.reader.settings.step)
        full = end - (self.keep - 1) * step
        have = self.matrix
        if have is None or not have.variables or have.end < full or have.end > end:
            reading = self.reader.read(full, end)
            self.matrix, self.reports = reading
            return reading.matrix
        start = have.end + step - self.OVERLAP * step
        reading = self.reader.read(start, end)
        failed = {report.signal for report in reading.reports if report.kind not in ("", "labels")}
        fresh = _without_failed(reading.matrix, have, failed)
        self.matrix, self.reports = have.updated(fresh, self.keep), reading.reports
        return self.matrix


def _without_failed(fresh: Matrix, have: Matrix, failed: set[str]) -> Matrix:
    """Signals whose query failed keep the samples they had; they have not vanished, they were not read."""
    rows = [variable for variable in have.variables if variable.signal in failed]
    if not rows:
        return fresh
    old = have.select(rows).between(fresh.start, fresh.end)
    values = np.full((len(rows), fresh.values.shape[1]), np.nan)
    values[:, : old.values.shape[1]] = old.values
    return Matrix((*fresh.variables, *rows), fresh.start, fresh.step, np.vstack([fresh.values, values]))


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items())) + "}" if labels else "none"
