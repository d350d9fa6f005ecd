"""Can the questions of effect and impact be answered, how, is the answer to be trusted, and what should be measured?"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from math import isfinite
from typing import NamedTuple

import click
import numpy as np

from datasource.cli.check_graph import check_graph, like
from datasource.cli.finding import Finding
from datasource.data import Matrix, encode_events
from datasource.effects import EffectResult, analyse_effect, analyse_impact, traffic_light
from datasource.effects.checks import INVALIDATING
from datasource.effects.checks.too_few_points import NAME as TOO_FEW_POINTS
from datasource.effects.gather import Gathered, gather
from datasource.effects.methods import ESTIMATORS
from datasource.effects.windows import WindowError
from datasource.graph import CausalGraph, LaggedVariable, find_variable
from datasource.identification import EffectQuestion, Identification, effect_questions
from datasource.library.describe import Line
from datasource.library.sources import Opened
from datasource.library.text import count
from datasource.settings import Effect, Settings, format_duration
from datasource.topology import read_topology

_SHOWN = 5
_MOST = 50
"""So many pairs of a question are identified at most."""
_SECONDS = 60.0
"""All estimates together may take so long; one that has begun is finished."""
_BY_CHANCE = 0.1
"""At so large a share of many entities a check may fail by chance."""


def check_effects(
    settings: Settings, matrix: Matrix, graph: CausalGraph | None, now: Callable[[], float] = time.monotonic
) -> Iterator[Finding]:
    """Which questions of effect can be asked, by what each is identified, and whether its estimate can be trusted.

    `now` (seconds) is the clock that bounds how long is estimated.
    """
    until = now() + _SECONDS
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
            found = _identified(settings, matrix, graph, questions)._replace(name=name, amount=amount)
            yield found
            if found.state != "wrong":
                click.echo(f"estimating {name}, {amount} ...", err=True)
                told = list(_estimated(settings, matrix, graph, questions, lambda: now() < until))
                yield from (one for one in told if not one.text or one.text not in found.text)


def check_file_effects(opened: Opened) -> Iterator[Line]:
    """What is wrong with the effects that a file's settings ask for, and what is doubtful."""
    settings = opened.settings
    matrix = encode_events(opened.data.matrix, settings.signals)
    entities = {variable.entity for variable in matrix.variables}
    topology = read_topology(settings, None, entities, matrix.start, matrix.end)
    graph, _ = check_graph(settings, matrix.variables, topology)
    name = ""
    for finding in (*check_effects(settings, matrix, graph), *check_impacts(settings, matrix, graph)):
        name = finding.name or name
        if finding.state in ("note", "wrong"):
            mark = "WRONG" if finding.state == "wrong" else "note"
            yield Line(f"{mark}: effect {name}: {finding.text}", finding.state == "wrong")


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


class _Judged(NamedTuple):
    """What the checks say of one estimate: `colour` as of the traffic light, `check` the name of the worst that fails,
    and a sentence. `waits` where only more of the past is missing."""

    whose: str
    colour: str
    check: str
    text: str
    waits: bool = False


def _estimated(
    settings: Settings,
    matrix: Matrix,
    graph: CausalGraph,
    questions: Sequence[EffectQuestion],
    in_time: Callable[[], bool],
) -> Iterator[Finding]:
    """Whether the estimates of a question's pairs are to be trusted; where there is none, why."""
    judged: list[_Judged] = []
    reasons: list[str] = []
    young = _is_young(settings, matrix)
    for question in questions:
        if not in_time():
            break
        result = analyse_effect(question, matrix, graph, settings.signals, settings.environment)
        if result.checks:
            judged.append(_judged(settings, result, young))
        elif not isfinite(result.effect.value):
            reasons += result.notices
    if judged:
        amount = f"{len(judged)} of {len(questions)} estimated" if len(questions) > 1 else "estimated"
        yield _trusted(judged, len(questions))._replace(section="effects", amount=amount)
    elif not reasons and not in_time():
        text = f"not estimated: {format_duration(_SECONDS)} were used up; 'causal-datasource evaluate' takes its time"
        yield Finding("effects", "", "", "note", text)
    elif reasons:
        yield Finding("effects", "", "not estimated", "note", reasons[0])


def _is_young(settings: Settings, matrix: Matrix) -> bool:
    """Whether less than half of the baseline is there, so that more comes by itself."""
    return 2 * int(np.isfinite(matrix.values).any(axis=0).sum()) < settings.recent_points


def _judged(settings: Settings, result: EffectResult, young: bool) -> _Judged:
    failed = [check for check in result.checks if check.passed is False]
    worst = min(failed, key=lambda check: check.name not in INVALIDATING, default=None)
    serious = {check.name for check in failed} & INVALIDATING
    treatment = settings.signals.get(result.treatment.signal)
    waits = serious == {TOO_FEW_POINTS} and (young or (treatment is not None and treatment.kind == "event"))
    name, text = (worst.name, worst.text) if worst else ("", "")
    return _Judged(str(result.outcome.entity), traffic_light(result.checks), name, text, waits)


def _trusted(judged: Sequence[_Judged], asked: int) -> Finding:
    """Red ones first: wrong where they are more than chance explains, and no time that passes mends them."""
    red = [one for one in judged if one.colour == "red" and not one.waits]
    waits = [one for one in judged if one.waits]
    doubtful = [one for one in judged if one.colour == "yellow"]
    if red:
        wrong = len(red) > _BY_CHANCE * len(judged)
        return Finding("", "", "", "wrong" if wrong else "note", f"not to be trusted: {_told(red, asked)}")
    if waits:
        return Finding("", "", "", "note", f"not to be trusted yet: {_told(waits, asked)}")
    if doubtful:
        return Finding("", "", "", "note", f"doubtful: {_told(doubtful, asked)}")
    return Finding("", "", "", "ok")


def _told(some: Sequence[_Judged], asked: int) -> str:
    """The check that fails most often, where, and its sentence, which says what to do."""
    check, times = Counter(one.check for one in some).most_common(1)[0]
    first = next(one for one in some if one.check == check)
    others = f" and {count(times - 1, 'other')}" if times > 1 else ""
    where = f" at {first.whose}{others}" if asked > 1 else ""
    return f"{check} fails{where}: {first.text}"


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


def _signals(moments: Sequence[LaggedVariable]) -> str:
    """The signals, each once."""
    names = list(dict.fromkeys(moment.variable.signal for moment in moments))
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def check_impacts(settings: Settings, matrix: Matrix, graph: CausalGraph | None) -> Iterator[Finding]:
    """Whether each impact can be estimated, from entity, event, controls, points before and after, and be trusted."""
    young = _is_young(settings, matrix)
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
        text = "; ".join(filter(None, (f"began {format_duration(after)} ago", said)))
        trust = _trusted([_judged(settings, result, young)], 1)
        state = "note" if said and trust.state == "ok" else trust.state
        yield Finding("impacts", name, f"at {impact.at}", state, "; ".join(filter(None, (text, trust.text))))
