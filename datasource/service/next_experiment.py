"""Which experiment next, as a snapshot can tell it: for an incident that is not sure, and for the graph."""

from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any, NamedTuple

import numpy as np

from datasource.causes import cause_name, listed
from datasource.data import Entity
from datasource.data.roles import BREAKS
from datasource.effects.structural import StructuralModel
from datasource.effects.study import StudyError
from datasource.graph import Edge
from datasource.incidents import Incident
from datasource.incidents.context import IncidentContext
from datasource.incidents.quantity import quantity
from datasource.interventions.impact import names_of
from datasource.interventions.next_experiment import next_for_cause, next_for_edges
from datasource.interventions.trial import Known, Suspect, Touched, Trial, TrialTold
from datasource.service.snapshot import Snapshot

_SHOWN = 10
"""Trials of a question."""
_NAMED = 3
"""Edges and people who are named in a sentence."""
_WORTH = 0.1
"""An edge is named of which no smaller share is told than this of the one that is told most of."""
_INCIDENTS = 3
"""Open incidents that are asked about, the newest."""
_SURE = 0.99
_MOST_SURE = 0.9
"""Of parts of a gap alone nobody is surer than this that one of them is the cause."""
_HOW = {
    "load": ("send {entity} {size} more", "send {entity} {size} less"),
    "latency": ("delay {entity} by {size} more", "let {entity} be {size} faster"),
    "failure": ("let {size} more of {entity} fail", "let {size} less of {entity} fail"),
    "saturation": ("take {size} more of the {signal} of {entity}", "leave {entity} {size} more of its {signal}"),
}
"""What somebody does to move a variable of a role up, and down."""
_RAISE = ("raise {signal} of {entity} by {size}", "lower {signal} of {entity} by {size}")


class Question(NamedTuple):
    """What is not known, in words; `incident` is its id where it is about who caused one."""

    text: str
    incident: str = ""


class Answered(NamedTuple):
    """A question with the trials that would tell, the best first, and why there are none."""

    question: Question
    trials: tuple[Trial, ...]
    notice: str = ""


def next_trials(snapshot: Snapshot, incident: str = "", about: Sequence[str] = ()) -> list[Answered]:
    """The cheapest experiments and measurements that would tell: who caused an incident, which edges are true.

    For one `incident` by its id, for the edges at variables or entities that are named, or for all open incidents and
    the whole graph. Raises StudyError for what is not known, and while the equations are not there.
    """
    model = snapshot.structural
    if model is None:
        raise StudyError("the equations of the graph are not fitted yet; ask again after the warm-up")
    if incident:
        return [_for_incident(_named(incident, snapshot), snapshot, model)]
    if about:
        known = {name for variable in snapshot.graph.variables for name in names_of(variable)}
        for name in about:
            if name not in known:
                some = ", ".join(str(variable) for variable in snapshot.graph.variables[:5]) or "none yet"
                raise StudyError(f"the graph does not have '{name[:200]}'; its first variables: {some}")
        return [_for_graph(snapshot, model, about)]
    going_on = [one for one in snapshot.incidents if one.open][:_INCIDENTS]
    return [*(_for_incident(one, snapshot, model) for one in going_on), _for_graph(snapshot, model)]


def _named(name: str, snapshot: Snapshot) -> Incident:
    for one in snapshot.incidents:
        if one.id == name:
            return one
    some = ", ".join(one.id for one in snapshot.incidents if one.open) or "none"
    raise StudyError(f"there is no incident '{name[:100]}'; those that go on: {some}")


def _for_graph(snapshot: Snapshot, model: StructuralModel, about: Sequence[str] = ()) -> Answered:
    at = f" at {', '.join(about)}" if about else ""
    trials = next_for_edges(_known(snapshot, model), tuple(_edges(snapshot)), about)[:_SHOWN]
    none = f"the edges{at} are as good as sure, or nothing can be moved far enough to tell"
    notice = "" if trials else none
    return Answered(Question(f"is the graph{at} true?"), tuple(trials), notice)


