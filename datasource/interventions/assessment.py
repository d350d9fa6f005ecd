"""What the newest interventions changed, and what they say of the graph: for metrics and panels."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from datasource.data import Matrix, Variable
from datasource.effects.structural import StructuralModel
from datasource.graph import CausalGraph
from datasource.interventions.entry import Intervention
from datasource.interventions.impact import Impact, Question, measure, moved_by
from datasource.interventions.verdicts import Verdict, predicted, verdicts
from datasource.settings import Signal

MOST = 10
"""So many interventions are assessed, those that began last."""
MOST_OUTCOMES = 5
"""So many outcomes of each are shown, those that moved most clearly."""
_TRIED = 20
_FELT = ("latency", "failure", "success")


class Assessment(NamedTuple):
    """Impacts, at most `MOST_OUTCOMES` an intervention, and verdicts on edges."""

    impacts: tuple[Impact, ...] = ()
    verdicts: tuple[Verdict, ...] = ()


NOTHING_ASSESSED = Assessment()


def assess(
    every: Sequence[Intervention],
    matrix: Matrix,
    signals: Mapping[str, Signal],
    graph: CausalGraph,
    model: StructuralModel | None,
) -> Assessment:
    """Measure the newest interventions that lie within the matrix on what users feel of what they may move. Pure."""
    within = [one for one in every if one.start <= matrix.end and (one.end is None or one.end > matrix.start)]
    impacts: list[Impact] = []
    said: list[Verdict] = []
    for one in sorted(within, key=lambda one: (one.start, one.id), reverse=True)[:MOST]:
        found = [
            predicted(one, measure(Question(one, outcome, every), matrix, signals, graph), matrix, signals, model)
            for outcome in _outcomes(one, matrix, signals, graph)
        ]
        known = [impact for impact in found if np.isfinite(impact.average.lower)]
        impacts += sorted(known, key=lambda impact: -_clearness(impact))[:MOST_OUTCOMES]
        if model is not None:
            said += verdicts(one, matrix, signals, model, every)
    return Assessment(tuple(impacts), tuple(said))


def _outcomes(
    one: Intervention, matrix: Matrix, signals: Mapping[str, Signal], graph: CausalGraph
) -> Sequence[Variable]:
    """What users feel, as latencies and failures, of what an intervention may move."""
    moved, _ = moved_by(one, matrix, graph)
    return sorted(v for v in moved or () if v in matrix and signals[v.signal].role in _FELT)[:_TRIED]


def _clearness(impact: Impact) -> float:
    width = impact.average.upper - impact.average.lower
    return abs(impact.average.value) / width if width > 0 else 0.0
