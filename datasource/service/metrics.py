"""A snapshot as samples: one name and one label set for a result, through whichever door it leaves."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from math import isfinite

import numpy as np

from datasource.causes import Scores, cause_name
from datasource.data import Entity, Floats, Matrix, Variable
from datasource.effects import EffectResult
from datasource.incidents.seen_before import shortly
from datasource.interventions.impact import Impact
from datasource.service.graph_metrics import graph_samples, intervention_samples
from datasource.service.sample import (
    Sample,
    effect_labels,
    entity_labels,
    estimate_samples,
    impact_labels,
    variable_labels,
)
from datasource.service.snapshot import Snapshot

_NEWEST = 5
"""Steps, after which a sample is not what is measured now."""


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
        *intervention_samples(snapshot),
        *_scores(snapshot),
        *_details(snapshot),
        *graph_samples(snapshot),
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

COURSE: Mapping[str, Callable[[Impact], Floats]] = {
    "causal_impact_observed": lambda impact: impact.observed,
    "causal_impact_counterfactual": lambda impact: impact.expected,
    "causal_impact_counterfactual_lower": lambda impact: impact.lower,
    "causal_impact_counterfactual_upper": lambda impact: impact.upper,
    "causal_impact_so_far": lambda impact: impact.added_up,
}
"""The metrics of what an intervention changed that are known of every point, and of no single one."""

EFFECT_NAMES = frozenset(
    f"{name}{end}" for name in ("causal_effect", "causal_association") for end in ("", "_lower", "_upper")
)
"""The metrics of one effect that are numbers of its estimate."""


def effect_samples(result: EffectResult) -> Iterator[Sample]:
    """The estimate of one effect, and the association beside it: EFFECT_NAMES."""
    labels = effect_labels(result)
    yield from estimate_samples("causal_effect", labels, result.effect)
    yield from estimate_samples("causal_association", labels, result.association)


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
                yield from estimate_samples("causal_effect_lag", labels | {"lag": str(lag)}, estimate)
        for group in result.groups:
            place = {"modifier": group.modifier, "level": group.level}
            yield from estimate_samples("causal_effect_group", labels | place, group.effect)
        for group in result.stratified.within if result.stratified else ():
            place = {"strata": group.modifier, "stratum": group.level}
            yield from estimate_samples("causal_association_within", labels | place, group.effect)


def _impacts(snapshot: Snapshot) -> Iterator[Sample]:
    """Of several interventions on one outcome the last one counts."""
    for result in {result.outcome: result for result in snapshot.impacts or ()}.values():
        labels = impact_labels(result)
        yield from estimate_samples("causal_impact", labels, result.effect)
        if result.comparison:
            yield from estimate_samples("causal_impact_cumulative", labels, result.comparison.cumulative)
            if result.comparison.afterwards:
                yield from estimate_samples("causal_impact_afterwards", labels, result.comparison.afterwards)
            if result.comparison.predicted:
                yield from estimate_samples("causal_impact_predicted", labels, result.comparison.predicted)
