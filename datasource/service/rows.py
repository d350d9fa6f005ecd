"""A snapshot as plain rows: what `/api/v1/snapshot` answers and what offline commands print as JSON."""

from collections.abc import Collection, Iterator
from typing import Any

from datasource.causes import Outside, QuietEntity, RootCauses, Step, Surge, cause_name
from datasource.data import Entity, Variable
from datasource.effects import EffectResult
from datasource.effects.document import checks_document, effect_document
from datasource.incidents import Incident
from datasource.incidents.seen_before import Seen
from datasource.incidents.seen_before import told as seen_told
from datasource.incidents.summary import together_told
from datasource.interventions import Intervention
from datasource.invariance.document import invariance_document, shift_row
from datasource.prometheus import SignalReport
from datasource.service.comparing import changed_in
from datasource.service.intervention_impact import impact_sentence
from datasource.service.metrics import newest_values, samples
from datasource.service.snapshot import Snapshot


def snapshot_json(snapshot: Snapshot, error: str = "", names: Collection[str] = ()) -> dict[str, Any]:
    """Everything a snapshot says, in plain rows. `names` limits the metrics; empty means all."""
    time, settings, graph, mechanisms = snapshot.key
    judgement = snapshot.judgement
    verdicts = judgement.verdicts if judgement else ()
    named = {verdict.root_cause for verdict in verdicts if verdict.root_cause}
    return {
        "time": time,
        "settings": settings,
        "graph": graph,
        "graph_version": snapshot.history.versions[0].number if snapshot.history.versions else None,
        "mechanisms": mechanisms,
        "error": error,
        "warming_up": snapshot.warming_up,
        "step": snapshot.settings.step,
        "points": snapshot.points,
        "points_needed": snapshot.points_needed,
        "scores_begin": snapshot.scores_begin,
        "signals": _signals(snapshot),
        "notices": list(snapshot.notices),
        "missed": list(snapshot.missed),
        "metrics": [sample._asdict() for sample in samples(snapshot) if not names or sample.name in names],
        "anomalies": [
            {
                "entity": str(verdict.entity),
                "labels": dict(verdict.entity.labels),
                "symptom": str(verdict.causes.symptom),
                "root_cause": cause_name(verdict.root_cause, snapshot.topology) if verdict.root_cause else "",
                "is_root_cause": verdict.is_root_cause,
                "confidence": verdict.confidence,
                "joint_score": judgement.joint.get(verdict.entity) if judgement else None,
                **_together(verdict.causes, snapshot),
            }
            for verdict in verdicts
        ],
        "quiet_told": list(judgement.silenced.told(time)) if judgement else [],
        "quiet": [_quiet(one) for one in (judgement.silenced.quiet if judgement else ())],
        "surges": [_surge(one) for one in (judgement.silenced.surges if judgement else ())],
        "recurring": [str(one) for one in (judgement.silenced.recurring if judgement else ())],
        "root_causes": [_causes(causes, snapshot, named) for causes in (judgement.symptoms if judgement else ())],
        "incidents": [incident_json(incident, snapshot) for incident in snapshot.incidents],
        "effects": [_effect(result) for result in snapshot.effects or ()],
        "interventions": [_intervention(one, snapshot) for one in _shown(snapshot)],
        "impacts": [_impact(result, snapshot) for result in snapshot.impacts or ()],
        "invariance": invariance_document(snapshot.invariance) if snapshot.invariance else None,
    }


_NEWEST = 20
"""Interventions that are over, the newest; those under way are all told."""


def _shown(snapshot: Snapshot) -> Iterator[Intervention]:
    over = 0
    for one in snapshot.interventions:
        active = one.active(snapshot.time)
        over += not active
        if active or over <= _NEWEST:
            yield one


