"""Which variables cause which: a graph that the data propose, beside the one that is known."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasource.data import Matrix, Variable
from datasource.discovery import Prior, Proposal, ProposedEdge, find_method, prior_of_graph, prior_of_names
from datasource.discovery.neighbourhoods import discover as discover_split
from datasource.discovery.rules import proposed_rules
from datasource.effects.study import StudyError
from datasource.graph import CausalGraph
from datasource.library.graph_diff import block, graph_diff
from datasource.library.known_graph import open_known
from datasource.library.result import Result
from datasource.library.sources import Calls
from datasource.library.text import table
from datasource.service.discovering import Progress, count
from datasource.service.jobs import spread_over
from datasource.settings import SettingsError
from datasource.settings.model import Graph
from datasource.topology import Topology

if TYPE_CHECKING:
    from datasource.library.data import Data
    from datasource.library.pictures import Picture

_SHOWN = 60
_REFUSALS_SHOWN = 10
_LONGEST_LAG, _POINTS_A_LAG = 60, 10
"""Lags up to which anybody may ask, and the points that each of them needs."""
ARROW, UNDIRECTED = "->", "--"


@dataclass(frozen=True, repr=False)
class Discovered(Result):
    """The proposed edges; `proposal` has them as they were computed, `names` what their variables are called; `known`
    says whether there was a graph."""

    proposal: Proposal
    names: Mapping[Variable, str]
    known: bool
    topology: Topology = field(default_factory=Topology)
    title = "What causes what, as far as the data tell"

    @property
    def disagrees(self) -> bool:
        """Whether there was a graph, and the data propose edges that it lacks or doubt some that it has."""
        return self.known and bool(self.proposal.proposed or self.proposal.doubtful)

    def noting(self, *notices: str) -> "Discovered":
        """The same with more notices."""
        return replace(self, proposal=self.proposal._replace(notices=(*self.proposal.notices, *notices)))

    def lines(self) -> Iterator[str]:
        """As `causal-datasource discover` prints it."""
        edges = self.proposal.edges
        yield f"{len(edges)} edges by {self.proposal.method or 'nothing that was looked at'}"
        if edges:
            rows = [("cause", "", "effect", "lag", "strength", "found again", "evidence")]
            yield from table([*rows, *(self._row(edge) for edge in edges[:_SHOWN])])
        if len(edges) > _SHOWN:
            yield f"  and {len(edges) - _SHOWN} more"
        if any(not edge.oriented for edge in edges):
            yield f"Of '{UNDIRECTED}' the data cannot tell the direction"
        if self.proposal.refused:
            yield ""
            yield "Refused"
            for one in self.proposal.refused[:_REFUSALS_SHOWN]:
                yield f"  {self.names[one.cause]} {ARROW} {self.names[one.effect]}: {one.reason}"
            if len(self.proposal.refused) > _REFUSALS_SHOWN:
                yield f"  and {len(self.proposal.refused) - _REFUSALS_SHOWN} more"
        if self.proposal.notices:
            yield ""
            yield "Notices"
            yield from (f"  {notice}" for notice in self.proposal.notices)

    def diff(self, path: str | None = None) -> str:
        """What would change in the graph of the settings file `path`, as a unified diff; without one, a graph block."""
        rules = proposed_rules(self.proposal, self.topology)
        if path is None:
            return "\n".join(block(rules)) + "\n"
        doubts = {
            said.by: edge.doubt
            for edge in self.proposal.doubtful
            for said in edge.evidence
            if said.kind in ("expert", "template")
        }
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            raise SettingsError(f"{path}: cannot be read: {error}") from None
        return graph_diff(text, path, rules, doubts)

    def _row(self, edge: ProposedEdge) -> tuple[str, ...]:
        arrow = ARROW if edge.oriented else UNDIRECTED
        why = ", ".join(f"{one.kind} ({one.by})" for one in edge.evidence)
        again = "" if edge.stability != edge.stability else f"{edge.stability:.0%}"
        return (
            self.names[edge.cause],
            arrow,
            self.names[edge.effect],
            str(edge.lag),
            f"{edge.strength:+.2f}",
            again,
            why,
        )

    def _document(self) -> dict[str, Any]:
        edges = [
            {
                "cause": self.names[edge.cause],
                "effect": self.names[edge.effect],
                "lag": edge.lag,
                "strength": edge.strength,
                "stability": edge.stability,
                "oriented": edge.oriented,
                "evidence": [
                    {name: value for name, value in one._asdict().items() if value not in (None, "")}
                    for one in edge.evidence
                ],
            }
            for edge in self.proposal.edges
        ]
        refused = [
            {"cause": self.names[one.cause], "effect": self.names[one.effect], "reason": one.reason}
            for one in self.proposal.refused
        ]
        return {"edges": edges, "refused": refused, "notices": list(self.proposal.notices)}

    def to_frame(self) -> Any:
        """A row for each edge: cause, effect, lag, strength, stability, oriented, evidence in words."""
        import pandas as pd

        columns = ["cause", "effect", "lag", "strength", "stability", "oriented", "evidence"]
        rows = [
            {**entry, "evidence": ", ".join(f"{one['kind']} ({one['by']})" for one in entry["evidence"])}
            for entry in self._document()["edges"]
        ]
        return pd.DataFrame(rows, columns=columns)

    def plot(self) -> "Picture":
        """The graph, causes to the left of their effects; doubtful edges are red, new ones blue."""
        from datasource.library.pictures import PLAIN, RIGHT, WRONG, Arrow, network

        arrows = [
            Arrow(
                self.names[edge.cause],
                self.names[edge.effect],
                WRONG if edge.doubt else RIGHT if edge.is_new else PLAIN,
                edge.oriented,
            )
            for edge in self.proposal.edges[:_SHOWN]
        ]
        return network(self.title, arrows)


def discover(
    data: "Data | Any",
    *,
    method: str = "hybrid",
    graph: str | Graph | None = None,
    calls: Calls | None = None,
    config: str | None = None,
    longest_lag: int | None = None,
    time_budget: float = inf,
    workers: int | None = None,
    progress: Callable[[str], object] | None = None,
) -> Discovered:
    """Which variables cause which, as edges with lag, strength, stability and evidence.

    `method` is one of `datasource.discovery.METHODS`. What is known restricts it: `graph` are rules that data may doubt
    and not remove, `calls` says who calls whom, `config` is a causal.yaml, whose queries are ignored. Without any of
    them the names of the columns say what is likely. `longest_lag` is in steps.

    More than 150 variables with relations are learnt entity by entity, on so many `workers` (else those of
    `evaluation.workers`): none is begun after the `time_budget` (seconds), and those that were not looked at are named
    in the notices. `progress` is told how far it is, in words. Raises CsvError, SettingsError, GraphError and
    StudyError.

    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> requests = rng.gamma(9, 2, size=400)
    >>> table = pd.DataFrame({"requests": requests, "cpu": 2 * requests + rng.normal(0, 4, size=400)})
    >>> table["latency"] = 0.1 * table["cpu"] + rng.normal(0, 1, size=400)
    >>> [(edge.cause.signal, edge.effect.signal) for edge in discover(table).proposal.edges]
    [('requests', 'cpu'), ('cpu', 'latency')]
    """
    try:
        fit = find_method(method)
    except ValueError as error:
        raise StudyError(str(error)) from None
    known = open_known(data, graph, calls, config)
    most = min(_LONGEST_LAG, known.matrix.values.shape[1] // _POINTS_A_LAG)
    if longest_lag is not None and not 0 <= longest_lag <= most:
        raise StudyError(f"longest_lag is {longest_lag}; give the steps that a cause may take, from 0 to {most}")
    settings, matrix, names, topology = known.settings, known.matrix, known.names, known.topology
    related, graph_of = known.graph is not None or bool(topology.ties), known.graph or CausalGraph((), ())

    def prior_of(part: Matrix) -> Prior:
        if related:
            prior = prior_of_graph(settings, part, topology, graph_of)
        else:
            prior = prior_of_names(part, [names[variable] for variable in part.variables])
        return prior if longest_lag is None else replace(prior, longest_lag=longest_lag)

    far = Progress()

    def tell(of: int) -> None:
        if progress and far.path:
            count(far.path, of)
            progress(far.told())

    try:
        spread = partial(spread_over, workers or settings.evaluation.processes)
        found = discover_split(
            fit, matrix, prior_of, topology, graph_of.edges, spread=spread, seconds=time_budget, progress=tell
        )
    except ValueError as error:
        raise StudyError(str(error)) from None
    there = set(matrix.variables)
    is_known = any({edge.cause, edge.effect} <= there for edge in graph_of.edges)
    return Discovered(found._replace(notices=_called(found.notices, names)), names, is_known, topology)


def _called(notices: Sequence[str], names: Mapping[Variable, str]) -> tuple[str, ...]:
    """Notices with variables called as in the file."""
    shown = sorted(((str(variable), name) for variable, name in names.items()), key=lambda one: -len(one[0]))
    for variable, name in shown:
        notices = [f"{name}{text.removeprefix(variable)}" if text.startswith(variable) else text for text in notices]
    return tuple(notices)
