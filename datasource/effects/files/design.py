"""How a question about a file is answered: what identifies the effect, by which method, and what is adjusted for."""

from dataclasses import dataclass, replace

import numpy as np

from datasource.effects.files.adoption import is_adopted
from datasource.effects.files.columns import Columns
from datasource.effects.files.graph import ColumnGraph, read_column_graph
from datasource.effects.files.question import FileQuestion
from datasource.effects.methods import ESTIMATORS
from datasource.effects.result import Check
from datasource.effects.study import StudyError
from datasource.graph import LaggedVariable
from datasource.identification.model import FRONT_DOOR, INSTRUMENT, NO_PATH, Identification

REGRESSION, DISTRIBUTED_LAG = "backdoor.linear_regression", "backdoor.distributed_lag"
TWO_STAGE, MEDIATED = "iv.instrumental_variable", "frontdoor.two_stage_regression"
MEANS, DIFFERENCES, SINGLE = "difference_in_means", "difference_in_differences", "interrupted_time_series"

Lagged = tuple[str, int]
"""A column and how many steps before."""


@dataclass(frozen=True)
class Design:
    """What a study is laid out from. Where `method` is NO_PATH the effect is 0, by the graph alone."""

    method: str
    identified_by: str
    adjustment: tuple[Lagged, ...] = ()
    instruments: tuple[Lagged, ...] = ()
    mediators: tuple[Lagged, ...] = ()
    lags: int = 0
    feedback: bool = False
    assumptions: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()


def design_of(question: FileQuestion, columns: Columns) -> Design:
    """Decide on a method. Raises StudyError where nothing identifies the effect, SettingsError for a graph file."""
    said = _without_graph(question, columns)
    if question.graph is None:
        design = said
    else:
        graph = read_column_graph(
            question.graph, lambda name: columns.name(name) if columns.has(name) else None, columns.names
        )
        if question.instruments or question.mediators or said.method == DIFFERENCES:
            told = f"{said.identified_by} is asked for: the graph is not used"
            design = replace(said, notices=(told, *said.notices))
        elif question.adjust is not None:
            design = _judged(question, columns, graph)
        else:
            design = _by_graph(question, columns, graph)
    return _complete(question, columns, design)


def _judged(question: FileQuestion, columns: Columns, graph: ColumnGraph) -> Design:
    """The adjustment set that the user names, and what the graph says of it."""
    treatment, outcome = columns.name(question.treatment), columns.name(question.outcome)
    lags = graph.lags(treatment, outcome) if question.lags is None else question.lags
    design = _without_graph(replace(question, lags=lags), columns)
    unit = [(columns.rows.unit, 0)] if columns.rows.units is not None and graph.names(columns.rows.unit) else []
    given = () if design.identified_by == "randomisation" else (*design.adjustment, *unit)
    wrong = graph.wrong(treatment, outcome, given, lags)
    names = ", ".join(dict.fromkeys(name for name, _ in given)) or "nothing"
    text = "; ".join(wrong) or f"by the graph, adjusting for {names} leaves only what the treatment causes"
    told = "--adjust says what is adjusted for; the graph only judges it, leave --adjust out and the graph decides"
    moved = (treatment,) if wrong else (treatment, *(name for name, _ in design.adjustment))
    return replace(
        design,
        feedback=graph.acts_back(outcome, graph.variables(moved)),
        notices=(told, *graph.notices),
        checks=(Check("adjustment set", not wrong, text),),
    )


def _without_graph(question: FileQuestion, columns: Columns) -> Design:
    lags = question.lags or 0
    adjustment = tuple(
        (columns.name(name), lag)
        for name in dict.fromkeys(question.adjust or ())
        if columns.name(name) != columns.rows.unit
        for lag in range(lags + 1)
    )
    method = question.method or _usual(question, columns)
    identified_by = ESTIMATORS[method].identified_by
    return Design(
        method,
        identified_by,
        adjustment,
        tuple((columns.name(name), 0) for name in question.instruments),
        tuple((columns.name(name), 0) for name in question.mediators),
        lags,
        assumptions=ESTIMATORS[method].assumptions,
        notices=_told(question, columns, method),
    )


def _usual(question: FileQuestion, columns: Columns) -> str:
    """The method where the user names none."""
    if question.instruments:
        return TWO_STAGE
    if question.mediators:
        return MEDIATED
    if question.group or _compared(question, columns):
        return DIFFERENCES
    bare = question.adjust is None and columns.rows.units is None and columns.rows.times is None
    return MEANS if bare and _two_valued(question, columns) else _adjusting(columns)


def _two_valued(question: FileQuestion, columns: Columns) -> bool:
    values = columns.numbers(question.treatment)
    return len(np.unique(values[np.isfinite(values)])) == 2


def _compared(question: FileQuestion, columns: Columns) -> bool:
    """Whether nothing is said, and the treatment begins in some units while others wait."""
    said = question.graph or question.adjust is not None or question.lags or question.modifiers
    return not said and is_adopted(columns.numbers(question.treatment), columns.rows)


