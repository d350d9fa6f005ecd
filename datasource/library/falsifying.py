"""Does a causal graph hold on data? Implied independences that fail, and edges that explain nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datasource.data import Variable
from datasource.discovery.falsification import Contradiction, Falsification
from datasource.effects.study import StudyError
from datasource.graph import CausalGraph
from datasource.library.known_graph import open_known
from datasource.library.result import Result
from datasource.library.sources import Calls
from datasource.library.text import table
from datasource.service.falsifying import falsification_job
from datasource.settings.model import Graph

if TYPE_CHECKING:
    from datasource.library.data import Data
    from datasource.library.pictures import Picture

_SHOWN = 20
ALLOWED = 0.1
"""Share of the tested independences that may fail in `holds`: what is true roughly still explains."""


@dataclass(frozen=True, repr=False)
class Falsified(Result):
    """What data say against a graph; `found` has it as it was computed, `names` what the variables are called."""

    found: Falsification
    graph: CausalGraph
    names: Mapping[Variable, str]
    title = "What data say against the causal graph"

    @property
    def share(self) -> float:
        """The share of the tested independences that fail; 0 where none was tested."""
        return len(self.found.contradictions) / self.found.tested if self.found.tested else 0.0

    def holds(self, allowed: float = ALLOWED) -> bool:
        """Whether no more than this share of the independences fail, no edge is idle, and shuffled names fit worse."""
        return holds(self.share, len(self.found.idle), self._as_good, allowed)

    @property
    def _as_good(self) -> float:
        return self.found.shuffled.p_value if self.found.shuffled else 0.0

    def lines(self) -> Iterator[str]:
        """As `causal-datasource graph check` prints it."""
        yield f"{len(self.graph.edges)} edges; {self.found.verdict}"
        if self.found.contradictions:
            yield ""
            yield "Independences that fail, the clearest first"
            rows = (self._row(one) for one in self.found.contradictions[:_SHOWN])
            yield from table([("variable", "effect", "given", "explains", "p"), *rows])
            if len(self.found.contradictions) > _SHOWN:
                yield f"  and {len(self.found.contradictions) - _SHOWN} more"
        if self.found.idle:
            yield ""
            yield "Doubtful edges"
            for why in dict.fromkeys(self.found.idle.values()):
                yield f"  {why}"
        left_out: dict[str, list[str]] = {}
        for variable, reason in self.found.left_out:
            left_out.setdefault(reason, []).append(self.names.get(variable, str(variable)))
        if left_out:
            yield ""
            yield "Not tested"
            for reason, names in left_out.items():
                more = f" and {len(names) - 5} more" if len(names) > 5 else ""
                yield f"  {', '.join(names[:5])}{more}: {reason}"

    def _row(self, one: Contradiction) -> tuple[str, ...]:
        given = ", ".join(self.names[v] for v in one.given)
        return self.names[one.variable], self.names[one.effect], given, f"{one.explained:.0%}", f"{one.adjusted:.2g}"

    def _document(self) -> dict[str, Any]:
        found = self.found
        return {
            "edges": len(self.graph.edges),
            "independences": found.tested,
            "share": self.share,
            "verdict": found.verdict,
            "contradictions": [
                {
                    "variable": self.names[one.variable],
                    "effect": self.names[one.effect],
                    "given": [self.names[v] for v in one.given],
                    "explained": one.explained,
                    "p_value": one.p_value,
                    "adjusted": one.adjusted,
                }
                for one in found.contradictions
            ],
            "doubtful": [
                {"cause": self.names[cause], "effect": self.names[effect], "reason": why}
                for (cause, effect), why in found.idle.items()
            ],
            "shuffled": found.shuffled._asdict() if found.shuffled else None,
            "not_tested": [{"variable": self.names.get(v, str(v)), "reason": why} for v, why in found.left_out],
            "rows": found.rows,
            "steps_apart": found.apart,
        }

    def to_frame(self) -> Any:
        """A row for each independence that fails."""
        import pandas as pd

        columns = ["variable", "effect", "given", "explained", "p_value", "adjusted"]
        rows = [{**one, "given": ", ".join(one["given"])} for one in self._document()["contradictions"]]
        return pd.DataFrame(rows, columns=columns)

    def plot(self) -> "Picture":
        """The graph; doubtful edges are red, pairs that should be independent and are not are tied in blue."""
        from datasource.library.pictures import PLAIN, RIGHT, WRONG, Arrow, network

        there = [edge for edge in self.graph.edges if {edge.cause, edge.effect} <= self.names.keys()]
        arrows = [
            Arrow(
                self.names[edge.cause],
                self.names[edge.effect],
                WRONG if (edge.cause, edge.effect) in self.found.idle else PLAIN,
                True,
            )
            for edge in there
        ]
        arrows += [
            Arrow(self.names[one.variable], self.names[one.effect], RIGHT, False)
            for one in self.found.contradictions[:_SHOWN]
        ]
        return network(self.title, arrows)


def holds(share: float, idle: int, as_good: float, allowed: float = ALLOWED) -> bool:
    """Whether a graph passes: `share` of its independences fail, `idle` edges explain nothing, and a share `as_good` of
    graphs with shuffled names fits as well."""
    return share <= allowed and not idle and as_good <= 0.05


def falsify(
    data: "Data | Any",
    *,
    graph: str | Graph | None = None,
    calls: Calls | None = None,
    config: str | None = None,
) -> Falsified:
    """Test what a causal graph implies: `graph` as of `cd.graph`, or that of the settings file `config`.

    `calls` says who calls whom. Raises CsvError, SettingsError, GraphError, and StudyError without a graph.

    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"requests": rng.gamma(9, 2, size=600)})
    >>> table["cpu"] = 2 * table["requests"] + rng.normal(0, 4, size=600)
    >>> table["latency"] = 0.1 * table["cpu"] + rng.normal(0, 1, size=600)
    >>> from datasource.graph import written
    >>> len(falsify(table, graph=written("requests -> cpu", "cpu -> latency")).found.contradictions)
    0
    >>> wrong = falsify(table, graph=written("cpu -> requests", "latency -> requests")).found.contradictions
    >>> [(one.variable.signal, one.effect.signal) for one in wrong]
    [('latency', 'cpu')]
    """
    known = open_known(data, graph, calls, config)
    if known.graph is None:
        raise StudyError("there is no graph to test; give graph=..., --graph FILE, or --config causal.yaml")
    found = falsification_job(known.settings, known.matrix, known.graph, known.topology)
    return Falsified(found, known.graph, known.names)