def _intervention(one: Intervention, snapshot: Snapshot) -> dict[str, Any]:
    """An intervention of the log, and what it changed, what moved most clearly first, as numbers and as a sentence."""
    impacts = [impact for impact in snapshot.assessed.impacts if impact.intervention == one.id]
    return one.row(snapshot.time) | {
        "told": one.told,
        "impacts": [
            {
                "outcome": str(impact.outcome),
                "unit": unit_of(impact.outcome, snapshot),
                **vars(impact.average),
                "predicted": impact.predicted.value if impact.predicted else None,
                "sentence": impact_sentence(one, impact, unit_of(impact.outcome, snapshot)),
            }
            for impact in impacts
        ],
    }


def _quiet(one: QuietEntity) -> dict[str, Any]:
    """Who does not alarm, until when (seconds) and why; `because` is the quiet entity by which it suffers."""
    return {
        "entity": str(one.entity),
        "labels": dict(one.entity.labels),
        "until": int(one.until),
        "reason": one.quiet_time.reason,
        "because": str(one.because) if one.because else "",
    }


def _surge(one: Surge) -> dict[str, Any]:
    """Who suffers by what is asked at whom, and by nothing else."""
    return {"entity": str(one.entity), "labels": dict(one.entity.labels), "at": str(one.at)}


