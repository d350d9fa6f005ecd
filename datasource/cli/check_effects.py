"""Can the questions of effect and impact be answered, how, and if not, what should be measured?"""

from collections import Counter
from collections.abc import Iterator, Sequence
from math import isfinite

from datasource.cli.check_graph import like
from datasource.cli.finding import Finding
from datasource.effects import EffectQuestion, Identification, analyse_impact, effect_questions
from datasource.effects.gather import Gathered, gather
from datasource.effects.methods import ESTIMATORS
from datasource.effects.windows import WindowError
from datasource.graph import CausalGraph, Moment, find_variable
from datasource.library.text import count
from datasource.settings import Effect, Settings, format_duration
from datasource.telemetry import Matrix

_SHOWN = 5
_MOST = 50
"""So many pairs of a question are identified at most."""


def check_effects(settings: Settings, matrix: Matrix, graph: CausalGraph | None) -> Iterator[Finding]:
    """Which questions of effect can be asked, and by what each is identified."""
    for effect in settings.effects:
        name = f"{effect.treatment} -> {effect.outcome}"
        alone = settings.model_copy(update={"effects": (effect,)})
        questions, _ = effect_questions(alone, matrix.variables)
        amount = count(len(questions), "question")
        if not questions:
            yield _unasked(effect, matrix)._replace(name=name, amount=amount)
        elif graph is None:
            yield Finding("effects", name, amount, "ok")
        else:
            yield _identified(settings, matrix, graph, questions)._replace(name=name, amount=amount)


def _unasked(effect: Effect, matrix: Matrix) -> Finding:
    names = {str(variable): variable for variable in matrix.variables}
    there = {variable.signal for variable in matrix.variables}
    ends = (effect.treatment, effect.outcome)
    missing = [end for end in ends if "." in end and not find_variable(end, names)]
    empty = [end for end in ends if "." not in end and end not in there]
    if empty:
        return Finding("effects", "", "", "note", f"waits for the signal '{empty[0]}'")
    text = f"'{missing[0]}' is not measured{like(missing[0], names)}" if missing else "no entity has both"
    return Finding("effects", "", "", "wrong", text)


def _identified(settings: Settings, matrix: Matrix, graph: CausalGraph, questions: Sequence[EffectQuestion]) -> Finding:
    pairs = [(question, pair) for question in questions for pair in question.pairs][:_MOST]
    try:
        found = [(q, gather(*pair, matrix, graph, settings.signals, _asked(q))) for q, pair in pairs]
    except WindowError as error:
        return Finding("effects", "", "", "wrong", str(error))
    ways = Counter(_way(question, one) for question, one in found)
    said = [way if len(ways) == 1 else f"{number} {way}" for way, number in ways.most_common()]
    if set(ways) == {"no path"}:
        said = ["the graph has no way from the treatment to the outcome: the answer is 0 by assumption"]
    elif set(ways) == {"by adjustment"}:
        adjusted = _signals([moment for _, one in found for moment in one.adjustment])
        said = [f"by adjustment for {adjusted}" if adjusted else "by adjustment: the graph knows nothing to adjust for"]
    obstacles = [text for question, one in found for text in _obstacle(question, one)]
    fine = not obstacles and "no path" not in ways
    text = "; ".join(dict.fromkeys([*said, *obstacles[:2]]))
    return Finding("effects", "", "", "ok" if fine else "note", text)


def _asked(question: EffectQuestion) -> str:
    """By what the question wants its effect identified, where its method says so."""
    return ESTIMATORS[question.method].identified_by if question.method and not question.instruments else ""


def _way(question: EffectQuestion, one: Gathered) -> str:
    found = one.found
    if question.instruments:
        return f"by instrument {', '.join(question.instruments)}, as the settings say"
    if found.instruments:
        return f"by instrument {_signals(found.instruments)}"
    if found.mediators:
        return f"by front-door through {_signals(found.mediators)}"
    return f"by {found.identified_by}" if found.identified else found.identified_by


def _obstacle(question: EffectQuestion, one: Gathered) -> list[str]:
    """Why there will be no estimate, and what to measure."""
    if question.instruments:
        return []
    missing = [f"{name} must be adjusted for and is not measured" for name in one.missing]
    return [*missing, *_reason(one.found)]


def _reason(found: Identification) -> list[str]:
    if found.identified_by != "not identified":
        return []
    return ["; ".join(filter(None, (found.reason, *found.measure[:1])))]


def _signals(moments: Sequence[Moment]) -> str:
    """The signals, each once."""
    names = list(dict.fromkeys(moment.variable.signal for moment in moments))
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def check_impacts(settings: Settings, matrix: Matrix, graph: CausalGraph | None) -> Iterator[Finding]:
    """Whether each impact can be estimated: entity, event and controls there, and points before and after."""
    for impact in settings.impacts:
        result = analyse_impact(impact, matrix, settings.signals, settings.environment, graph)
        name = f"{impact.treated}.{impact.outcome}"
        said = "; ".join(result.notices)
        if not isfinite(result.effect.value):
            seen = impact.at in settings.signals and said.startswith(f"no {impact.at} at")
            yield Finding("impacts", name, f"at {impact.at}", "note" if seen else "wrong", said)
            continue
        comparison = result.comparison
        after = int((comparison.times >= comparison.began).sum()) * int(settings.step) if comparison else 0
        text = f"began {format_duration(after)} ago"
        yield Finding("impacts", name, f"at {impact.at}", "note" if said else "ok", f"{text}; {said}" if said else text)
