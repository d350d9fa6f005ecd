"""Measurements to ask about: CSV files, data frames, or a range of a Prometheus."""

import os
import time as clock
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from datasource.data.csv.files import CsvData
from datasource.data.csv.options import CsvOptions
from datasource.data.csv.table import CsvError, Readable
from datasource.data.guess import guess_signal
from datasource.data.shares import recognise_shares
from datasource.graph import default_templates
from datasource.library.describe import describe
from datasource.library.moments import names_of, seconds_of
from datasource.library.sources import Opened, Source, open_files
from datasource.settings import Loaded, Relation, Rule, Settings, SettingsError, load_settings, parse_duration
from datasource.settings.promql import range_seconds

if TYPE_CHECKING:
    from datasource.topology import Topology


_MOST_POINTS = 200_000
"""Of a Prometheus, more points than a year of every three minutes has are a mistyped time."""


@dataclass(frozen=True, repr=False)
class Data:
    """Measurements, and what is known of them. Printing it says what was understood."""

    source: Source

    @cached_property
    def opened(self) -> Opened:
        """Settings and data that fit each other. Raises CsvError and SettingsError."""
        return open_files(self.source)

    def until(self, at: Any) -> Opened:
        """The same, up to a time. Raises CsvError and SettingsError."""
        return open_files(self.source, at)

    def to_frame(self) -> Any:
        """A wide pandas DataFrame: a column for each variable, as `web.latency`, indexed by time (UTC) or row."""
        return wide(self.opened.data)

    def lines(self) -> Iterator[str]:
        """What was understood, as `causal-datasource check --data` prints it."""
        return (line.text for line in describe(self.opened))

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        return str(self)


def wide(data: CsvData) -> Any:
    """The matrix as a data frame, a column for each variable."""
    import pandas as pd

    matrix = data.matrix
    index = pd.to_datetime(matrix.times, unit="s", utc=True) if data.has_time else matrix.times
    columns = [str(variable) for variable in matrix.variables]
    return pd.DataFrame(matrix.values.T, index=pd.Index(index, name="time" if data.has_time else None), columns=columns)


def read_csv(*paths: Readable, reading: CsvOptions | None = None, **options: Any) -> Data:
    """CSV files, wide (`time, web.latency, ...`) or long (`time, service, latency, ...`); several are joined.

    What is not found by itself is said by the options of `CsvOptions`: `time` and `entity` name the columns of time and
    entity, `step` is in seconds or as `1m`, `roles` are by signal, and so on. The file is read when something is asked.
    See docs/csv.md for what is understood.
    """
    if not paths:
        raise CsvError("no file is given; name one at least")
    if reading is not None:
        if options:
            raise TypeError(f"reading says everything; leave out {', '.join(options)}")
        return Data(Source(paths, reading=reading))
    options["entity"] = names_of(options.get("entity", ()))
    if isinstance(step := options.get("step"), str):
        options["step"] = _duration(step)
    return Data(Source(paths, reading=CsvOptions(**options)))


def from_frame(frame: Any, **options: Any) -> Data:
    """A pandas DataFrame with the columns that a CSV file would have; an index of times, or one with a name, is one.
    The options are those of `read_csv`.

    >>> import pandas as pd
    >>> times = pd.date_range("2026-01-01", periods=3, freq="1min")
    >>> from_frame(pd.DataFrame({"web.latency": [0.1, 0.2, 0.3]}, index=times)).to_frame().shape
    (3, 1)
    """
    return read_csv(frame, **options)


