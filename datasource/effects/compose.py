"""A study out of what was gathered from matrix and graph, for one pair or pooled over entities."""

from collections.abc import Sequence

import numpy as np

from datasource.effects.estimators.distributed_lag import lagged
from datasource.effects.gather import Gathered
from datasource.effects.questions import EffectQuestion
from datasource.effects.study import Study, StudyError, lay_out
from datasource.graph import Moment, find_variable
from datasource.telemetry import Entity, Floats, Matrix, Variable


def compose(question: EffectQuestion, gathered: Sequence[Gathered], matrix: Matrix) -> Study:
    """Lay out the rows of every pair of a question, one unit a pair. Raises StudyError for names that nothing has.

    Of several units, what is adjusted for within the entity is one column for all of them; what belongs to another
    entity (a callee, say) is a column that counts in its own unit only.
    """
    points = len(matrix.times)
    parts = [_columns(question, one, matrix) for one in gathered]
    widest = max(one.lags for one in gathered)
    names = list(dict.fromkeys(name for adjustment, *_ in parts for name in adjustment))
    adjustment = {
        name: np.concatenate([adjustment.get(name, np.zeros(points)) for adjustment, *_ in parts]) for name in names
    }

    def beside(place: int) -> dict[str, Floats]:
        known = parts[0][place]
        return {name: np.concatenate([part[place][name] for part in parts]) for name in known}

    modifiers, levels = _modifiers(question, gathered, matrix)
    several = len(gathered) > 1
    times = np.tile(np.arange(points, dtype=np.int64), len(gathered))
    return lay_out(
        np.concatenate([one.window.rows[one.outcome] for one in gathered]),
        np.concatenate([_joint(one, widest) for one in gathered]),
        adjustment,
        names=(str(question.treatment), str(question.outcome)),
        times=times,
        units=np.repeat(np.arange(len(gathered)), points) if several else None,
        unit_names=[str(one.outcome.entity) for one in gathered],
        instruments=beside(1),
        mediators=beside(2),
        modifiers=modifiers,
        levels=levels,
        feedback=any(one.feedback for one in gathered),
        window=max(one.window.steps for one in gathered),
    )


def _columns(
    question: EffectQuestion, one: Gathered, matrix: Matrix
) -> tuple[dict[str, Floats], dict[str, Floats], dict[str, Floats]]:
    """Adjustment, instruments and mediators of one pair, by name."""
    pooled = bool(question.entities)
    adjustment = {
        _shown(moment, one, pooled): one.row(moment)
        for moment in one.adjustment
        if not pooled or moment.variable.entity == one.outcome.entity or moment in one.found.required
    }
    named = {
        str(Moment(Variable(Entity("", ()), name), lag)): lagged(
            matrix.row(_find(name, one.outcome.entity, matrix)), lag
        )
        for name in question.instruments
        for lag in range(one.lags + 1)
    }
    found = {_shown(moment, one, pooled): one.row(moment) for moment in one.found.instruments}
    mediators = {_shown(moment, one, pooled): one.row(moment) for moment in one.found.mediators}
    return adjustment, named or found, mediators


def _shown(moment: Moment, one: Gathered, pooled: bool) -> str:
    if pooled and moment.variable.entity == one.outcome.entity:
        return str(Moment(Variable(Entity("", ()), moment.variable.signal), moment.lag))
    return str(moment)


def _joint(one: Gathered, lags: int) -> Floats:
    moments = [Moment(one.treatment, lag) for lag in range(lags + 1)]
    return np.column_stack([one.row(moment) for moment in moments])


def _find(name: str, entity: Entity, matrix: Matrix) -> Variable:
    own = Variable(entity, name)
    found = own if own in matrix else find_variable(name, {str(v): v for v in matrix.variables})
    if found is None:
        raise StudyError(f"'{name}' is not measured at {entity}, and is no variable either")
    return found


def _modifiers(
    question: EffectQuestion, gathered: Sequence[Gathered], matrix: Matrix
) -> tuple[dict[str, Floats], dict[str, tuple[str, ...]]]:
    found, levels = {}, {}
    for name in question.modifiers:
        found[name], texts = _levels(name, gathered, matrix)
        if texts:
            levels[name] = texts
    return found, levels


def _levels(name: str, gathered: Sequence[Gathered], matrix: Matrix) -> tuple[Floats, tuple[str, ...]]:
    """A signal's values, or a label's values as codes with their names."""
    points = len(matrix.times)
    labels = [dict(one.outcome.entity.labels) for one in gathered]
    if all(name in own for own in labels):
        texts = tuple(sorted({own[name] for own in labels}))
        return np.repeat([float(texts.index(own[name])) for own in labels], points), texts
    return np.concatenate([matrix.row(_find(name, one.outcome.entity, matrix)) for one in gathered]), ()
