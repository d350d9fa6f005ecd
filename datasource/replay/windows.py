"""The past in stretches: each with what was known before it, and what then happened."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from datasource.data import Matrix, absence_notices, count_absent_failures, encode_events
from datasource.prometheus import History, Reader, SignalReport
from datasource.settings import Settings
from datasource.topology import Topology, TopologyReader, read_topology

_WHOLE_SECOND = 0.5


class Stretch(NamedTuple):
    """The time from `first` to `matrix.end` (seconds), between two refits.

    `baseline` ends one step before `first`, and `older` is the sampled part of the baseline before it; `matrix` holds
    the baseline too. `notices` tell what could not be read.
    """

    first: int
    matrix: Matrix
    baseline: Matrix
    older: Matrix
    topology: Topology
    notices: tuple[str, ...] = ()


def spans(start: int, end: int, step: int, refit: float) -> list[tuple[int, int]]:
    """The first and the last time of every stretch of [start, end], all multiples of `step` (seconds)."""
    length = max(1, int(refit // step)) * step
    return [(first, min(first + length - step, end)) for first in range(start, end + 1, length)]


def stretches_of(settings: Settings, matrix: Matrix, start: int, end: int, refit: float) -> Iterator[Stretch]:
    """The stretches of [start, end] (seconds) in a matrix that begins before. Relations are read from lists alone."""
    notices = absence_notices(matrix, settings.signals)
    matrix = encode_events(matrix, settings.signals)
    for first, last in spans(start, end, matrix.step, refit):
        baseline = _baseline(settings, matrix, first)
        entities = {variable.entity for variable in baseline.variables}
        topology = read_topology(settings, None, entities, baseline.start, baseline.end)
        until = matrix.between(baseline.start, last)
        yield Stretch(first, until, baseline, _older(settings, matrix, baseline.start), topology, notices)


def stretches_from(reader: Reader, start: int, end: int, refit: float) -> Iterator[Stretch]:
    """The stretches of [start, end] (seconds), read from Prometheus one after the other.

    No more than the baseline and one stretch is held. Raises PrometheusError when it fails for every signal.
    """
    settings, step = reader.settings, int(reader.settings.step)
    times = spans(start, end, step, refit)
    history = History(reader, keep=settings.recent_points + max((b - a) // step + 1 for a, b in times))
    topology_reader = TopologyReader(settings)
    offset = settings.latency_offset
    always: tuple[str, ...] | None = None
    for first, last in times:
        read = history.update(last + offset + _WHOLE_SECOND)
        matrix = encode_events(read, settings.signals, history.known)
        older = count_absent_failures(history.older, settings.signals, history.older_known)
        baseline = _baseline(settings, matrix, first)
        entities = {variable.entity for variable in baseline.variables}
        topology = topology_reader.read(reader.client, entities, baseline.start, baseline.end)
        absent = absence_notices(read, settings.signals, history.known)
        always = absent if always is None else tuple(notice for notice in always if notice in absent)
        notices = (*_problems(history.reports), *(always if (first, last) == times[-1] else ()))
        yield Stretch(first, matrix, baseline, older, topology, notices)


def _baseline(settings: Settings, matrix: Matrix, first: int) -> Matrix:
    return matrix.between(first - settings.recent_points * matrix.step, first - matrix.step)


def _older(settings: Settings, matrix: Matrix, before: int) -> Matrix:
    """The columns before a time (seconds) that the service would have kept, one every `older_step`."""
    step = settings.older_step
    last = (before - 1) // step * step
    first = max(last - (settings.older_points - 1) * step, -(-matrix.start // step) * step)
    wanted = np.arange(first, last + 1, step) if settings.older_points else np.arange(0)
    return Matrix(matrix.variables, first, step, matrix.values[:, (wanted - matrix.start) // matrix.step])


def _problems(reports: tuple[SignalReport, ...]) -> tuple[str, ...]:
    return tuple(f"signal '{one.signal}': {one.problem}" for one in reports if one.problem)
