"""The graph as samples, and what interventions say of it: all with bounded labels."""

from collections import Counter
from collections.abc import Iterator

from datasource.causes import listed
from datasource.data import Variable
from datasource.graph.evidence import STANDINGS, standing
from datasource.service.sample import Sample, estimate_samples, logged_labels, variable_labels
from datasource.service.snapshot import Snapshot

_MOST_ACTIVE, _MOST_TARGETS = 50, 5
"""Interventions that go on, and targets of each."""
_MOST_VERDICTS = 100
"""Verdicts on edges."""
_MOST_TRIALS = 3
"""Experiments and measurements for each question."""
_MOST_CONTRADICTIONS, _MOST_GIVEN = 20, 5
"""Independences that fail, and causes that are named of each."""
_VERDICTS = {"confirmed": 1.0, "undecided": 0.0, "refuted": -1.0}


def graph_samples(snapshot: Snapshot) -> Iterator[Sample]:
    """What interventions and data say of it, what would tell more, where mechanisms differ, and its edges."""
    yield from _verdicts(snapshot)
    yield from _experiments(snapshot)
    yield from _mechanism_shifts(snapshot)
    yield from _counts(snapshot)
    yield from _contradictions(snapshot)
    yield from _edges(snapshot)


def intervention_samples(snapshot: Snapshot) -> Iterator[Sample]:
    """Those that go on, of the same targets the newest, and what the newest ones changed."""
    active = [one for one in snapshot.interventions if one.active(snapshot.time)]
    newest = {one.targets: one for one in reversed(active)}
    for one in [one for one in active if newest[one.targets] is one][:_MOST_ACTIVE]:
        named = {"intervention": str(one.id)}
        labels = named | {"kind": one.kind, "targets": ",".join(one.targets[:_MOST_TARGETS])}
        yield Sample("causal_intervention_active", labels, 1.0)
        yield Sample("causal_intervention_start_timestamp_seconds", named, float(one.start))
    for impact in snapshot.assessed.impacts:
        labels = logged_labels(impact)
        yield from estimate_samples("causal_impact", labels, impact.average)
        yield from estimate_samples("causal_impact_cumulative", labels, impact.cumulative)


def _verdicts(snapshot: Snapshot) -> Iterator[Sample]:
    """Those that are decided first."""
    said = sorted(snapshot.assessed.verdicts, key=lambda one: one.kind == "undecided")
    for one in said[:_MOST_VERDICTS]:
        edge = {"intervention": str(one.intervention), "cause": str(one.cause), "effect": str(one.effect)}
        yield Sample("causal_edge_verdict", edge | {"why": one.why}, _VERDICTS[one.kind])
        yield Sample("causal_edge_verdict_moved", edge, one.moved.value)
        yield from estimate_samples("causal_edge_verdict_measured", edge, one.measured)
        if one.predicted:
            yield Sample("causal_edge_verdict_predicted", edge, one.predicted.value)


def _experiments(snapshot: Snapshot) -> Iterator[Sample]:
    """What would tell most about each question, incidents first; numbers carry question and rank alone."""
    going_on = {"", *(one.id for one in snapshot.incidents if one.open)}
    told: Counter[tuple[str, str]] = Counter()
    for one in snapshot.trials:
        told[one.question, one.incident] += 1
        if one.incident not in going_on or told[one.question, one.incident] > _MOST_TRIALS:
            continue
        rank = sum(min(number, _MOST_TRIALS) for number in told.values())
        labels = {"question": one.question, "incident": one.incident, "rank": f"{rank:02}"}
        words = {"what": one.what, "why": one.why, "touches": one.blast_radius}
        yield Sample("causal_next_experiment_info", labels | words, 1.0)
        yield Sample("causal_next_experiment_bits", labels, one.information)
        yield Sample("causal_next_experiment_cost_minutes", labels, one.cost)


def _contradictions(snapshot: Snapshot) -> Iterator[Sample]:
    """The clearest ones."""
    found = snapshot.falsification.contradictions if snapshot.falsification else ()
    for one in found[:_MOST_CONTRADICTIONS]:
        given = listed([str(cause) for cause in one.given], _MOST_GIVEN)
        labels = {"variable": str(one.variable), "effect": str(one.effect), "given": given}
        yield Sample("causal_graph_contradiction", labels, one.explained)


def _mechanism_shifts(snapshot: Snapshot) -> Iterator[Sample]:
    """Of several environments of the same name, the highest score."""
    highest: dict[tuple[Variable, str, str], float] = {}
    for one in snapshot.invariance.mechanisms if snapshot.invariance else ():
        place = one.variable, str(one.environment), one.part
        highest[place] = max(one.score, highest.get(place, 0.0))
    for (variable, environment, part), score in highest.items():
        labels = variable_labels(variable) | {"mechanism_environment": environment, "mechanism_part": part}
        yield Sample("causal_mechanism_shift_score", labels, score)


def _counts(snapshot: Snapshot) -> Iterator[Sample]:
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