def _signals(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Each signal with the lowest and the highest of its entities' newest values, None where there is none."""
    newest: dict[str, list[float]] = {}
    for variable, value in newest_values(snapshot.matrix).items():
        newest.setdefault(variable.signal, []).append(value)
    return [_signal(report, snapshot, newest.get(report.signal, [])) for report in snapshot.reports]


def _signal(report: SignalReport, snapshot: Snapshot, newest: list[float]) -> dict[str, Any]:
    signal = snapshot.settings.signals[report.signal]
    said = {"type": signal.entity, "unit": signal.unit, "kind": signal.kind, "role": signal.role or ""}
    seen = {"lowest": min(newest, default=None), "highest": max(newest, default=None)}
    return {"signal": report.signal, **said, "entities": report.entities, "problem": report.problem, **seen}


def unit_of(variable: Variable, snapshot: Snapshot) -> str:
    """A variable's unit; empty for one whose signal is no longer configured."""
    signal = snapshot.settings.signals.get(variable.signal)
    return signal.unit if signal else ""


def _causes(causes: RootCauses, snapshot: Snapshot, named: Collection[Entity]) -> dict[str, Any]:
    """A symptom and its gap, which `causes`, `outside` and `unexplained` add up to; some causes are `named`."""
    return {
        "symptom": str(causes.symptom),
        **_together(causes, snapshot),
        "gap": causes.gap,
        "unit": unit_of(causes.symptom, snapshot),
        "causes": [
            {
                "entity": str(part.variable.entity),
                "signal": part.variable.signal,
                "root_cause": cause_name(part.variable.entity, snapshot.topology),
                "is_root_cause": part.variable.entity in named,
                "contribution": part.contribution,
                "share": part.share,
                "confidence": part.confidence,
            }
            for part in causes.contributions
        ],
        "outside": [_outside(part, snapshot) for part in causes.outside],
        "unexplained": causes.unexplained,
        "likely": [{"entity": cause_name(one, snapshot.topology), "confidence": sure} for one, sure in causes.likely],
        "path": [_step(step, snapshot) for step in causes.path],
    }


def _step(step: Step, snapshot: Snapshot) -> dict[str, Any]:
    """One edge from the cause to the symptom; signal and unit are empty where nothing of the effect is measured."""
    return {
        "cause": cause_name(step.cause, snapshot.topology),
        "effect": cause_name(step.effect, snapshot.topology),
        "relation": step.relation,
        "signal": step.variable.signal if step.variable else "",
        "unit": unit_of(step.variable, snapshot) if step.variable else "",
        "observed": step.observed,
        "usual": step.usual,
        "score": step.score,
    }


def _together(causes: RootCauses, snapshot: Snapshot) -> dict[str, Any]:
    """The signals that are only together an anomaly, the largest part first, and that in words; empty for others."""
    return {
        "together": [variable.signal for variable in causes.together],
        "told_together": together_told(causes, snapshot.topology),
    }


def _outside(part: Outside, snapshot: Snapshot) -> dict[str, Any]:
    """What comes from outside, its kind and its entity, empty where none is known."""
    return part._asdict() | {"entity": cause_name(part.entity, snapshot.topology) if part.entity else ""}


def incident_state(incident: Incident) -> str:
    """One of "open", "ended" and "merged": it is a part of another one."""
    return "open" if incident.open else "merged" if incident.merged_into else "ended"


def incident_json(incident: Incident, snapshot: Snapshot) -> dict[str, Any]:
    """An incident as a row: numbers and texts first, for tables, then lists. Times are seconds since 1970."""
    roots, affected = (
        [cause_name(entity, snapshot.topology) for entity in entities]
        for entities in (incident.roots, incident.affected)
    )
    return {
        "incident": incident.id,
        "state": incident_state(incident),
        "start": incident.start,
        "end": incident.end,
        "updated": incident.updated,
        "merged_into": incident.merged_into,
        "accepted": incident.accepted._asdict() if incident.accepted else None,
        "mark": incident.mark._asdict() if incident.mark else None,
        "root_cause": roots[0] if roots else "",
        "affected_entities": len(affected),
        "summary": incident.summary,
        **_causes(incident.causes, snapshot, incident.roots),
        "roots": roots,
        "affected": affected,
        "suffering": [cause_name(entity, snapshot.topology) for entity in incident.suffering],
        "suggestions": list(incident.suggestions),
        "seen_before": [_seen(one, snapshot) for one in snapshot.seen.get(incident.id, ())],
        "mechanism_changes": [shift_row(one) for one in changed_in(incident, snapshot.invariance)],
    }


def _seen(seen: Seen, snapshot: Snapshot) -> dict[str, Any]:
    """An earlier incident like one, what ended it (None where nobody wrote that down), and that in words."""
    ended = seen.ending and seen.ending._asdict() | {"seconds_after": seen.ending.at - seen.incident.start}
    return {
        "incident": seen.incident.id,
        "start": seen.incident.start,
        "end": seen.incident.end,
        "alike": seen.alike,
        "told": seen_told(seen, snapshot.time, snapshot.settings.signals),
        "ended_by": ended,
    }


def _effect(result: EffectResult) -> dict[str, Any]:
    return {"environment": str(result.environment), **effect_document(result)}


def _impact(result: EffectResult, snapshot: Snapshot) -> dict[str, Any]:
    """An intervention: what it changed on average while it lasts, summed over the points, what is left after it, and
    what the graph's equations predicted.

    `began` and `ended` (the first point after it) are seconds since 1970.
    """
    comparison = result.comparison
    began = snapshot.times_of(comparison)[1] if comparison else None
    left = comparison.afterwards if comparison else None
    predicted = comparison.predicted if comparison else None
    length = (comparison.ended - comparison.began) * snapshot.matrix.step if comparison and comparison.ended else None
    return {
        "outcome": str(result.outcome),
        "unit": unit_of(result.outcome, snapshot),
        "began": began,
        "ended": began + length if began is not None and length is not None else None,
        "impact": result.effect.value,
        "lower": result.effect.lower,
        "upper": result.effect.upper,
        "p_value": result.effect.p_value,
        "cumulative": comparison.cumulative.value if comparison else None,
        "cumulative_lower": comparison.cumulative.lower if comparison else None,
        "cumulative_upper": comparison.cumulative.upper if comparison else None,
        "afterwards": left.value if left else None,
        "afterwards_lower": left.lower if left else None,
        "afterwards_upper": left.upper if left else None,
        "predicted": predicted.value if predicted else None,
        "predicted_lower": predicted.lower if predicted else None,
        "predicted_upper": predicted.upper if predicted else None,
        "method": result.method,
        "adjustment_set": list(result.adjustment_set),
        "assumptions": list(result.assumptions),
        "n": result.n,
        **checks_document(result.checks),
        "notices": list(result.notices),
    }
