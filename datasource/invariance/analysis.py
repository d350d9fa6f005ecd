"""Are the mechanisms of a graph the same everywhere? All questions at once, with all comparisons allowed for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from datasource.data import Matrix, Roles
from datasource.graph import CausalGraph, Edge, Evidence
from datasource.invariance.anchor import Anchored, anchored
from datasource.invariance.causal_prediction import MOST_CANDIDATES, invariant_parents
from datasource.invariance.model import EdgeShift, Invariant, Question, Shift, where
from datasource.invariance.questions import INCIDENT, Split, by_changes, by_labels, by_splits
from datasource.invariance.shift import shifts
from datasource.numerics.moment_sums import MomentError

_MOST_SETS = 20_000
"""Sets of causes that are tried, times environments, of all outcomes together: about a minute."""
_SAID_BY = "invariance: "


@dataclass(frozen=True)
class Invariance:
    """What was found at a time (seconds): shifts of mechanisms and edges by environment, and the parents that hold.

    predictions: by anchor regression, for environments that move further.
    compared: how many hypotheses were tested; `level` is their family-wise error rate.
    """

    at: int
    mechanisms: tuple[Shift, ...] = ()
    edges: tuple[EdgeShift, ...] = ()
    invariant: tuple[Invariant, ...] = ()
    predictions: tuple[Anchored, ...] = ()
    compared: int = 0
    level: float = 0.05
    notices: tuple[str, ...] = ()

    @property
    def shifted(self) -> tuple[Shift, ...]:
        """Those beyond chance, the clearest first."""
        return tuple(sorted((one for one in self.mechanisms if one.score > 1), key=lambda one: -one.score))

    @property
    def differs(self) -> bool:
        """Whether any mechanism, or any of its slopes, is another one somewhere."""
        return bool(self.shifted) or any(one.score > 1 for one in self.edges)

    @property
    def broken(self) -> tuple[EdgeShift, ...]:
        """Edges that are not there in some environment and hold in the others. What is another one in an incident is
        what broke, and no reason to doubt the graph."""
        return tuple(one for one in self.edges if one.breaks and f" {INCIDENT}" not in one.environment.period)


def analyse(
    matrix: Matrix,
    graph: CausalGraph,
    roles: Roles,
    labels: Sequence[str] = (),
    splits: Sequence[Split] = (),
    find_changes: bool = True,
    level: float = 0.05,
    nonlinear: bool = False,
) -> Invariance:
    """Compare every mechanism between environments told apart by `labels`, by `splits` of the time, and found.

    Causes that hold everywhere are looked for by straight lines, or by curves where `nonlinear`.
    The chance that anything at all is said to be another mechanism, where nothing is, is at most `level`: one half of
    it is for what is declared, the other for finding a change, of which it is then only asked what changed.
    """
    declared = [*by_labels(matrix, graph, roles, labels), *by_splits(matrix, graph, roles, splits)]
    found = list(by_changes(matrix, graph, roles, level / 2)) if find_changes else []
    questions = [*declared, *found]
    compared = sum(question.comparisons for question in questions)
    among = max(sum(question.comparisons for question in declared), 1)
    mechanisms: list[Shift] = []
    edges: list[EdgeShift] = []
    invariant: list[Invariant] = []
    predictions: list[Anchored] = []
    left_out: list[str] = []
    sets = 0
    for place, question in enumerate(questions):
        try:
            one = shifts(question, level / 2 / among if place < len(declared) else level / question.comparisons)
            mechanisms += one.mechanisms
            edges += one.edges
            predictions += [prediction] if (prediction := anchored(question)) else []
            sets += 2 ** min(len(question.causes), MOST_CANDIDATES) * len(question.rows)
            if sets > _MOST_SETS:
                left_out.append(f"which causes of {question.outcome} hold everywhere was not looked for: too many sets")
                continue
            invariant.append(invariant_parents(question, level / len(questions), nonlinear))
        except MomentError as error:
            left_out.append(f"{question.outcome} cannot be compared: {error}")
    return Invariance(
        matrix.end,
        tuple(mechanisms),
        tuple(edges),
        tuple(invariant),
        tuple(predictions),
        compared,
        level,
        _notices(questions, left_out),
    )


def with_shifts(graph: CausalGraph, found: Invariance | None) -> CausalGraph:
    """The graph whose edges that break in an environment say so, and are doubtful."""
    broken: dict[Edge, list[EdgeShift]] = {}
    for one in found.broken if found else ():
        broken.setdefault(one.edge._replace(evidence=()), []).append(one)
    if found is None or not (broken or any(_said(edge) for edge in graph.edges)):
        return graph
    edges = []
    for edge in graph.edges:
        kept = tuple(one for one in edge.evidence if not one.by.startswith(_SAID_BY))
        doubts = broken.get(edge._replace(evidence=()))
        if doubts:
            places = ", ".join(where(one.environment) for one in doubts)
            rest = doubts[0].others
            text = f"{_SAID_BY}breaks {places}, holds elsewhere ({rest.value:.3g} [{rest.lower:.3g}, {rest.upper:.3g}])"
            kept = (*kept, Evidence("doubtful", text, found.at, round(max(one.score for one in doubts), 3)))
        edges.append(edge._replace(evidence=kept))
    return replace(graph, edges=tuple(edges))


def _said(edge: Edge) -> bool:
    return any(one.by.startswith(_SAID_BY) for one in edge.evidence)


def _notices(questions: Sequence[Question], left_out: Sequence[str]) -> tuple[str, ...]:
    if not questions:
        return (
            "there is nothing to compare: name labels that tell environments apart (environment), record "
            "interventions, or wait until mechanisms change",
        )
    return tuple(left_out[:5])
