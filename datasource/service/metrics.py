"""A snapshot as samples: one name and one label set for a result, through whichever door it leaves."""

from collections import Counter
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import NamedTuple

import numpy as np

from datasource.causes import Scores, cause_name
from datasource.data import Entity, Matrix, Variable
from datasource.effects import EffectResult, Estimate
from datasource.graph.evidence import STANDINGS, standing
from datasource.incidents.seen_before import shortly
from datasource.interventions.impact import Impact
from datasource.service.snapshot import Snapshot

Labels = dict[str, str]

_MOST_ACTIVE, _MOST_TARGETS = 50, 5
"""Labels stay bounded: so many interventions that go on, and so many targets of each."""
_NEWEST = 5
"""Steps, after which a sample is not what is measured now."""

HELP: Mapping[str, str] = {
    "causal_anomaly_score": "Gap to the value expected from the causes, over its interval; above 1 this one broke.",
    "causal_marginal_anomaly_score": "Gap to the usual value for the time of day; above 1 this one suffers.",
    "causal_joint_anomaly_score": "All causal scores of the entity together, at the newest points; above 1 it broke.",
    "causal_observed_value": "The newest value of the signal, in the signal's unit.",
    "causal_expected_value": "What the causes say the value should be, in the signal's unit.",
    "causal_expected_lower": "Lower end of the interval of the expected value.",
    "causal_expected_upper": "Upper end of the interval of the expected value.",
    "causal_service_anomaly": "1 while the entity is anomalous, and who caused it.",
    "causal_root_cause_confidence": "How likely an entity that is named as the root cause is it, 0 to 1.",
    "causal_vanished": "1 where an entity was judged and has no samples any more, for a day.",
    "causal_quiet": "1 while an entity does not alarm: a quiet time, usual at this time of day, or more demand alone.",
    "causal_demand": "How many suffer by more requests than usual at this entity, and by nothing else.",
    "causal_root_cause_contribution": "How much of the symptom's gap comes from this variable, in its unit.",
    "causal_outside_contribution": "How much of the symptom's gap comes from beyond what is measured, in its unit.",
    "causal_unexplained_contribution": "How much of the symptom's gap nothing explains, in its unit.",
    "causal_incidents": "Incidents that go on.",
    "causal_incident_info": "Of an incident that goes on: what users feel, and the surest root cause.",
    "causal_incident_start_timestamp_seconds": "When the first anomaly of an incident that goes on began.",
    "causal_incident_affected_entities": "Entities anomalous in an incident that goes on, its root causes included.",
    "causal_symptom_gap": "Of an incident that goes on: how far what users feel is from usual, in the label's unit.",
    "causal_suggested_action_info": "Of an incident that goes on: what to do first.",
    "causal_incident_seen_before": "Earlier incidents like one that goes on, at most 3, and what ended the newest.",
    "causal_effect": "Change of the outcome caused by one unit more of the treatment.",
    "causal_effect_lower": "Lower end of the effect's 95% interval.",
    "causal_effect_upper": "Upper end of the effect's 95% interval.",
    "causal_association": "Unadjusted slope of the outcome on the treatment: what a dashboard shows.",
    "causal_association_lower": "Lower end of the association's 95% interval.",
    "causal_association_upper": "Upper end of the association's 95% interval.",
    "causal_effect_info": "How an effect is identified and was estimated.",
    "causal_effect_p_value": "p-value of the hypothesis that the effect is 0.",
    "causal_effect_check": "1 where the check of an effect holds, 0 where it fails.",
    "causal_effect_lag": "Change of the outcome so many steps after one unit more of the treatment.",
    "causal_effect_lag_lower": "Lower end of the 95% interval of the effect at this lag.",
    "causal_effect_lag_upper": "Upper end of the 95% interval of the effect at this lag.",
    "causal_effect_group": "The effect where the modifier has this level.",
    "causal_effect_group_lower": "Lower end of the 95% interval of the effect at this level.",
    "causal_effect_group_upper": "Upper end of the 95% interval of the effect at this level.",
    "causal_association_within": "Unadjusted slope of the outcome on the treatment within a stratum.",
    "causal_association_within_lower": "Lower end of the 95% interval of the slope within a stratum.",
    "causal_association_within_upper": "Upper end of the 95% interval of the slope within a stratum.",
    "causal_impact": "What an intervention changed on average while it lasts, in the outcome's unit.",
    "causal_impact_lower": "Lower end of the 95% interval of the intervention's average impact.",
    "causal_impact_upper": "Upper end of the 95% interval of the intervention's average impact.",
    "causal_impact_cumulative": "What an intervention changed while it lasts, summed over the points.",
    "causal_impact_cumulative_lower": "Lower end of the 95% interval of the summed impact.",
    "causal_impact_cumulative_upper": "Upper end of the 95% interval of the summed impact.",
    "causal_impact_afterwards": "What is left of an impact after the intervention's end, on average.",
    "causal_impact_afterwards_lower": "Lower end of the 95% interval of what is left after the end.",
    "causal_impact_afterwards_upper": "Upper end of the 95% interval of what is left after the end.",
    "causal_intervention_active": "1 while an intervention lasts and no newer one has the same targets.",
    "causal_impact_predicted": "What the graph's equations of before an intervention predict for it, on average.",
    "causal_impact_predicted_lower": "Lower end of the 95% interval of the predicted impact.",
    "causal_impact_predicted_upper": "Upper end of the 95% interval of the predicted impact.",
    "causal_mechanism_shift_score": "How far a mechanism is, in an environment, from elsewhere; above 1 beyond chance.",
    "causal_edge_info": "An edge of the causal graph, why it is there, and what it is by all that is said of it.",
    "causal_edge_strength": "Partial correlation of an edge's ends, given the effect's other causes and its past.",
    "causal_graph_edges": "Edges of the causal graph by what they are: confirmed, refuted, doubtful, and so on.",
    "causal_graph_contradictions": "Independences that the causal graph implies and that the data contradict.",
    "causal_graph_independences": "Independences that the causal graph implies and that were tested.",
    "causal_graph_shuffled_p_value": "Share of graphs with shuffled names that fit the data at least as well.",
    "causal_graph_version": "Number of the newest version of the causal graph.",
}