def from_prometheus(
    settings: str | os.PathLike[str] | Settings,
    *,
    queries: Mapping[str, str] | None = None,
    labels: Sequence[str] = ("service",),
    start: Any = None,
    end: Any = None,
    step: str | float = "1m",
) -> Data:
    """A range of a Prometheus.

    `settings` is the path of a causal.yaml, whose signals, relations and graph are used, or, with `queries`, the
    address of a Prometheus: `queries` are PromQL texts by signal name (from which role and unit are guessed), whose
    series are told apart by `labels`, at a `step`. `start` and `end` are times (text, datetime, or seconds since
    1970); without them it is the baseline of the settings, or the last six hours, up to now. Raises SettingsError and
    PrometheusError.
    """
    if queries is None:
        loaded = Loaded(settings, "") if isinstance(settings, Settings) else load_settings(settings)
    else:
        loaded = Loaded(_asked(str(settings), queries, labels, step), "")
    from datasource.prometheus import Reader
    from datasource.topology import read_topology

    own = loaded.settings
    reader, grid = Reader(own), int(own.step)
    last = reader.newest(clock.time()) if end is None else int(_seconds(end, "end") // grid * grid)
    first = last - (own.recent_points - 1) * grid if start is None else int(-(-_seconds(start, "start") // grid) * grid)
    if first >= last:
        raise SettingsError(f"start ({first}) is not before end ({last}), in seconds since 1970; exchange them")
    if (points := (last - first) // grid + 1) > _MOST_POINTS:
        raise SettingsError(
            f"from {first} to {last} are {points:,} points, {grid} s apart, and at most {_MOST_POINTS:,} are read; "
            "choose times nearer to each other, or a longer step"
        )
    reading = reader.read(first, last)
    problems = [f"'{one.signal}': {one.problem}" for one in reading.reports if one.problem]
    if not reading.matrix.variables:
        said = "; ".join(problems) or "every query is answered by no series"
        raise SettingsError(f"{own.prometheus.url} has nothing of these signals from {first} to {last}: {said}")
    entities = {variable.entity for variable in reading.matrix.variables}
    topology = read_topology(own, reader.client, entities, first, last)
    span = float(last - first + grid)
    if queries is not None:
        signals, told = recognise_shares(own.signals, reading.matrix)
        own, problems = own.model_copy(update={"signals": signals}), [*problems, *told]
    fitted = own.model_copy(update={"baseline": span, "full_resolution": span, "relations": _as_lists(own, topology)})
    data = CsvData(reading.matrix, dict(own.signals), (*problems, *topology.notices), True)
    return Data(Source((data,), config=Loaded(fitted, loaded.fingerprint)))


def _asked(url: str, queries: Mapping[str, str], labels: Sequence[str], step: str | float) -> Settings:
    """Settings for queries without a file."""
    seconds = _duration(step) if isinstance(step, str) else float(step)
    signals: dict[str, Any] = {}
    for name, query in queries.items():
        guess = guess_signal(name)
        window = max(range_seconds(query), default=seconds)
        signals[name] = {**guess._asdict(), "entity": "service", "query": query, "window": window}
    text: dict[str, Any] = {
        "prometheus": {"url": url},
        "step": seconds,
        "baseline": "6h",
        "entities": {"service": {"labels": list(names_of(labels))}},
        "signals": signals,
    }
    from pydantic import ValidationError

    try:
        settings = Settings.model_validate(text)
    except ValidationError as error:
        found = error.errors()[0]
        raise SettingsError(f"{'.'.join(map(str, found['loc']))}: {found['msg']}") from None
    rules = default_templates(settings.signals)
    return settings.model_copy(update={"graph": settings.graph.model_copy(update={"templates": rules})})


def _duration(step: str) -> float:
    """Raises SettingsError."""
    try:
        return parse_duration(step)
    except ValueError as error:
        raise SettingsError(f"step: {error}") from None


def _as_lists(settings: Settings, topology: "Topology") -> dict[str, Relation]:
    """The relations as they were seen, so that nothing need be asked again."""
    found: dict[str, Relation] = {}
    for name, declared in settings.relations.items():
        pairs = tuple(Rule(str(tie.ends[0][1]), str(tie.ends[1][1])) for tie in topology.along(name))
        if pairs:
            found[name] = Relation(source="list", pairs=pairs, ends=declared.ends, asynchronous=declared.asynchronous)
        elif all(source.source == "list" for source in declared.named_sources.values()):
            found[name] = declared
    return found


def _seconds(time: Any, name: str) -> float:
    """Seconds since 1970. Raises SettingsError."""
    try:
        return seconds_of(time)
    except ValueError as error:
        raise SettingsError(f"{name}: {error}") from None


def as_data(data: "Data | Readable | Sequence[Readable]") -> Data:
    """Files, data frames or several of them as `Data`."""
    if isinstance(data, Data):
        return data
    return read_csv(*data) if isinstance(data, (list, tuple)) else read_csv(data)
