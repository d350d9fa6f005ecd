"""Are mechanisms the same in all environments? Shifts, parents that hold everywhere, predictions under shifts."""

from datasource.invariance.analysis import Invariance, analyse, with_shifts
from datasource.invariance.causal_prediction import invariant_parents
from datasource.invariance.model import Cause, EdgeShift, Invariant, Parent, Question, Rows, Shift
from datasource.invariance.questions import Split
from datasource.invariance.shift import Shifts, shifts

__all__ = [
    "Cause",
    "EdgeShift",
    "Invariance",
    "Invariant",
    "Parent",
    "Question",
    "Rows",
    "Shift",
    "Shifts",
    "Split",
    "analyse",
    "invariant_parents",
    "shifts",
    "with_shifts",
]
