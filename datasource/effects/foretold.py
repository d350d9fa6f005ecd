"""What the equations of the graph, fitted on the time before an intervention, predict for it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from datasource.data import Matrix, Variable
from datasource.effects.result import Estimate
from datasource.effects.structural import fit_structural
from datasource.effects.study import StudyError
from datasource.effects.what_if import what_if
from datasource.graph import CausalGraph
from datasource.settings import Signal


def foretell(
    outcome: Variable,
    moved: Iterable[Variable],
    graph: CausalGraph,
    matrix: Matrix,
    signals: Mapping[str, Signal],
    began: int,
    ended: int,
) -> tuple[Variable, float, Estimate]:
    """What is known of the intervention as a variable, its mean while it lasts, and the change of `outcome` by that.

    `moved` are the measured variables that the intervention is, of which the first that leads to the outcome counts;
    `began` and `ended` are in seconds since 1970. The equations are fitted on the points before the start alone, so
    that what was observed can contradict them. Raises StudyError where they say nothing.
    """
    leading = graph.ancestors([outcome])
    variable = next((one for one in moved if one in matrix and one in leading and one != outcome), None)
    if variable is None:
        raise StudyError(f"the graph has no measured variable for what began that leads to {outcome}")
    between = graph.descendants(variable) & leading
    causes = {edge.cause for one in between for edge in graph.parents(one)}
    known = [one for one in matrix.variables if one in between | causes | {variable} and one.signal in signals]
    few = matrix.select(known)
    during = few.row(variable)[(few.times >= began) & (few.times < ended)]
    if not np.isfinite(during).any():
        raise StudyError(f"{variable} is not measured while it lasted")
    edges = tuple(edge for edge in graph.edges if edge.effect in between)
    model = fit_structural(few.between(few.start, began - few.step), replace(graph, edges=edges), signals)
    value = float(np.nanmean(during))
    (found,) = what_if(model, variable, value, (outcome,))
    if not np.isfinite(found.change.value):
        raise StudyError(
            "; ".join(found.notices) or f"nothing before the start tells what {variable} does to {outcome}"
        )
    return variable, value, found.change