def _for_incident(incident: Incident, snapshot: Snapshot, model: StructuralModel) -> Answered:
    symptom = incident.causes.symptom
    question = Question(f"who caused {symptom}?", incident.id)
    if not incident.open:
        return Answered(question, (), "the incident is over: nothing is left that an experiment could bring back")
    lately = IncidentContext(incident, snapshot.settings, snapshot.judgement, snapshot.matrix)
    suspects = list(_suspects(lately, snapshot))
    trials = next_for_cause(_known(snapshot, model), symptom, suspects, _calls(snapshot))[:_SHOWN]
    sure = [one.name for one in suspects if one.sure > _SURE]
    none = f"it is as good as sure: {sure[0]}" if sure else "nobody is suspected who could be brought back or measured"
    return Answered(question, tuple(trials), "" if trials else none)


def _known(snapshot: Snapshot, model: StructuralModel) -> Known:
    scores = snapshot.judgement.scores if snapshot.judgement else {}
    newest = {variable: one.marginal for variable, one in scores.items()}
    usual = {
        variable: (float(one.expected[-1] - one.lower[-1]), float(one.upper[-1] - one.expected[-1]))
        for variable, one in newest.items()
    }
    block = snapshot.settings.experiments
    plans = {name: plan for name, plan in block.plans.items() if name in block.allow}
    return Known(snapshot.matrix, snapshot.settings.signals, model, usual, plans)


def _edges(snapshot: Snapshot) -> Iterator[Edge]:
    """The edges of the graph, with what discovery last said against them."""
    doubted = {
        (one.cause, one.effect): one.evidence for one in (snapshot.proposal.doubtful if snapshot.proposal else ())
    }
    for edge in snapshot.graph.edges:
        more = doubted.get((edge.cause, edge.effect), ())
        yield edge._replace(evidence=(*edge.evidence, *more)) if more else edge


def _suspects(lately: IncidentContext, snapshot: Snapshot) -> Iterator[Suspect]:
    """Whom the cause lies between, and how likely each is: those that are named or likely, else by their parts of the
    gap; then what is outside, with what is left."""
    causes = lately.incident.causes
    likely = dict(causes.likely)
    if not likely:
        for part in causes.contributions:
            entity = part.variable.entity
            likely[entity] = likely.get(entity, 0.0) + max(part.share, 0.0)
        whole = sum(likely.values())
        likely = {entity: _MOST_SURE * share / max(whole, 1.0) for entity, share in likely.items() if share > 0}
    for entity, sure in likely.items():
        suspect = _suspect(entity, sure, lately, snapshot)
        if suspect is not None:
            yield suspect
    left = max(1.0 - sum(likely.values()), 0.0)
    for outside in causes.outside:
        sure = min(max(outside.share, 0.0), 1.0) * (1.0 if outside.sure else left)
        if outside.kind != "demand" and sure > 0:
            yield Suspect(outside.where, sure)


def _suspect(entity: Entity, sure: float, lately: IncidentContext, snapshot: Snapshot) -> Suspect | None:
    """One who is measured, by what shows it most; None where nothing does."""
    name = cause_name(entity, snapshot.topology)
    own = [v for v in lately.scores if v.entity == entity and snapshot.roles.role(v) in BREAKS]
    if not own:
        return Suspect(name, sure)
    highest = sorted(own, key=lambda v: -float(np.nan_to_num(lately.scores[v].marginal.score[-1])))
    signs = (v for v in (*lately.signs(entity), *highest) if isfinite(lately.without_change(v) - lately.now(v)))
    shown = next(signs, None)
    if shown is None:
        return None
    part = sum(amount for v, amount in lately.causes.items() if v.entity == entity) or lately.incident.causes.gap
    return Suspect(name, sure, shown, lately.without_change(shown) - lately.now(shown), part)


def _calls(snapshot: Snapshot) -> Iterator[tuple[str, str, str]]:
    """Who calls whom, where nobody measures how long the call takes."""
    timed = {v.entity for v in snapshot.matrix.variables if snapshot.roles.role(v) in ("latency", "work")}
    for tie in snapshot.topology.ties:
        call = tie.end("call")
        if tie.relation == "calls" and (call is None or call not in timed):
            client, server = (cause_name(entity, snapshot.topology) for _, entity in tie.ends[:2])
            yield client, server, f"the calls from {client} to {server}: how long they take at both ends"


