"""A study out of what was gathered from matrix and graph, for one pair or pooled over entities."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from datasource.data import Entity, Floats, Matrix, Variable
from datasource.effects.estimators.distributed_lag import lagged
from datasource.effects.gather import Gathered
from datasource.effects.study import NO_COLUMNS, Block, Study, StudyError, lay_out
from datasource.graph import LaggedVariable, find_variable
from datasource.identification.questions import EffectQuestion
from datasource.numerics import least_squares

STRAIGHT = ("backdoor.distributed_lag", "backdoor.linear_regression")


def compose(question: EffectQuestion, gathered: Sequence[Gathered], matrix: Matrix, *, adjusted: bool = True) -> Study:
    """The rows of every pair of a question, one unit a pair. Raises StudyError for names that nothing has.

    Of several units, each has slopes of its own on what it is adjusted for: they are taken out first, unit by unit
    (Frisch and Waugh 1933, Lovell 1963). Methods that fit no straight lines get the columns that all units have. Not
    `adjusted`, nothing is taken out.
    """
    if len(gathered) == 1:
        return _unit(question, gathered[0], matrix)
    straight = adjusted and question.method in (None, *STRAIGHT)
    units = [_unit(question, one, matrix) for one in gathered]
    studies = [_partialled_out(one) if straight else one for one in units]
    names = [name for name in studies[0].adjustment.names if all(name in one.adjustment.names for one in studies)]
    widest = max(one.lags for one in studies)
    if any(one.lags < widest for one in studies):
        raise StudyError("the entities' effects take different numbers of steps; ask for each, without pooled")
    modifiers, levels = _modifiers(question, gathered, studies)
    counts = [one.n for one in studies]
    return lay_out(
        np.concatenate([one.outcome for one in studies]),
        np.vstack([one.treatment for one in studies]),
        {name: np.concatenate([one.adjustment.column(name) for one in studies]) for name in names},
        names=(str(question.treatment), str(question.outcome)),
        times=np.concatenate([one.times for one in studies if one.times is not None]),
        units=np.repeat(np.arange(len(studies)), counts),
        unit_names=[str(one.outcome.entity) for one in gathered],
        instruments=_stacked([one.instruments for one in studies]),
        mediators=_stacked([one.mediators for one in studies]),
        modifiers=modifiers,
        levels=levels,
        feedback=any(one.feedback for one in studies),
        window=max(one.window for one in studies),
        step=matrix.step,
    )


def adjusted_for(gathered: Sequence[Gathered]) -> tuple[str, ...]:
    """What is adjusted for, by name; of several entities as each has it, without the entity's own name."""
    pooled = len(gathered) > 1
    return tuple(dict.fromkeys(_shown(moment, one, pooled) for one in gathered for moment in one.adjustment))


def _unit(question: EffectQuestion, one: Gathered, matrix: Matrix) -> Study:
    adjustment, instruments, mediators = _columns(question, one, matrix)
    modifiers, levels = {}, {}
    for name in question.modifiers:
        modifiers[name], levels[name] = _levels(name, one, matrix)
    return lay_out(
        one.window.rows[one.outcome],
        one.joint,
        adjustment,
        names=(str(question.treatment), str(question.outcome)),
        times=np.arange(len(matrix.times), dtype=np.int64),
        instruments=instruments,
        mediators=mediators,
        modifiers=modifiers,
        levels={name: texts for name, texts in levels.items() if texts},
        feedback=one.feedback,
        window=one.window.steps,
        step=matrix.step,
    )


def _partialled_out(study: Study) -> Study:
    """Everything without what the adjustment set explains of it."""
    if not study.adjustment.names or study.n <= len(study.adjustment.names) + 2:
        return study

    def rest(column: Floats) -> Floats:
        return least_squares(column, study.adjustment.values).residuals

    return replace(
        study,
        outcome=rest(study.outcome),
        treatment=np.column_stack([rest(column) for column in study.treatment.T]),
        adjustment=NO_COLUMNS,
    )


def _stacked(blocks: Sequence[Block]) -> dict[str, Floats]:
    return {name: np.concatenate([one.column(name) for one in blocks]) for name in blocks[0].names}


def _modifiers(
    question: EffectQuestion, gathered: Sequence[Gathered], studies: Sequence[Study]
) -> tuple[dict[str, Floats], dict[str, tuple[str, ...]]]:
    """The modifiers of all units; a label's values are numbered through."""
    found, levels = {}, {}
    for name in question.modifiers:
        if name in studies[0].modifiers.levels:
            texts = [one.modifiers.levels[name][0] for one in studies]
            levels[name] = tuple(sorted(set(texts)))
            codes = [float(levels[name].index(text)) for text in texts]
            found[name] = np.repeat(codes, [one.n for one in studies])
        else:
            found[name] = np.concatenate([one.modifiers.column(name) for one in studies])
    return found, levels


def _columns(
    question: EffectQuestion, one: Gathered, matrix: Matrix
) -> tuple[dict[str, Floats], dict[str, Floats], dict[str, Floats]]:
    """Adjustment, instruments and mediators of one pair, by name."""
    pooled = bool(question.entities)
    adjustment = {_shown(moment, one, pooled): one.row(moment) for moment in one.adjustment}
    named = {
        str(LaggedVariable(Variable(Entity("", ()), name), lag)): lagged(
            matrix.row(_find(name, one.outcome.entity, matrix)), lag
        )
        for name in question.instruments
        for lag in range(one.lags + 1)
    }
    found = {_shown(moment, one, pooled): one.row(moment) for moment in one.found.instruments}
    mediators = {_shown(moment, one, pooled): one.row(moment) for moment in one.found.mediators}
    return adjustment, named or found, mediators


def _shown(moment: LaggedVariable, one: Gathered, pooled: bool) -> str:
    if pooled and moment.variable.entity == one.outcome.entity:
        return str(LaggedVariable(Variable(Entity("", ()), moment.variable.signal), moment.lag))
    return str(moment)


def _find(name: str, entity: Entity, matrix: Matrix) -> Variable:
    own = Variable(entity, name)
    found = own if own in matrix else find_variable(name, {str(v): v for v in matrix.variables})
    if found is None:
        raise StudyError(f"'{name}' is not measured at {entity}, and is no variable either")
    return found


def _levels(name: str, one: Gathered, matrix: Matrix) -> tuple[Floats, tuple[str, ...]]:
    """A signal's values; of a label 0 at each time, and its value."""
    labels = dict(one.outcome.entity.labels)
    if name in labels:
        return np.zeros(len(matrix.times)), (labels[name],)
    return matrix.row(_find(name, one.outcome.entity, matrix)), ()