def _told(question: FileQuestion, columns: Columns, method: str) -> tuple[str, ...]:
    """What was decided without being asked."""
    identified_by = ESTIMATORS[method].identified_by
    if method == DIFFERENCES and not (question.method or question.group):
        some = f"{question.treatment} begins in some {columns.rows.unit} and stays on"
        return (f"{some}: compared with the others, before and after; --method distributed_lag regresses instead",)
    if identified_by == "randomisation" and question.adjust:
        return (f"{method} adjusts for nothing: {', '.join(question.adjust)} is not used; leave --method out",)
    if question.adjust or identified_by not in ("adjustment", "randomisation"):
        return ()
    but = f" but an intercept for each {columns.rows.unit}" if columns.rows.unit else ""
    return (
        f"nothing is adjusted for{but}: this is the effect only if {question.treatment} was assigned at random; "
        "name what moves both ends with --adjust, or give what you know with --graph",
    )


def _by_graph(question: FileQuestion, columns: Columns, graph: ColumnGraph) -> Design:
    treatment, outcome = columns.name(question.treatment), columns.name(question.outcome)
    lags = graph.lags(treatment, outcome) if question.lags is None else question.lags
    found = _identified(question, graph.identify(treatment, outcome, lags, also=question.method is not None), graph)
    if found.identified_by == NO_PATH:
        said = (f"{found.reason}: by the graph alone the effect is 0", *graph.notices)
        return Design(NO_PATH, "the graph", assumptions=found.assumptions, notices=said)
    method = question.method or {INSTRUMENT: TWO_STAGE, FRONT_DOOR: MEDIATED}.get(
        found.identified_by, _adjusting(columns)
    )
    adjustment, left_out = _there(found, columns)
    moved = (graph.variable(treatment), *(moment.variable for moment in adjustment))
    return Design(
        method,
        found.identified_by,
        tuple(_lagged(moment) for moment in adjustment if moment.variable.signal != columns.rows.unit),
        tuple(_lagged(moment) for moment in found.instruments),
        tuple(_lagged(moment) for moment in found.mediators),
        lags,
        graph.acts_back(outcome, moved),
        tuple(dict.fromkeys((*found.assumptions, *ESTIMATORS[method].form))),
        (*graph.notices, *left_out),
    )


def _identified(question: FileQuestion, found: Identification, graph: ColumnGraph) -> Identification:
    """The way to the effect that the user's method asks for, else the first. Raises StudyError where there is none."""
    if found.identified_by == NO_PATH:
        return found
    if not found.identified:
        further = f"; {' or '.join(found.measure)}" if found.measure else ""
        notices = "".join(f"; {notice}" for notice in graph.notices)
        raise StudyError(f"the graph does not identify the effect: {found.reason}{further}{notices}")
    asked = ESTIMATORS[question.method].identified_by if question.method else found.identified_by
    if asked == "comparison" or (asked == "randomisation" and not found.required):
        asked = found.identified_by
    way = found.by(asked)
    if way is None:
        raise StudyError(
            f"by the graph the effect is identified by {found.identified_by}, and {question.method} needs {asked}; "
            "leave --method out, or ask without --graph"
        )
    return way


def _there(found: Identification, columns: Columns) -> tuple[list[LaggedVariable], tuple[str, ...]]:
    """The adjustment set without what only serves precision and is missing in over a tenth of the rows."""
    kept, left_out = [], []
    for moment in found.adjustment_set or ():
        (here, *_) = columns.adjusting(moment.variable.signal).values()
        if moment in found.required or np.mean(np.isfinite(here)) >= 0.9:
            kept.append(moment)
        else:
            left_out.append(moment.variable.signal)
    names = ", ".join(dict.fromkeys(left_out))
    return kept, (f"not adjusted for, too often missing: {names}",) if left_out else ()


def _adjusting(columns: Columns) -> str:
    return DISTRIBUTED_LAG if columns.rows.times is not None and not columns.rows.doubled else REGRESSION


def _lagged(moment: LaggedVariable) -> Lagged:
    return moment.variable.signal, moment.lag


def _complete(question: FileQuestion, columns: Columns, design: Design) -> Design:
    """Raises StudyError where the method lacks what only the user can name."""
    rows = columns.rows
    if design.method == DIFFERENCES and not question.group and (rows.units is None or rows.times is None):
        raise StudyError(
            f"{design.method} needs --unit and --time, or --group and --post: who was treated, and from when on"
        )
    if design.method == SINGLE and question.lags:
        raise StudyError(f"{design.method} compares before with after and knows no lags; leave --lags out")
    if design.identified_by == "comparison" and rows.times is None and not question.group:
        raise StudyError(f"{design.method} compares before with after; name the times with --time")
    if design.identified_by == INSTRUMENT and not design.instruments:
        raise StudyError(
            f"{design.method} needs --instrument: what moves the treatment, and the outcome only through it"
        )
    if design.identified_by == FRONT_DOOR and not design.mediators:
        raise StudyError(f"{design.method} needs --mediator: what the whole effect passes through")
    return design
