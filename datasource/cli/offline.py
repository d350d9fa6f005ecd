"""What offline commands work on: files, and the settings that were given for them or guessed from them."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasource.evaluation.files import guessed_settings, settings_for
from datasource.settings import Loaded, Settings, load_settings
from datasource.settings.graph_file import load_graph
from datasource.settings.model import Graph
from datasource.telemetry import Matrix
from datasource.telemetry.csv_calls import NamedCall, read_calls
from datasource.telemetry.csv_files import CsvData, read_csv
from datasource.telemetry.csv_join import join_csv
from datasource.telemetry.csv_options import CsvOptions
from datasource.telemetry.csv_table import CsvError
from datasource.telemetry.csv_times import parse_time

_ALONE = (
    "no calls are given (--calls): each entity is explained by itself, and who only waits for another cannot be told "
    "from who broke"
)


class Source(NamedTuple):
    """The files of a command, and what the user knows better about how to read them."""

    data: Sequence[str]
    config: str | None = None
    graph: str | None = None
    calls: str | None = None
    reading: CsvOptions = CsvOptions()


class Opened(NamedTuple):
    """Settings and data that fit each other."""

    loaded: Loaded
    data: CsvData

    @property
    def settings(self) -> Settings:
        return self.loaded.settings


def open_files(source: Source, at: str | None = None) -> Opened:
    """Read the files, up to the time `at` where it is given. Raises CsvError and SettingsError."""
    loaded = _load(source) if source.config else None
    graph, calls, data = _read(source)
    if at is not None:
        data = _until(data, at)
    if loaded is None:
        settings, data = guessed_settings(data, graph, calls)
        if not (graph or calls) and len({v.entity for v in data.matrix.variables}) > 1:
            data = replace(data, notices=(*data.notices, _ALONE))
        return Opened(Loaded(settings, _fingerprint(source)), data)
    settings, data = settings_for(loaded.settings, data, graph, calls)
    return Opened(Loaded(settings, loaded.fingerprint), data)


def open_whole(source: Source) -> Opened:
    """Settings and data as of `open_files`, but with every point of the files, whatever the settings' baseline is."""
    if source.config is None:
        return open_files(source)
    loaded = _load(source)
    own = {name: getattr(loaded.settings, name) for name in ("baseline", "full_resolution")}
    graph, calls, data = _read(source)
    everything = dict.fromkeys(own, float(data.matrix.step * data.matrix.values.shape[1]))
    settings, data = settings_for(loaded.settings.model_copy(update=everything), data, graph, calls)
    return Opened(Loaded(settings.model_copy(update=own), loaded.fingerprint), data)


def _load(source: Source) -> Loaded:
    """The settings, with the roles that the user gives their signals. Raises SettingsError."""
    assert source.config
    loaded = load_settings(source.config)
    signals = dict(loaded.settings.signals)
    for name, role in source.reading.roles.items():
        if name in signals:
            signals[name] = signals[name].model_copy(update={"role": role})
    return Loaded(loaded.settings.model_copy(update={"signals": signals}), loaded.fingerprint)


def _read(source: Source) -> tuple[Graph | None, tuple[NamedCall, ...], CsvData]:
    graph = load_graph(source.graph) if source.graph else None
    calls = read_calls(source.calls) if source.calls else ()
    return graph, calls, join_csv([read_csv(path, source.reading) for path in source.data], source.reading.roles)


def _until(data: CsvData, at: str) -> CsvData:
    matrix = data.matrix
    try:
        end = parse_time(at)
    except ValueError as error:
        raise CsvError(f"--at: {error}") from None
    if not matrix.start <= end < matrix.end + matrix.step:
        first, last = (when(time, data.has_time) for time in (matrix.start, matrix.end))
        raise CsvError(f"--at: {at} lies outside the file, which goes from {first} to {last}")
    cut = matrix.between(matrix.start, end)
    alive = np.flatnonzero(np.isfinite(cut.values).any(axis=1))
    variables = tuple(cut.variables[row] for row in alive)
    return replace(data, matrix=Matrix(variables, cut.start, cut.step, cut.values[alive]))


def when(time: int, has_time: bool = True) -> str:
    """A time as people read it; a row's number where there are no times.

    >>> when(1_700_000_010)
    '2023-11-14 22:13:30 UTC'
    """
    return str(np.datetime64(time, "s")).replace("T", " ") + " UTC" if has_time else f"row {time}"


def _fingerprint(source: Source) -> str:
    """Settings that were guessed are the same for the same files."""
    text = b"".join(Path(path).read_bytes() for path in (source.graph, source.calls) if path)
    return hashlib.sha256(text).hexdigest()[:12]
