"""From signals to numbers: one query per signal, for all entities at once, several signals at a time."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from datasource.data.growing import Block
from datasource.data.matrix import Floats, Matrix
from datasource.data.variable import Variable
from datasource.prometheus.align import Rows
from datasource.prometheus.answer import Answer, check_series, judge_warnings
from datasource.prometheus.client import PrometheusClient, decoded_range
from datasource.prometheus.errors import PrometheusError
from datasource.prometheus.loki import LokiClient
from datasource.prometheus.tempo import TempoClient
from datasource.prometheus.victorialogs import VictoriaLogsClient
from datasource.settings import Settings

_CLIENTS: Mapping[str, type[PrometheusClient]] = {
    "loki": LokiClient,
    "victorialogs": VictoriaLogsClient,
    "tempo": TempoClient,
}


class SignalReport(NamedTuple):
    """What one signal's query brought: entities and points, or the problem why not.

    `kind` is empty when all went well, "labels" when series could not be told apart, otherwise the kind of the
    PrometheusError. `notice` is what the server remarked on an answer that was taken.
    """

    signal: str
    entities: int
    points: int
    problem: str = ""
    kind: str = ""
    notice: str = ""

    @property
    def failed(self) -> bool:
        """Whether there is no answer at all."""
        return self.kind not in ("", "labels")


class Reading(NamedTuple):
    """A matrix and how each signal fared."""

    matrix: Matrix
    reports: tuple[SignalReport, ...]


class SignalReading(NamedTuple):
    """The block that one signal's query brought, without rows when it failed, and how it fared.

    Where it is not `whole`, samples may be missing: the answer was partial, or its series could not be told apart.
    """

    block: Block
    report: SignalReport
    error: PrometheusError | None = None
    whole: bool = True


class Reader:
    """Reads the configured signals of one Prometheus, and of the servers of logs and traces beside it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.client = PrometheusClient.from_settings(settings.prometheus)
        self.others: dict[str, PrometheusClient] = {
            name: _CLIENTS[name].from_settings(server)
            for name, server in settings.servers.items()
            if name != "prometheus"
        }

    def newest(self, now: float) -> int:
        """The newest time on the grid whose samples are surely there."""
        step = int(self.settings.step)
        return int((now - self.settings.latency_offset) // step) * step

    def read(self, start: int, end: int) -> Reading:
        """All signals on the grid [start, end] (seconds, multiples of the step).

        A signal that fails is empty in the matrix and says why in its report; only when Prometheus
        fails for every signal does the error itself come out. Raises PrometheusError.
        """
        step = int(self.settings.step)
        readings = self.read_each(dict.fromkeys(self.settings.signals, (start, end)), step)
        variables: list[Variable] = []
        rows: list[Floats] = []
        for block, *_ in readings:
            kept = {entity: row for entity, row in block.rows.items() if np.isfinite(row).any()}
            variables += [Variable(entity, block.signal) for entity in kept]
            rows += kept.values()
        values = np.stack(rows) if rows else np.empty((0, max(0, (end - start) // step + 1)))
        return Reading(Matrix(tuple(variables), start, step, values), tuple(one.report for one in readings))

    def read_each(self, spans: Mapping[str, tuple[int, int]], step: int) -> list[SignalReading]:
        """Each signal on its own grid [start, end] (seconds, multiples of `step`), in the order of `spans`.

        Raises PrometheusError when Prometheus fails for every one of them.
        """
        if not spans:
            return []
        with ThreadPoolExecutor(min(len(spans), self.settings.prometheus.concurrency)) as pool:
            readings = list(pool.map(lambda name: self._read(name, *spans[name], step), spans))
        errors = [reading.error for reading in readings if reading.error is not None]
        if len(errors) == len(readings):
            raise errors[0]
        return readings

    def _read(self, name: str, start: int, end: int, step: int) -> SignalReading:
        signal = self.settings.signals[name]
        client = self.others.get(signal.source, self.client)
        where = client.settings
        columns = max(0, (end - start) // step + 1)
        rows = Rows(signal.entity, self.settings.entities[signal.entity].labels, start, step, columns, signal.labels)
        warnings: dict[str, None] = {}
        try:
            for answer in decoded_range(client, signal.query, start, end, step):
                check_series(answer.size, where.max_series)
                rows.lay(answer.series)
                warnings |= dict.fromkeys(answer.warnings)
            notice = judge_warnings(tuple(warnings), where.partial, client.url)
        except PrometheusError as error:
            report = SignalReport(name, 0, 0, str(error), error.kind)
            return SignalReading(Block(name, start, columns, {}), report, error)
        found = rows.rows()
        points = sum(int(np.isfinite(row).sum()) for row in found.values())
        kind = "labels" if rows.problem else ""
        report = SignalReport(name, len(found), points, rows.problem, kind, notice)
        whole = not rows.disputed and not Answer(None, tuple(warnings)).missing
        return SignalReading(Block(name, start, columns, found), report, whole=whole)
