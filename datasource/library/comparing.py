"""Are mechanisms the same in all environments? Of files and data frames (docs/invariance.md)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from datasource.data import Matrix, Roles, Variable, encode_events, environment_of
from datasource.effects.study import StudyError
from datasource.graph import CausalGraph, Edge, build_graph
from datasource.invariance import Invariance, Split, analyse
from datasource.invariance.document import (
    edge_told,
    invariance_document,
    parents_told,
    prediction_told,
    shift_told,
)
from datasource.invariance.questions import anywhere
from datasource.library.data import Data, as_data
from datasource.library.moments import names_of, seconds_of
from datasource.library.result import Result
from datasource.library.sources import Calls, open_whole
from datasource.library.text import count, when
from datasource.settings.model import Graph
from datasource.topology import read_topology

if TYPE_CHECKING:
    from datasource.library.pictures import Picture

_SHOWN = 20
_MOST_CANDIDATES = 8


@dataclass(frozen=True, repr=False)
class Compared(Result):
    """What is the same everywhere, and what is not; `answer` has it as it was computed."""

    answer: Invariance
    title = "Mechanisms in several environments"

    @property
    def parents(self) -> tuple[str, ...]:
        """The causes that hold in all environments, of all outcomes."""
        return tuple(dict.fromkeys(str(cause) for one in self.answer.invariant for cause in one.parents))

    @property
    def differs(self) -> bool:
        """Whether any mechanism is another one somewhere."""
        return self.answer.differs

    def lines(self) -> Iterator[str]:
        """As `causal-datasource invariance` prints it."""
        answer = self.answer
        environments = {str(one.environment) for one in answer.mechanisms}
        outcomes = {one.outcome for one in answer.invariant}
        yield f"{count(len(outcomes), 'mechanism')} in {count(len(environments), 'environment')}"
        parts = (
            ("Other mechanisms", [shift_told(one) for one in answer.shifted]),
            ("Edges", [edge_told(one) for one in sorted(answer.edges, key=_clearest) if one.score > 1]),
            ("Causes that hold everywhere", [parents_told(one) for one in answer.invariant]),
            ("Prediction under shifts", [prediction_told(one) for one in answer.predictions]),
            ("Notices", answer.notices),
        )
        if answer.mechanisms and not answer.differs:
            yield "Nothing speaks against the same mechanisms everywhere"
        for heading, told in parts:
            if told:
                yield ""
                yield heading
                yield from (f"  {one}" for one in told[:_SHOWN])
                if len(told) > _SHOWN:
                    yield f"  and {len(told) - _SHOWN} more"

    def _document(self) -> dict[str, Any]:
        return invariance_document(self.answer)

    def to_frame(self) -> Any:
        """A row for each part of a mechanism in each environment."""
        import pandas as pd

        columns = ["variable", "environment", "part", "score", "p_value", "shifted", "told"]
        return pd.DataFrame(self._document()["mechanisms"], columns=columns)

    def plot(self) -> "Picture":
        """The slope of each edge in each environment, red where it is another one."""
        from datasource.library.pictures import PLAIN, WRONG, Bar, intervals

        bars = [
            Bar(f"{one.edge} ({one.environment})", *one.slope[:3], color=WRONG if one.score > 1 else PLAIN)
            for one in sorted(self.answer.edges, key=lambda one: (str(one.edge.effect.signal), str(one.edge)))
        ]
        return intervals(self.title, "slope", bars[:_SHOWN])


def _clearest(one: Any) -> tuple[bool, float]:
    return not one.breaks, -one.score


def compare(
    data: "Data | Any",
    target: str | None = None,
    *,
    environment: str | Sequence[str] = (),
    causes: Sequence[str] = (),
    at: Any = None,
    changes: bool = True,
    level: float = 0.05,
    nonlinear: bool = False,
    graph: str | Graph | None = None,
    calls: Calls | None = None,
    config: str | None = None,
) -> Compared:
    """Which mechanisms are the same in all environments, which edges break where, and which causes hold everywhere.

    target: the signal whose causes are looked for among `causes` (all other signals without them, the eight that go
        with it the most). Without a target every mechanism of the graph (`config`, `graph`, `calls`) is compared.
    environment: columns that tell environments apart, as "cluster"; those of the settings without it.
    at: a time that parts before from after.
    changes: whether changes that nobody declared are looked for.
    level: the chance that anything is said to be another mechanism where nothing is; and that a cause is named that is
        none.
    nonlinear: look for causes by curves.

    Raises CsvError, SettingsError, GraphError and StudyError.

    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> def cluster(name, spread):
    ...     cpu = rng.normal(0, spread, 400)
    ...     latency = cpu + rng.normal(0, 1, 400)
    ...     errors = latency + rng.normal(0, spread, 400)
    ...     time = pd.date_range("2026-11-01", periods=400, freq="1min")
    ...     return pd.DataFrame({"time": time, "cluster": name, "cpu": cpu, "latency": latency, "errors": errors})
    >>> table = pd.concat([cluster("eu", 1), cluster("us", 3)])
    >>> compare(table, "latency", environment="cluster").parents
    ('cpu',)
    """
    if not 0 < level <= 0.5:
        raise StudyError(f"level is {level}; give a chance of being wrong, as 0.05")
    read = as_data(data)
    own = names_of(environment)
    source = read.source._replace(
        graph=read.source.graph if graph is None else graph,
        calls=read.source.calls if calls is None else calls,
        config=config or read.source.config,
    )
    if own and not source.config:
        named = (*(one for one in own if one not in source.reading.entity), *source.reading.entity)
        source = source._replace(reading=replace(source.reading, entity=named))
    opened = open_whole(source)
    settings = opened.settings
    labels = own or settings.environment
    known = {label for entity in settings.entities.values() for label in entity.labels}
    if unknown := [one for one in labels if one not in known]:
        raise StudyError(f"no column '{unknown[0]}' tells environments apart; there are {', '.join(sorted(known))}")
    matrix = encode_events(opened.data.matrix, settings.signals)
    if target is not None:
        causal = _candidates(matrix, target, tuple(causes), labels)
    else:
        entities = {variable.entity for variable in matrix.variables}
        topology = read_topology(settings, None, entities, matrix.start, matrix.end)
        causal = build_graph(settings, matrix.variables, topology).graph
    splits: tuple[Split, ...] = ()
    if at is not None:
        try:
            seconds = int(seconds_of(at, source.reading.timezone))
        except ValueError as error:
            raise StudyError(f"at: {error}") from None
        splits = (Split(when(seconds, opened.data.has_time), seconds, None, frozenset(matrix.variables)),)
    found = analyse(matrix, causal, Roles(settings.signals), labels, splits, changes, level, nonlinear)
    return Compared(found)


def invariant_parents(data: "Data | Any", target: str, **options: Any) -> tuple[str, ...]:
    """The causes of `target` that hold in all environments: the `parents` of `compare`, whose options it takes."""
    return compare(data, target, **options).parents


def _candidates(matrix: Matrix, target: str, causes: tuple[str, ...], labels: Sequence[str]) -> CausalGraph:
    """Edges from every candidate into the target, within each environment. Raises StudyError."""
    names: dict[str, list[Variable]] = {}
    for variable in matrix.variables:
        same = Variable(anywhere(variable.entity, labels), variable.signal)
        for name in {str(same), variable.signal, str(variable)}:
            names.setdefault(name, []).append(variable)
    for name in (target, *causes):
        if name not in names:
            known = sorted({variable.signal for variable in matrix.variables})
            raise StudyError(f"there is no '{name}'; there are {', '.join(known[:20])}")
    edges = []
    for effect in names[target]:
        own = environment_of(effect.entity, tuple(labels))
        found = [
            cause
            for cause in (matrix.variables if not causes else [one for name in causes for one in names[name]])
            if cause != effect and environment_of(cause.entity, tuple(labels)) == own
        ]
        together = {cause: _together(matrix, cause, effect) for cause in found}
        kept = sorted(sorted(dict.fromkeys(found), key=lambda cause: -together[cause])[:_MOST_CANDIDATES])
        edges += [Edge(cause, effect, 0) for cause in kept]
    return CausalGraph(matrix.variables, tuple(edges))


def _together(matrix: Matrix, cause: Variable, effect: Variable) -> float:
    both = np.vstack([matrix.row(cause), matrix.row(effect)])
    both = both[:, np.isfinite(both).all(axis=0)]
    if both.shape[1] < 3 or not (np.ptp(both, axis=1) > 0).all():
        return 0.0
    return abs(float(np.corrcoef(both[0], both[1]).item(1)))