class Sample(NamedTuple):
    """One exported number."""

    name: str
    labels: Labels
    value: float


def entity_labels(entity: Entity) -> Labels:
    """An entity's own labels, as in the user's Prometheus, so that results join with ordinary series."""
    return dict(entity.labels)


def variable_labels(variable: Variable) -> Labels:
    """The labels of everything that is said of one variable."""
    return entity_labels(variable.entity) | {"signal": variable.signal}


def effect_labels(result: EffectResult) -> Labels:
    """The outcome's entity, the two signals, and the treatment's entity where it is another one."""
    labels = entity_labels(result.outcome.entity)
    if result.treatment.entity != result.outcome.entity:
        labels |= {f"treatment_{label}": value for label, value in result.treatment.entity.labels}
    return labels | {"treatment": result.treatment.signal, "outcome": result.outcome.signal}


def impact_labels(result: EffectResult) -> Labels:
    """The treated entity and the signal that was looked at."""
    return entity_labels(result.outcome.entity) | {"outcome": result.outcome.signal}


def logged_labels(impact: Impact) -> Labels:
    """Those of an impact, and which intervention of the log it is of."""
    outcome = impact.outcome
    return entity_labels(outcome.entity) | {"outcome": outcome.signal, "intervention": str(impact.intervention)}


def samples(snapshot: Snapshot) -> tuple[Sample, ...]:
    """Every number of a snapshot, what alerts need first; what is not known (NaN) is left out. Those of the last one
    that was asked for are remembered."""
    global _last  # noqa: PLW0603
    of, found = _last
    if of is not snapshot:
        found = _samples(snapshot)
        _last = snapshot, found
    return found


_last: tuple[Snapshot | None, tuple[Sample, ...]] = None, ()


