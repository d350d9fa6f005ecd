"""What the drop-downs of the query builder offer, from the live snapshot."""

from collections.abc import Iterable

from datasource.causes import Verdict
from datasource.data import Variable
from datasource.effects import EffectResult
from datasource.panels.query import ALL
from datasource.panels.registry import Parameter
from datasource.service import Snapshot

Pairs = list[tuple[str, str]]

AUTOMATIC = "auto"


def entities(snapshot: Snapshot) -> Pairs:
    """Every measured entity that is not a call, those that broke first, then those that suffer."""
    first = dict.fromkeys(verdict.entity for verdict in _verdicts(snapshot))
    others = (entity for entity in snapshot.entities if entity not in first)
    return _all(str(entity) for entity in (*first, *others) if entity.type != "call")


def signals(snapshot: Snapshot) -> Pairs:
    """Every configured signal, those in which somebody broke or suffers first."""
    first = (verdict.causes.symptom.signal for verdict in _verdicts(snapshot))
    return _all(dict.fromkeys((*first, *snapshot.settings.signals)))


def _verdicts(snapshot: Snapshot) -> list[Verdict]:
    return broke_first(snapshot.judgement.verdicts if snapshot.judgement else ())


def broke_first(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Verdicts, those on who broke before those on who suffers."""
    return sorted(verdicts, key=lambda one: (not one.is_root_cause, str(one.entity)))


def symptoms(snapshot: Snapshot) -> Pairs:
    """Every variable that somebody may complain about."""
    complaints = [
        v for v in snapshot.matrix.variables if snapshot.roles.role(v) in ("latency", "failure", "saturation")
    ]
    names = sorted(map(str, complaints or snapshot.matrix.variables))
    return [(AUTOMATIC, "whatever is anomalous now"), *((name, name) for name in names)]


def effects(snapshot: Snapshot) -> Pairs:
    """Every configured effect, by its name."""
    names = [effect_name(result.treatment, result.outcome) for result in snapshot.effects or ()]
    return _all(names)


def comparisons(snapshot: Snapshot) -> list[EffectResult]:
    """The results that compare what was treated with what was not: impacts, and effects found so."""
    return [*(snapshot.impacts or ()), *(result for result in snapshot.effects or () if result.comparison)]


def impacts(snapshot: Snapshot) -> Pairs:
    """Every comparison, by its name."""
    return _all(effect_name(result.treatment, result.outcome) for result in comparisons(snapshot))


def variables(snapshot: Snapshot) -> Pairs:
    """Every measured variable that acts on something in the graph."""
    causes = {edge.cause for edge in snapshot.graph.edges}
    return [(str(v), str(v)) for v in sorted(snapshot.matrix.variables) if v in causes]


def measured(snapshot: Snapshot) -> Pairs:
    """Every measured variable."""
    return [(str(v), str(v)) for v in sorted(snapshot.matrix.variables)]


def outcomes(snapshot: Snapshot) -> Pairs:
    """Every measured variable that something acts on in the graph."""
    reached = {edge.effect for edge in snapshot.graph.edges}
    return _all(str(v) for v in sorted(snapshot.matrix.variables) if v in reached)


def effect_name(treatment: Variable, outcome: Variable) -> str:
    """How an effect question is shown."""
    if treatment.entity == outcome.entity and outcome.entity.labels:
        return f"{outcome.entity}: {treatment.signal} -> {outcome.signal}"
    return f"{treatment} -> {outcome}"


def _all(names: Iterable[str]) -> Pairs:
    return [(ALL, ALL), *((name, name) for name in names)]


def open_incidents(snapshot: Snapshot) -> Pairs:
    """The incidents that go on, by their ids."""
    return _all(one.id for one in snapshot.incidents if one.open)


INCIDENT = Parameter("incident", "Incident", open_incidents)
ENTITY = Parameter("entity", "Entity", entities, multiple=True)
SIGNAL = Parameter("signal", "Signal", signals, multiple=True)
SYMPTOM = Parameter("symptom", "Symptom", symptoms)
EFFECT = Parameter("effect", "Effect", effects, multiple=True)
IMPACT = Parameter("impact", "Impact", impacts)
VARIABLE = Parameter("variable", "Variable", variables)
OUTCOME = Parameter("outcome", "Outcome", outcomes, multiple=True)
STATES = ("open", "ended", "merged")
STATE = Parameter("state", "State", lambda _: _all(STATES))
SCORE = Parameter(
    "score",
    "Score",
    lambda _: [("causal", "causal: who broke"), ("marginal", "marginal: who suffers")],
)