def trial_told(trial: Trial, answered: Answered, snapshot: Snapshot) -> str:
    """What to do, in words."""
    if trial.variable is None:
        return f"measure {trial.measure}"
    variable, lasting = trial.variable, quantity(trial.seconds, "s")
    signal = snapshot.settings.signals[variable.signal]
    size = quantity(abs(trial.change), signal.unit)
    if answered.question.incident:
        incident = _named(answered.question.incident, snapshot)
        action = incident.action.partition("; runbook: ")[0] if variable.entity in incident.roots[:1] else ""
        who = cause_name(variable.entity, snapshot.topology)
        symptom = incident.causes.symptom
        do = action or f"undo what changed at {who}: roll it back, restart it, or take load off it"
        return f"{do}; look whether {symptom} goes back within {lasting}"
    said = _HOW.get(signal.role or "", _RAISE)[trial.change < 0].format(
        entity=variable.entity, size=size, signal=variable.signal
    )
    plan = f", as experiment {trial.plan} may do" if trial.plan else ""
    return f"{said}, for {lasting}{plan}"


def trial_reason(trial: Trial, answered: Answered) -> str:
    """What it would tell, in words."""
    first, *others = sorted(trial.told, key=lambda one: -one.information)
    told = [first, *(one for one in others if one.information >= _WORTH * first.information)]
    names = [f"{one.about} ({one.sure:.0%} sure)" for one in told]
    if answered.question.incident:
        return f"tells whether it is {' or '.join(names)}"
    return f"tells whether {listed(names, _NAMED)} {'is' if len(names) == 1 else 'are'} true"


def blast_radius(trial: Trial, snapshot: Snapshot) -> str:
    """Who would feel it, by what-if, in words."""
    if trial.kind == "measurement":
        return "touches nobody"
    if not trial.touched:
        return "moves nothing that users feel"
    told = [_felt(one, snapshot) for one in trial.touched]
    amount = f"{len(told)} of what users feel: " if len(told) > 1 else ""
    return f"moves {amount}{listed(told, _NAMED)}"


def _felt(one: Touched, snapshot: Snapshot) -> str:
    unit = snapshot.settings.signals[one.variable.signal].unit
    sign = "+" if one.change.value > 0 else "-"
    score = f", score {one.score:.2g}" if isfinite(one.score) else ""
    return f"{one.variable} {sign}{quantity(abs(one.change.value), unit)}{score}"


def told_trials(snapshot: Snapshot) -> tuple[TrialTold, ...]:
    """The trials about all open incidents and the graph in words, of each question the best first."""
    return tuple(
        TrialTold(
            *(one.question.text, one.question.incident),
            *(trial_told(trial, one, snapshot), trial_reason(trial, one), blast_radius(trial, snapshot)),
            *(trial.information, trial.cost),
        )
        for one in next_trials(snapshot)
        for trial in one.trials
    )


def next_documents(found: Sequence[Answered], snapshot: Snapshot) -> list[dict[str, Any]]:
    """Questions as JSON has them, each with its trials."""
    return [
        {
            "question": one.question.text,
            "incident": one.question.incident,
            "notice": one.notice,
            "trials": [_document(trial, one, snapshot) for trial in one.trials],
        }
        for one in found
    ]


def _document(trial: Trial, answered: Answered, snapshot: Snapshot) -> dict[str, Any]:
    return {
        "kind": trial.kind,
        "what": trial_told(trial, answered, snapshot),
        "why": trial_reason(trial, answered),
        "blast_radius": blast_radius(trial, snapshot),
        "experiment": trial.plan,
        "variable": str(trial.variable) if trial.variable else trial.measure,
        "change": trial.change,
        "unit": snapshot.settings.signals[trial.variable.signal].unit if trial.variable else "",
        "seconds": trial.seconds,
        "information": trial.information,
        "cost": trial.cost,
        "tells": [{"about": one.about, "sure": one.sure, "power": one.power} for one in trial.told],
        "touched": [{"variable": str(one.variable), **vars(one.change), "score": one.score} for one in trial.touched],
    }
