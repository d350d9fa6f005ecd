"""Which effects are asked for: the settings' treatments and outcomes on the variables that are measured."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from datasource.data import Entity, Variable
from datasource.graph import find_variable
from datasource.settings import Effect, Settings

_SHORTEST, _SHORTEST_DEFAULT = 30, 120


class EffectQuestion(NamedTuple):
    """The effect of `treatment` on `outcome`, also over rolling windows of `window` points.

    Without `method`, graph and data decide. `instruments`, `modifiers` and `strata` are as in the settings: signals,
    variables, labels. A pooled question is asked once for all of `entities`; its treatment and outcome then have an
    entity without labels.
    """

    treatment: Variable
    outcome: Variable
    window: int
    method: str | None = None
    instruments: tuple[str, ...] = ()
    modifiers: tuple[str, ...] = ()
    strata: str | None = None
    entities: tuple[Entity, ...] = ()

    @property
    def pairs(self) -> tuple[tuple[Variable, Variable], ...]:
        """The treatment and outcome of every entity that is asked about."""
        if not self.entities:
            return ((self.treatment, self.outcome),)
        return tuple((Variable(e, self.treatment.signal), Variable(e, self.outcome.signal)) for e in self.entities)


def effect_questions(
    settings: Settings, variables: Sequence[Variable]
) -> tuple[tuple[EffectQuestion, ...], tuple[str, ...]]:
    """The questions of `settings.effects`, each once, and notices for those that nothing measured answers to.

    Two signals ask for every entity that has both; two variables ask for that pair. A rolling window is as long
    as the settings say, else an eighth of the baseline, at least 120 points. Of two questions about
    one pair the later one counts.
    """
    questions: dict[tuple[Variable, Variable], EffectQuestion] = {}
    notices = []
    names = {str(variable): variable for variable in variables}
    for effect in settings.effects:
        told = f"effect of {effect.treatment} on {effect.outcome}"
        if "." in effect.treatment:
            unknown = [name for name in (effect.treatment, effect.outcome) if find_variable(name, names) is None]
            notices += [f"{told}: '{name}' is not measured" for name in unknown]
            found = [] if unknown else [_pair(effect, names)]
        else:
            found = list(_pairs(effect, variables))
            if not found:
                notices.append(f"{told}: no entity has both signals among {len(variables)} measured variables")
        window = _window(effect, settings)
        if effect.pooled and found:
            every = Entity(found[0][0].entity.type, ())
            ends = Variable(every, effect.treatment), Variable(every, effect.outcome)
            questions[ends] = _question(effect, ends, window, tuple(x.entity for x, _ in found))
        else:
            questions |= {pair: _question(effect, pair, window) for pair in found}
    return tuple(questions.values()), tuple(notices)


def _question(
    effect: Effect, ends: tuple[Variable, Variable], window: int, entities: tuple[Entity, ...] = ()
) -> EffectQuestion:
    return EffectQuestion(*ends, window, effect.method, effect.instruments, effect.modifiers, effect.strata, entities)


def _pair(effect: Effect, names: Mapping[str, Variable]) -> tuple[Variable, Variable]:
    treatment, outcome = (find_variable(name, dict(names)) for name in (effect.treatment, effect.outcome))
    assert treatment is not None
    assert outcome is not None
    return treatment, outcome


def _pairs(effect: Effect, variables: Sequence[Variable]) -> Iterator[tuple[Variable, Variable]]:
    measured = set(variables)
    for treatment in sorted(measured):
        outcome = Variable(treatment.entity, effect.outcome)
        if treatment.signal == effect.treatment and outcome in measured:
            yield treatment, outcome


def _window(effect: Effect, settings: Settings) -> int:
    if effect.window is None:
        return max(settings.recent_points // 8, _SHORTEST_DEFAULT)
    return max(round(effect.window / settings.step), _SHORTEST)
