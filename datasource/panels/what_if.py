"""Panel: what if a variable were held at a value: do(variable = value), pushed through the fitted graph."""

import re
from math import isfinite, nan

from datasource.data import Variable
from datasource.effects.structural import StructuralModel
from datasource.effects.study import StudyError
from datasource.effects.what_if import reached, what_if
from datasource.graph import against, standing
from datasource.panels.choices import EFFECT, OUTCOME, VARIABLE, effect_name
from datasource.panels.effect_results import unit_name, unit_of
from datasource.panels.frame import Field, Frame, notice_frame
from datasource.panels.query import Query, QueryError
from datasource.panels.registry import Panel, Parameter
from datasource.service import Snapshot, variable_labels

_MOST = 50
"""A screenful; of a whole graph's outcomes a web thread would compute for longer than it should."""

_LEFT_OUT = 3
"""So many refuted edges are named."""
_FELT = ("latency", "failure", "saturation")
_HOW = "write a number, 'highest', 'lowest', 'now', 'now * 2', 'now + 0.1' or 'now + 10%'"
_RELATIVE = re.compile(r"now(?:\s*([*+-])\s*([0-9.eE+-]+)\s*(%?))?")
_VALUES = [
    ("highest", "the highest seen"),
    ("lowest", "the lowest seen"),
    ("now * 2", "twice what it is now"),
    ("now * 0.5", "half of what it is now"),
    ("now + 10%", "10% more than now"),
]


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """One frame, a row an outcome, what users feel first: its level now, what it would be with its 95% interval, and
    the change.

    Without a variable, the treatment of the effect chosen is held; without outcomes, all that it reaches are shown.
    """
    model = snapshot.structural
    if model is None:
        return [notice_frame("the equations of the causal graph are being fitted")]
    treatment = _treatment(query, snapshot, model)
    if treatment is None:
        return [notice_frame("choose a variable to hold at a value")]
    value = parse_value(query.one("value", "highest"), model, treatment)
    everything = query.takes_all("outcome")
    outcomes = list(reached(model, treatment)) if everything else query.wanted("outcome", sorted(model.levels))
    outcomes = [outcome for outcome in outcomes if query.passes(variable_labels(outcome))]
    outcomes.sort(key=lambda outcome: snapshot.roles.role(outcome) not in _FELT)
    if not outcomes:
        return [notice_frame(f"{treatment} reaches nothing that is measured")]
    try:
        rows = what_if(model, treatment, value, outcomes[:_MOST])
    except StudyError as error:
        raise QueryError(str(error)) from None
    units = {unit_of(snapshot, row.outcome) for row in rows}
    config = {"unit": units.pop()} if len(units) == 1 else {}
    fields = (
        Field("do", "string", [f"{treatment} = {value:.4g} {unit_name(snapshot, treatment)}".strip()] * len(rows)),
        Field("outcome", "string", [str(row.outcome) for row in rows]),
        Field("now", "number", [row.now for row in rows], config=config),
        Field("predicted", "number", [row.predicted for row in rows], config=config | _PREDICTED),
        Field("lower", "number", [row.lower for row in rows], config=config),
        Field("upper", "number", [row.upper for row in rows], config=config),
        Field("change", "number", [row.change.value for row in rows], config=config | _CHANGE),
        Field("unit", "string", [unit_name(snapshot, row.outcome) for row in rows]),
        Field("notices", "string", ["; ".join(row.notices) for row in rows]),
    )
    notices = [notice for notice in rows[0].notices if all(notice in row.notices for row in rows)]
    acting = {treatment, *reached(model, treatment)}
    left_out = sorted(e for e in snapshot.graph.edges if e.cause in acting and standing(e) == "refuted")
    notices += [f"{edge} is left out: it is {against(edge)}" for edge in left_out[:_LEFT_OUT]]
    if len(outcomes) > _MOST:
        notices.append(f"{len(outcomes)} outcomes, the first {_MOST} are shown; choose some")
    return [Frame("what_if", fields, tuple(notices), {"preferredVisualisationType": "table"})]


def parse_value(text: str, model: StructuralModel, variable: Variable) -> float:
    """The value that a text names: a number, or one relative to what the variable was seen at. Raises QueryError."""
    level, text = model.levels[variable], text.strip()
    named = {"": level.high, "highest": level.high, "lowest": level.low}
    if text in named:
        return named[text]
    relative = _RELATIVE.fullmatch(text)
    try:
        number = float(text if relative is None else relative[2] or 0)
    except ValueError:
        number = nan
    if not isfinite(number):
        raise QueryError(f"value '{text}' is not understood; {_HOW}")
    if relative is None:
        return number
    sign, by, percent = relative[1] or "+", number, bool(relative[3])
    if sign == "*":
        return level.now * by / (100 if percent else 1)
    amount = abs(level.now) * by / 100 if percent else by
    return level.now + (amount if sign == "+" else -amount)


def _treatment(query: Query, snapshot: Snapshot, model: StructuralModel) -> Variable | None:
    if not query.takes_all("variable"):
        return query.wanted("variable", sorted(model.levels))[0]
    results = [result for result in snapshot.effects or () if result.treatment in model.levels]
    results = query.wanted("effect", results, lambda result: effect_name(result.treatment, result.outcome))
    return results[0].treatment if results else None


_PREDICTED = {"description": "With 95% interval beside it, once everything has settled."}
_CHANGE = {"description": "Predicted minus now."}

PANEL = Panel(
    "what_if",
    "What if",
    frames,
    (VARIABLE, Parameter("value", "Value", lambda _: _VALUES, placeholder=_HOW, free=True), OUTCOME, EFFECT),
    needs_mechanisms=False,
    table=True,
)