def _samples(snapshot: Snapshot) -> tuple[Sample, ...]:
    every = [
        *_incidents(snapshot),
        *_verdicts(snapshot),
        *_presence(snapshot),
        *_effects(snapshot),
        *_impacts(snapshot),
        *_interventions(snapshot),
        *_scores(snapshot),
        *_details(snapshot),
        *_mechanism_shifts(snapshot),
        *_graph(snapshot),
        *_edges(snapshot),
    ]
    return tuple(sample for sample in every if isfinite(sample.value))


def _scores(snapshot: Snapshot) -> Iterator[Sample]:
    if snapshot.judgement is None:
        for variable, value in newest_values(snapshot.matrix).items():
            yield Sample("causal_observed_value", variable_labels(variable), value)
        return
    for variable, scores in snapshot.judgement.scores.items():
        labels = variable_labels(variable)
        if isfinite(scores.causal.observed[-1]):
            yield from (Sample(name, labels, value) for name, value in _score_values(scores))
    for entity, joint in snapshot.judgement.joint.items():
        yield Sample("causal_joint_anomaly_score", entity_labels(entity), joint)


def newest_values(matrix: Matrix) -> dict[Variable, float]:
    """The newest sample of every variable that has one in the last `_NEWEST` steps."""
    tail = matrix.values[:, -_NEWEST:][:, ::-1]
    there = np.isfinite(tail)
    rows = np.flatnonzero(there.any(axis=1)).tolist()
    return {matrix.variables[row]: float(tail[row, there[row].argmax()]) for row in rows}


def _score_values(scores: Scores) -> Iterator[tuple[str, float]]:
    causal = scores.causal
    yield "causal_anomaly_score", float(causal.score[-1])
    yield "causal_marginal_anomaly_score", float(scores.marginal.score[-1])
    yield "causal_observed_value", float(causal.observed[-1])
    yield "causal_expected_value", float(causal.expected[-1])
    yield "causal_expected_lower", float(causal.lower[-1])
    yield "causal_expected_upper", float(causal.upper[-1])


def demand_at(entity: Entity) -> str:
    """Demand as a root cause: what is told of those who suffer by it, and what alerts are inhibited by."""
    return f"demand at {entity}"


def _verdicts(snapshot: Snapshot) -> Iterator[Sample]:
    judgement = snapshot.judgement
    if judgement is None:
        return
    verdicts = {verdict.entity: verdict for verdict in judgement.verdicts}
    roots = {verdict.root_cause for verdict in judgement.verdicts if verdict.root_cause}
    measured = {variable.entity for variable in snapshot.matrix.variables}
    for entity in sorted({*judgement.judged, *verdicts, *roots}):
        verdict = verdicts.get(entity)
        root = entity if entity in roots else verdict.root_cause if verdict else None
        asked = verdict.demand if verdict and not root else None
        cause = cause_name(root, snapshot.topology) if root else demand_at(asked) if asked else ""
        named = {"root_cause": cause, "is_root_cause": str(entity in roots).lower()}
        if entity not in measured:
            named["measured"] = "false"
        yield Sample("causal_service_anomaly", entity_labels(entity) | named, float(bool(verdict or root)))
    for root in sorted(roots):
        sure = max(verdict.confidence for verdict in judgement.verdicts if verdict.root_cause == root)
        labels = entity_labels(root) | {"root_cause": cause_name(root, snapshot.topology)}
        yield Sample("causal_root_cause_confidence", labels, sure)
    quiet = judgement.silenced.entities - verdicts.keys()
    for entity in sorted(judgement.judged | quiet):
        yield Sample("causal_quiet", entity_labels(entity), float(entity in quiet))
    suffering = Counter(one.at for one in judgement.silenced.surges)
    suffering += Counter(one.demand for one in judgement.verdicts if one.demand)
    for entity in sorted({*judgement.judged, *suffering}):
        labels = entity_labels(entity) | {"root_cause": demand_at(entity)}
        yield Sample("causal_demand", labels, float(suffering[entity]))
    for causes in judgement.symptoms:
        for part in causes.contributions:
            labels = variable_labels(part.variable) | {"symptom": str(causes.symptom)}
            yield Sample("causal_root_cause_contribution", labels, part.contribution)
        felt = variable_labels(causes.symptom) | {"symptom": str(causes.symptom)}
        beyond = sum(other.contribution for other in causes.outside)
        yield Sample("causal_outside_contribution", felt, beyond)
        yield Sample("causal_unexplained_contribution", felt, causes.unexplained)


