"""Which effects are asked for: the settings' treatments and outcomes on the variables that are measured."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from datasource.graph import find_variable
from datasource.settings import Effect, Settings
from datasource.telemetry import Variable

_SHORTEST, _SHORTEST_DEFAULT = 30, 120


class EffectQuestion(NamedTuple):
    """The effect of `treatment` on `outcome`, also over rolling windows of `window` points."""

    treatment: Variable
    outcome: Variable
    window: int


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
        window = _window(effect, settings)
        if "." in effect.treatment:
            ends = [find_variable(name, names) for name in (effect.treatment, effect.outcome)]
            if ends[0] and ends[1]:
                questions[ends[0], ends[1]] = EffectQuestion(ends[0], ends[1], window)
            for name, end in zip((effect.treatment, effect.outcome), ends, strict=True):
                if end is None:
                    notices.append(f"effect of {effect.treatment} on {effect.outcome}: '{name}' is not measured")
            continue
        pairs = list(_pairs(effect, variables))
        if not pairs:
            notices.append(
                f"effect of {effect.treatment} on {effect.outcome}: no entity has both signals among "
                f"{len(variables)} measured variables"
            )
        questions |= {pair: EffectQuestion(*pair, window) for pair in pairs}
    return tuple(questions.values()), tuple(notices)


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
