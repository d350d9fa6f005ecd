"""Files, and the causal graph that is known of their columns, for questions about the graph itself."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from datasource.data import Matrix, Variable, encode_events
from datasource.data.csv.files import read_csv
from datasource.data.csv.layout import read_heading
from datasource.data.csv.series import read_series
from datasource.graph import CausalGraph, build_graph
from datasource.library.data import Data, as_data
from datasource.library.sources import Calls, Opened, Source, open_whole
from datasource.settings import Settings
from datasource.settings.model import Graph
from datasource.topology import Topology, read_topology


class KnownGraph(NamedTuple):
    """What was read, what its variables are called there, who is tied to whom, and the graph that somebody wrote; None
    where nobody did."""

    settings: Settings
    matrix: Matrix
    names: Mapping[Variable, str]
    topology: Topology
    graph: CausalGraph | None


def open_known(
    data: Any, graph: str | Graph | None = None, calls: Calls | None = None, config: str | None = None
) -> KnownGraph:
    """Read data and graph. Raises CsvError, SettingsError and GraphError."""
    read = as_data(data)
    opened = _opened(read, graph, calls, config)
    settings = opened.settings
    matrix = encode_events(opened.data.matrix, settings.signals)
    entities = {variable.entity for variable in matrix.variables}
    written = bool(config or read.source.config or graph or read.source.graph)
    single = len(entities) == 1 and not (config or read.source.config)
    names = {one: settings.signals[one.signal].query if single else str(one) for one in matrix.variables}
    topology = read_topology(settings, None, entities, matrix.start, matrix.end)
    built = build_graph(settings, matrix.variables, topology).graph if written else None
    return KnownGraph(settings, matrix, names, topology, built)


def _opened(read: Data, graph: Any, calls: Any, config: str | None) -> Opened:
    """The data with every column that holds numbers, whatever it is called."""
    own = read.source
    source = own._replace(
        graph=own.graph if graph is None else graph,
        calls=own.calls if calls is None else calls,
        config=config or own.config,
    )
    return open_whole(source if source.config else _verbatim(source))


def _verbatim(source: Source) -> Source:
    """A wide file whose columns do not all name an entity is read as signals of one entity, so that none is lost."""
    if len(source.data) != 1 or source.reading.columns_are:
        return source
    whole = read_csv(source.data[0], replace(source.reading, columns_are="signals"))
    headings = [signal.query for signal in whole.signals.values()]
    several = len({variable.entity for variable in whole.matrix.variables}) > 1
    if several or all(read_heading(name).entity or read_series(name) for name in headings):
        return source
    return source._replace(data=(whole,))