def _presence(snapshot: Snapshot) -> Iterator[Sample]:
    gone = {one.entity for one in snapshot.presence.vanished}
    for entity in sorted({*snapshot.presence.there, *gone}):
        yield Sample("causal_vanished", entity_labels(entity), float(entity in gone))


def _incidents(snapshot: Snapshot) -> Iterator[Sample]:
    """Numbers carry the incident's id alone, which never changes; what may change is the info's, to be joined in."""
    going_on = [incident for incident in snapshot.incidents if incident.open]
    if snapshot.judgement is not None:
        yield Sample("causal_incidents", {}, float(len(going_on)))
    for incident in going_on:
        labels = {"incident": incident.id}
        root_cause = cause_name(incident.roots[0], snapshot.topology) if incident.roots else ""
        named = {"symptom": str(incident.causes.symptom), "root_cause": root_cause}
        yield Sample("causal_incident_info", labels | named, 1.0)
        yield Sample("causal_incident_start_timestamp_seconds", labels, float(incident.start))
        yield Sample("causal_incident_affected_entities", labels, float(len(incident.affected)))
        symptom = incident.causes.symptom
        signal = snapshot.settings.signals.get(symptom.signal)
        felt = {"symptom": str(symptom), "unit": signal.unit if signal else ""}
        yield Sample("causal_symptom_gap", labels | felt, incident.causes.gap)
        seen = snapshot.seen.get(incident.id, ())
        if seen:
            yield Sample("causal_incident_seen_before", labels | {"ended_by": shortly(seen)}, float(len(seen)))
        if incident.action:
            yield Sample("causal_suggested_action_info", labels | {"action": incident.action}, 1.0)


OVER_TIME: Mapping[str, tuple[bool, str]] = {
    "causal_anomaly_score": (False, "score"),
    "causal_marginal_anomaly_score": (True, "score"),
    "causal_observed_value": (False, "observed"),
    "causal_expected_value": (False, "expected"),
    "causal_expected_lower": (False, "lower"),
    "causal_expected_upper": (False, "upper"),
}
"""The metrics that are known of every point: whether of the marginal mechanism, and which field of a Prediction."""

EFFECT_NAMES = frozenset(
    f"{name}{end}" for name in ("causal_effect", "causal_association") for end in ("", "_lower", "_upper")
)
"""The metrics of one effect that are numbers of its estimate."""


def effect_samples(result: EffectResult) -> Iterator[Sample]:
    """The estimate of one effect, and the association beside it: EFFECT_NAMES."""
    labels = effect_labels(result)
    yield from _estimate("causal_effect", labels, result.effect)
    yield from _estimate("causal_association", labels, result.association)


def _effects(snapshot: Snapshot) -> Iterator[Sample]:
    for result in snapshot.effects or ():
        labels = effect_labels(result)
        yield from effect_samples(result)
        how = {"method": result.method, "identified_by": result.identified_by}
        yield Sample("causal_effect_info", labels | how | {"adjustment_set": ", ".join(result.adjustment_set)}, 1.0)
        yield Sample("causal_effect_p_value", labels, result.effect.p_value)
        held: dict[str, bool] = {}
        for check in result.checks:
            if check.passed is not None:
                held[check.name] = held.get(check.name, True) and check.passed
        yield from (Sample("causal_effect_check", labels | {"check": name}, float(one)) for name, one in held.items())


def _details(snapshot: Snapshot) -> Iterator[Sample]:
    """Effects taken apart: by lag, by level of a modifier; and associations within strata."""
    for result in snapshot.effects or ():
        labels = effect_labels(result)
        if len(result.per_lag) > 1:
            for lag, estimate in enumerate(result.per_lag):
                yield from _estimate("causal_effect_lag", labels | {"lag": str(lag)}, estimate)
        for group in result.groups:
            place = {"modifier": group.modifier, "level": group.level}
            yield from _estimate("causal_effect_group", labels | place, group.effect)
        for group in result.stratified.within if result.stratified else ():
            place = {"strata": group.modifier, "stratum": group.level}
            yield from _estimate("causal_association_within", labels | place, group.effect)


