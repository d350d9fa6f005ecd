"""What offline commands work on: files, and the settings that were given for them or guessed from them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from datasource.data import Matrix
from datasource.data.csv.calls import NamedCall, read_calls
from datasource.data.csv.files import CsvData, read_csv
from datasource.data.csv.join import join_csv
from datasource.data.csv.options import CsvOptions
from datasource.data.csv.table import CsvError, Readable
from datasource.library.moments import seconds_of
from datasource.library.text import when
from datasource.replay.files import guessed_settings, settings_for
from datasource.settings import Loaded, Settings, load_settings
from datasource.settings.graph_file import load_graph
from datasource.settings.model import Graph

_ALONE = (
    "no calls are given (--calls): each entity is explained by itself, and who only waits for another cannot be told "
    "from who broke"
)


Calls: TypeAlias = Any
"""A file or data frame of calls, or pairs of (caller, callee)."""


class Source(NamedTuple):
    """Files or data frames, and what the user knows better about how to read them."""

    data: Sequence[Readable]
    config: str | Loaded | None = None
    graph: str | Graph | None = None
    calls: Calls | None = None
    reading: CsvOptions = CsvOptions()


class Opened(NamedTuple):
    """Settings and data that fit each other."""

    loaded: Loaded
    data: CsvData

    @property
    def settings(self) -> Settings:
        return self.loaded.settings


def open_files(source: Source, at: Any = None) -> Opened:
    """Read the files, up to the time `at` where it is given. Raises CsvError and SettingsError."""
    loaded = _loaded(source) if source.config else None
    graph, calls, data = _read(source)
    if at is not None:
        data = _until(data, at, source.reading.timezone)
    if loaded is None:
        settings, data = guessed_settings(data, graph, calls)
        if not (graph or calls) and len({v.entity for v in data.matrix.variables}) > 1:
            data = replace(data, notices=(*data.notices, _ALONE))
        return Opened(Loaded(settings, _fingerprint(graph, calls)), data)
    settings, data = settings_for(loaded.settings, data, graph, calls)
    return Opened(Loaded(settings, loaded.fingerprint), data)


def open_whole(source: Source) -> Opened:
    """Settings and data as of `open_files`, but with every point of the files, whatever the settings' baseline is."""
    if source.config is None:
        return open_files(source)
    loaded = _loaded(source)
    own = {name: getattr(loaded.settings, name) for name in ("baseline", "full_resolution")}
    graph, calls, data = _read(source)
    everything = dict.fromkeys(own, float(data.matrix.step * data.matrix.values.shape[1]))
    settings, data = settings_for(loaded.settings.model_copy(update=everything), data, graph, calls)
    return Opened(Loaded(settings.model_copy(update=own), loaded.fingerprint), data)


def _loaded(source: Source) -> Loaded:
    """The settings, with the roles that the user gives their signals. Raises SettingsError."""
    assert source.config
    loaded = source.config if isinstance(source.config, Loaded) else load_settings(source.config)
    signals = dict(loaded.settings.signals)
    for name, role in source.reading.roles.items():
        if name in signals:
            signals[name] = signals[name].model_copy(update={"role": role})
    return Loaded(loaded.settings.model_copy(update={"signals": signals}), loaded.fingerprint)


def named_calls(calls: Calls | None) -> tuple[NamedCall, ...]:
    """Calls from a file or a data frame, or pairs as they are. Raises CsvError."""
    if isinstance(calls, (list, tuple)):
        if wrong := next((one for one in calls if isinstance(one, str) or len(one) != 2), None):
            raise CsvError(f"calls: {wrong!r} is no pair of a caller and a callee, as ('web', 'db')")
        return tuple(NamedCall(str(caller), str(callee)) for caller, callee in calls)
    if isinstance(calls, Mapping):
        raise CsvError("calls: give pairs of a caller and a callee, as [('web', 'db')]")
    return read_calls(calls) if calls is not None else ()


def _read(source: Source) -> tuple[Graph | None, tuple[NamedCall, ...], CsvData]:
    graph = load_graph(source.graph) if source.graph else None
    parts = [read_csv(path, source.reading) for path in source.data]
    return graph, named_calls(source.calls), join_csv(parts, source.reading.roles)


def _until(data: CsvData, at: Any, zone: str | None) -> CsvData:
    matrix = data.matrix
    try:
        end = seconds_of(at, zone)
    except ValueError as error:
        raise CsvError(f"--at: {error}") from None
    if not matrix.start <= end < matrix.end + matrix.step:
        first, last = (when(time, data.has_time) for time in (matrix.start, matrix.end))
        raise CsvError(f"--at: {at} lies outside the file, which goes from {first} to {last}")
    cut = matrix.between(matrix.start, end)
    alive = np.flatnonzero(np.isfinite(cut.values).any(axis=1))
    variables = tuple(cut.variables[row] for row in alive)
    return replace(data, matrix=Matrix(variables, cut.start, cut.step, cut.values[alive]))


def _fingerprint(graph: Graph | None, calls: Sequence[NamedCall]) -> str:
    """Settings that were guessed are the same for the same graph and calls."""
    return hashlib.sha256(f"{graph}{calls}".encode()).hexdigest()[:12]
