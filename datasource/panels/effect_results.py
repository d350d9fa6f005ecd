"""What the panels of effects share: which results are asked for, how well they hold, and in which unit they are."""

from collections.abc import Sequence

from datasource.data import Variable
from datasource.effects import EffectResult
from datasource.effects.checks import summary, traffic_light
from datasource.panels.choices import effect_name
from datasource.panels.frame import Frame, notice_frame, unit
from datasource.panels.query import Query
from datasource.service import Snapshot, effect_labels

LIGHTS = [
    {
        "type": "value",
        "options": {
            "green": {"color": "green", "text": "hold", "index": 0},
            "yellow": {"color": "yellow", "text": "doubtful", "index": 1},
            "red": {"color": "red", "text": "fail", "index": 2},
            "grey": {"color": "text", "text": "not made", "index": 3},
        },
    }
]
"""Colour and text of a traffic light."""

_UNITLESS = ("", "short", "none")


def waiting(snapshot: Snapshot) -> list[Frame]:
    """Why there are no effects, or none yet; empty where there are."""
    if snapshot.effects:
        return []
    if not snapshot.settings.effects:
        return [notice_frame("no effects are configured; add some under 'effects' in causal.yaml")]
    if snapshot.effects is None:
        return [notice_frame("the effects are being computed")]
    said = [notice for notice in snapshot.notices if notice.startswith("effect")]
    return [notice_frame("; ".join(said) or "no effect of causal.yaml has both ends measured")]


def chosen(query: Query, snapshot: Snapshot) -> list[EffectResult]:
    """The results that the effect parameter and the filters leave. Raises QueryError."""
    results = [result for result in snapshot.effects or () if query.passes(effect_labels(result))]
    return query.wanted("effect", results, name_of)


def name_of(result: EffectResult) -> str:
    """How a result is shown."""
    return effect_name(result.treatment, result.outcome)


def light(result: EffectResult) -> str:
    """The colour of the checks: green, yellow, red; grey where none could be made."""
    return traffic_light(result.checks)


def verdict(result: EffectResult) -> str:
    """What the checks say, in a sentence, and what is wrong where one fails."""
    failed = [check.text for check in result.checks if check.passed is False]
    return "; ".join([summary(result.checks), *failed])


def warnings(result: EffectResult) -> tuple[str, ...]:
    """The notices of a result, what its checks say among them unless all hold."""
    if not result.checks or light(result) == "green":
        return result.notices
    return (*result.notices, f"checks of {name_of(result)}: {verdict(result)}")


def unit_name(snapshot: Snapshot, variable: Variable) -> str:
    """The unit of a variable as configured; empty where it has none, as an intervention."""
    signal = snapshot.settings.signals.get(variable.signal)
    return signal.unit if signal and signal.unit not in _UNITLESS else ""


def unit_of(snapshot: Snapshot, variable: Variable) -> str:
    """Grafana's id of a variable's unit."""
    return unit(unit_name(snapshot, variable))


def ratio_unit(snapshot: Snapshot, result: EffectResult) -> str:
    """What an effect is counted in, in words: "s per restart", "s per reqps", "s per unit of threads"."""
    own, signal = unit_name(snapshot, result.treatment), snapshot.settings.signals.get(result.treatment.signal)
    if signal and signal.kind == "event":
        own = result.treatment.signal.removesuffix("s")
    return f"{unit_name(snapshot, result.outcome) or 'units'} per {own or f'unit of {result.treatment.signal}'}"


def common_unit(snapshot: Snapshot, results: Sequence[EffectResult]) -> dict[str, str]:
    """The config of a column of effects: the outcomes' unit, where all of them share it."""
    units = {unit_of(snapshot, result.outcome) for result in results}
    return {"unit": units.pop()} if len(units) == 1 else {}