def _impacts(snapshot: Snapshot) -> Iterator[Sample]:
    """Of several interventions on one outcome the last one counts."""
    for result in {result.outcome: result for result in snapshot.impacts or ()}.values():
        labels = impact_labels(result)
        yield from _estimate("causal_impact", labels, result.effect)
        if result.comparison:
            yield from _estimate("causal_impact_cumulative", labels, result.comparison.cumulative)
            if result.comparison.afterwards:
                yield from _estimate("causal_impact_afterwards", labels, result.comparison.afterwards)
            if result.comparison.predicted:
                yield from _estimate("causal_impact_predicted", labels, result.comparison.predicted)


def _interventions(snapshot: Snapshot) -> Iterator[Sample]:
    """Those that go on, of the same targets the newest, and what the newest ones changed."""
    active = [one for one in snapshot.interventions if one.active(snapshot.time)]
    newest = {one.targets: one for one in reversed(active)}
    for one in [one for one in active if newest[one.targets] is one][:_MOST_ACTIVE]:
        targets = ",".join(one.targets[:_MOST_TARGETS])
        labels = {"intervention": str(one.id), "kind": one.kind, "targets": targets}
        yield Sample("causal_intervention_active", labels, 1.0)
    for impact in snapshot.assessed.impacts:
        labels = logged_labels(impact)
        yield from _estimate("causal_impact", labels, impact.average)
        yield from _estimate("causal_impact_cumulative", labels, impact.cumulative)


def _estimate(name: str, labels: Labels, estimate: Estimate) -> Iterator[Sample]:
    yield Sample(name, labels, estimate.value)
    yield Sample(f"{name}_lower", labels, estimate.lower)
    yield Sample(f"{name}_upper", labels, estimate.upper)


def _mechanism_shifts(snapshot: Snapshot) -> Iterator[Sample]:
    """Of several environments of the same name, the highest score."""
    highest: dict[tuple[Variable, str, str], float] = {}
    for one in snapshot.invariance.mechanisms if snapshot.invariance else ():
        place = one.variable, str(one.environment), one.part
        highest[place] = max(one.score, highest.get(place, 0.0))
    for (variable, environment, part), score in highest.items():
        labels = variable_labels(variable) | {"mechanism_environment": environment, "mechanism_part": part}
        yield Sample("causal_mechanism_shift_score", labels, score)


def _graph(snapshot: Snapshot) -> Iterator[Sample]:
    counts = Counter(standing(edge) for edge in snapshot.graph.edges)
    for name in STANDINGS if snapshot.graph.edges else ():
        yield Sample("causal_graph_edges", {"standing": name}, float(counts[name]))
    tested = snapshot.falsification
    if tested is not None and tested.tested:
        yield Sample("causal_graph_contradictions", {}, float(len(tested.contradictions)))
        yield Sample("causal_graph_independences", {}, float(tested.tested))
        if tested.shuffled is not None:
            yield Sample("causal_graph_shuffled_p_value", {}, tested.shuffled.p_value)
    if snapshot.history.versions:
        yield Sample("causal_graph_version", {}, float(snapshot.history.versions[0].number))


def _edges(snapshot: Snapshot) -> Iterator[Sample]:
    strengths = snapshot.falsification.strengths if snapshot.falsification else {}
    for edge in snapshot.graph.edges:
        labels = {
            "cause": str(edge.cause),
            "effect": str(edge.effect),
            "lag": str(edge.lag),
            "relation": edge.relation,
            "evidence": ", ".join(dict.fromkeys(evidence.kind for evidence in edge.evidence)),
            "standing": standing(edge),
        }
        yield Sample("causal_edge_info", labels, 1.0)
    # Of an edge with several lags there is one strength: that of the strongest.
    for (cause, effect), strength in strengths.items():
        yield Sample("causal_edge_strength", {"cause": str(cause), "effect": str(effect)}, strength)
