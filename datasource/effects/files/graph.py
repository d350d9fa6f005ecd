"""A causal graph between the columns of a file, and what it says about one effect."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import networkx as nx

from datasource.data import Entity, Variable
from datasource.effects.study import StudyError
from datasource.graph import CausalGraph, Edge, LaggedVariable, longest_lag
from datasource.graph.build import rule_edges
from datasource.graph.unmeasured import is_common_cause
from datasource.identification.explain import explain
from datasource.identification.identify import identify
from datasource.identification.model import Identification
from datasource.settings.finding import known
from datasource.settings.graph_file import load_graph
from datasource.settings.model import Graph

LONGEST_LAG = 12
"""Effects that take longer than so many steps are not counted unless --lags asks for them."""

_COLUMN = Entity("column", ())


@dataclass(frozen=True)
class ColumnGraph:
    """The graph of a file, its variables named as the columns are; what has no column is unmeasured."""

    path: str
    graph: CausalGraph
    notices: tuple[str, ...] = ()

    def names(self, column: str) -> bool:
        return Variable(_COLUMN, column) in self.graph.variables

    def variables(self, columns: Iterable[str]) -> tuple[Variable, ...]:
        """Those of these columns that the graph names."""
        return tuple(Variable(_COLUMN, name) for name in columns if self.names(name))

    def variable(self, name: str) -> Variable:
        """The variable of a column. Raises StudyError where the graph does not name it."""
        found = Variable(_COLUMN, name)
        if found not in self.graph.variables:
            names = sorted(variable.signal for variable in self.graph.variables)
            raise StudyError(f"{self.path}: the graph says nothing of '{name}'; {known(name, names)}")
        return found

    def lags(self, treatment: str, outcome: str) -> int:
        """The sum of lags on the longest way; ways that come back to the treatment are not counted."""
        start, end = self.variable(treatment), self.variable(outcome)
        onward = CausalGraph(self.graph.variables, tuple(edge for edge in self.graph.edges if edge.effect != start))
        return longest_lag(onward, start, end, LONGEST_LAG) or 0

    def identify(self, treatment: str, outcome: str, lags: int, also: bool = False) -> Identification:
        """How the effect is identified from what has a column; `also` in which other ways."""
        return identify(self.graph, self.variable(treatment), self.variable(outcome), lags, also=also)

    def wrong(self, treatment: str, outcome: str, adjustment: Iterable[tuple[str, int]], lags: int) -> tuple[str, ...]:
        """What is wrong with adjusting for these columns, each so many steps before; empty where nothing is."""
        moments = [LaggedVariable(Variable(_COLUMN, name), lag) for name, lag in adjustment]
        return explain(self.graph, self.variable(treatment), self.variable(outcome), moments, lags)

    def acts_back(self, outcome: str, on: Iterable[Variable]) -> bool:
        """Whether the outcome moves any of these later on."""
        return self.variable(outcome) in self.graph.ancestors(on)


def read_column_graph(given: str | Graph, column: Callable[[str], str | None], columns: Sequence[str]) -> ColumnGraph:
    """Read rules between column names; `column` gives the column that a name stands for, None where there is none.

    `columns` are all there are. Raises SettingsError and StudyError, also for a name that is a column's but for the
    case of its letters.
    """
    rules, path = load_graph(given), "the graph" if isinstance(given, Graph) else given
    edges: dict[tuple[Variable, Variable, int], Edge] = {}
    unmeasured: dict[Variable, None] = {}
    for rule in (*rules.templates, *rules.edges):
        if rule.relation:
            raise StudyError(f"{path}: '{rule}' ties entities; between the columns of a file write 'cause -> effect'")
        cause, effect = (Variable(_COLUMN, column(name) or name) for name in (rule.cause, rule.effect))
        for name, end in ((rule.cause, cause), (rule.effect, effect)):
            if column(name) is None and name not in rules.unmeasured:
                _refuse_other_case(path, name, columns)
            if column(name) is None or name in rules.unmeasured:
                unmeasured[end] = None
        for edge in rule_edges(rule, cause, effect):
            edges[edge.cause, edge.effect, edge.lag] = edge
            unmeasured |= {edge.cause: None} if is_common_cause(edge.cause) else {}
    if not edges:
        raise StudyError(f"{path}: the graph has no rule; write a list of 'cause -> effect'")
    _refuse_cycle(path, edges.values())
    variables = tuple(sorted({end for edge in edges.values() for end in edge[:2]}))
    graph = CausalGraph(variables, tuple(sorted(edges.values())), frozenset(unmeasured))
    names = ", ".join(
        _with_like(one.signal, columns)
        for one in unmeasured
        if not is_common_cause(one) and one.signal not in rules.unmeasured
    )
    return ColumnGraph(path, graph, (f"no column of this name, taken as unmeasured: {names}",) if names else ())


def _refuse_other_case(path: str, name: str, columns: Iterable[str]) -> None:
    alike = next((column for column in columns if column.lower() == name.lower()), None)
    if alike is not None:
        raise StudyError(
            f"{path}: '{name}' is no column, and '{alike}' is; write it so, or list '{name}' under unmeasured"
        )


def _with_like(name: str, columns: Sequence[str]) -> str:
    like = get_close_matches(name, columns, 1, 0.8)
    return f"'{name}' (did you mean '{like[0]}'?)" if like else f"'{name}'"


def _refuse_cycle(path: str, edges: Iterable[Edge]) -> None:
    now = nx.DiGraph((edge.cause, edge.effect) for edge in edges if edge.lag == 0)
    try:
        cycle = nx.find_cycle(now)
    except nx.NetworkXNoCycle:
        return
    shown = " -> ".join(str(end) for end in (*(cause for cause, _ in cycle), cycle[0][0]))
    raise StudyError(f"{path}: {shown} goes round in one step; give one of the edges a lag, as '(lag 1)'")
