"""What the drop-downs of the query builder offer, from the live snapshot."""

from collections.abc import Iterable

from datasource.evaluation import Snapshot
from datasource.panels.query import ALL
from datasource.panels.registry import Parameter
from datasource.telemetry import Variable

Pairs = list[tuple[str, str]]

AUTOMATIC = "auto"


def entities(snapshot: Snapshot) -> Pairs:
    """Every measured entity that is not a call."""
    return _all(str(entity) for entity in snapshot.entities if entity.type != "call")


def signals(snapshot: Snapshot) -> Pairs:
    """Every configured signal."""
    return _all(snapshot.settings.signals)


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


def effect_name(treatment: Variable, outcome: Variable) -> str:
    """How an effect question is shown."""
    if treatment.entity == outcome.entity:
        return f"{outcome.entity}: {treatment.signal} -> {outcome.signal}"
    return f"{treatment} -> {outcome}"


def _all(names: Iterable[str]) -> Pairs:
    return [(ALL, ALL), *((name, name) for name in names)]


ENTITY = Parameter("entity", "Entity", entities, multiple=True)
SIGNAL = Parameter("signal", "Signal", signals, multiple=True)
SYMPTOM = Parameter("symptom", "Symptom", symptoms)
EFFECT = Parameter("effect", "Effect", effects, multiple=True)
SCORE = Parameter(
    "score",
    "Score",
    lambda _: [("causal", "causal: who broke"), ("marginal", "marginal: who suffers")],
)
