"""What has been read, kept: at full resolution for the recent days, sampled for older ones."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from datasource.data.absence import Known
from datasource.data.growing import Block
from datasource.data.matrix import Floats, Matrix, empty_matrix
from datasource.data.variable import Entity
from datasource.prometheus.arrivals import OVERLAP, Arrivals
from datasource.prometheus.errors import PrometheusError
from datasource.prometheus.reader import Reader, SignalReport
from datasource.prometheus.resolution import Question, Resolution, questions
from datasource.settings import format_duration


class History:
    """The baseline, read once in full and then only at its end.

    `recent` has every step of the newest `full_resolution` (of the whole baseline where that is shorter), up to the
    newest time whose samples are surely there. `older` has every eleventh step of the baseline before that.

    Each signal goes its own way: one whose query failed keeps what it had and catches up from there, one whose query
    changed is read anew, one whose samples come late is read again from the newest that it has (see `Arrivals`).
    Matrices that were handed out never change. What is older than `full_resolution` is final: nothing comes that late.
    """

    def __init__(self, reader: Reader, keep: int | None = None) -> None:
        self.reader = reader
        self.reports: tuple[SignalReport, ...] = ()
        self._keep = keep
        self._begin()

    @property
    def recent(self) -> Matrix:
        """Variables x times, one column per step."""
        return self._recent.matrix

    @property
    def older(self) -> Matrix:
        """Variables x times, one column per `older_step`, before the first column of `recent`. Its values are those
        that the queries have at these times, nothing is averaged."""
        return self._older.matrix if self._older.keep else empty_matrix(self.recent.start, self._older.step)

    @property
    def ends(self) -> Mapping[str, int]:
        """Up to when (seconds) each signal has been read."""
        return self._recent.ends

    @property
    def known(self) -> Mapping[str, Known]:
        """Up to when an absent sample of each signal is none, in `recent`: less late than it usually comes."""
        late = self._arrivals.lateness
        return {name: one._replace(until=one.until - late(name)) for name, one in self._recent.known.items()}

    @property
    def late(self) -> Mapping[str, int]:
        """How late (seconds) a sample of each signal that usually comes late may still come: twice as late as usual."""
        late = {name: self._arrivals.lateness(name) for name in self._recent.ends}
        return {name: min(2 * one, self._arrivals.reach) for name, one in late.items() if one}

    @property
    def older_known(self) -> Mapping[str, Known]:
        """The same of `older`."""
        return self._older.known

    def update(self, now: float) -> Matrix:
        """Read what is missing up to `now` (seconds) and return `recent`.

        Raises PrometheusError when Prometheus fails for every signal, and then keeps what it had.
        """
        end = self.reader.newest(now)
        if self._shape != self._wanted_shape() or end < self.recent.end - OVERLAP * self._recent.step:
            self._begin()  # the settings changed, or the clock was wrong before
        if self.recent.variables:
            end = max(end, self.recent.end)
        asked = questions(self.reader.settings)
        spans = self._recent.missing(asked, end, self._arrivals.starts)
        readings = self.reader.read_each(spans, self._recent.step)
        before, known = self.recent, self._recent.known
        read = {one.report.signal: spans[one.report.signal] for one in readings if not one.report.failed}
        blocks = (one.block for one in readings if not one.report.failed)
        self._recent.take(asked, blocks, end, {one.report.signal for one in readings if not one.whole})
        self._arrivals.note(before, self.recent, read)
        if self._older.keep:
            self._extend(asked, before, known)
        self.reports = tuple(self._with_notice(one.report) for one in readings)
        return self.recent

    def _begin(self) -> None:
        self._shape = step, older_step, keep, older_keep = self._wanted_shape()
        self._recent = Resolution(step, keep)
        self._arrivals = Arrivals(step)
        self._older = Resolution(older_step, older_keep)
        self._older_tried = 0
        self._older_problems: dict[str, str] = {}

    def _wanted_shape(self) -> tuple[int, int, int, int]:
        settings = self.reader.settings
        return int(settings.step), settings.older_step, self._keep or settings.recent_points, settings.older_points

    def _extend(self, asked: Mapping[str, Question], before: Matrix, known: Mapping[str, Known]) -> None:
        """Take into `older` what has just left `recent`, and read what never was in it.

        What cannot be read is tried again when the next older point is due.
        """
        step = self._older.step
        end = (self.recent.start - 1) // step * step
        missing = self._older.missing(asked, end)
        left = [
            name
            for name, (start, _) in missing.items()
            if start >= before.start and name in known
            if known[name].until >= end
        ]
        blocks = list(_sampled(before, left, missing, step))
        doubtful = {name for name in left if _is_doubtful(known[name], *missing[name])}
        unread = {name: span for name, span in missing.items() if name not in left}
        if unread and end != self._older_tried:
            self._older_tried = end
            try:
                readings = self.reader.read_each(unread, step)
            except PrometheusError as error:
                self._older_problems = dict.fromkeys(unread, str(error))
            else:
                blocks += [one.block for one in readings if not one.report.failed]
                doubtful |= {one.report.signal for one in readings if not one.whole}
                self._older_problems = {one.report.signal: one.report.problem for one in readings if one.report.failed}
        if blocks:
            self._older.take(asked, blocks, end, doubtful)

    def _with_notice(self, report: SignalReport) -> SignalReport:
        if report.failed:
            return report
        said = [report.notice, self._told_late(report.signal)]
        if report.signal in self._older_problems:
            said.append(f"older points are missing, they could not be read: {self._older_problems[report.signal]}")
        return report._replace(notice="; ".join(filter(None, said)))

    def _told_late(self, signal: str) -> str:
        late, settings = self._arrivals.lateness(signal), self.reader.settings
        if not late:
            return ""
        block = settings.signals[signal].source
        wanted = format_duration(settings.servers[block].latency_offset + late)
        return (
            f"arrives {format_duration(late)} later than latency_offset allows: raise {block}.latency_offset to "
            f"{wanted}, so that what is judged is complete"
        )


def _sampled(
    matrix: Matrix, signals: Iterable[str], spans: Mapping[str, tuple[int, int]], step: int
) -> Iterator[Block]:
    """The columns of some signals at multiples of `step` (seconds)."""
    rows: dict[str, dict[Entity, Floats]] = defaultdict(dict)
    for variable, row in zip(matrix.variables, matrix.values, strict=True):
        rows[variable.signal][variable.entity] = row
    for signal in signals:
        start, end = spans[signal]
        columns = slice(
            (start - matrix.start) // matrix.step, (end - matrix.start) // matrix.step + 1, step // matrix.step
        )
        sampled = {entity: row[columns] for entity, row in rows[signal].items()}
        yield Block(signal, start, (end - start) // step + 1, sampled)


def _is_doubtful(known: Known, start: int, end: int) -> bool:
    return any(first <= end and last >= start for first, last in known.doubtful)
