"""An effect's answer as plain data: the same words whichever door asks."""

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from datasource.effects.checks import INVALIDATING, summary, traffic_light
from datasource.effects.result import Check, EffectResult, Estimate, Stratified


def effect_document(answer: EffectResult) -> dict[str, Any]:
    """Everything an answer says; numbers that are not known are NaN."""
    association = _estimate(answer.association)
    return {
        "treatment": str(answer.treatment),
        "outcome": str(answer.outcome),
        "association": association.pop("effect"),
        **{f"association_{key}": value for key, value in association.items()},
        **_estimate(answer.effect),
        "method": answer.method,
        "identified_by": answer.identified_by,
        "assumptions": list(answer.assumptions),
        "adjustment_set": list(answer.adjustment_set),
        "n": answer.n,
        "rows": answer.rows,
        "lags": answer.lags,
        **checks_document(answer.checks),
        "per_lag": [{"lag": lag, **_estimate(one)} for lag, one in enumerate(answer.per_lag) if answer.lags],
        "groups": [
            {"modifier": one.modifier, "level": one.level, **_estimate(one.effect), "n": one.n} for one in answer.groups
        ],
        "stratified": _stratified(answer.stratified),
        "comparison": _plain(answer.comparison),
        "notices": list(answer.notices),
    }


def checks_document(checks: tuple[Check, ...]) -> dict[str, Any]:
    """The checks, their colour together (green, yellow, red, grey), what they say in a sentence, and the worst one."""
    failed = [check for check in checks if check.passed is False]
    worst = min(failed, key=lambda check: check.name not in INVALIDATING, default=None)
    return {
        "checks": [check._asdict() for check in checks],
        "light": traffic_light(checks),
        "verdict": summary(checks),
        "worst_check": worst._asdict() if worst else None,
    }


def _estimate(estimate: Estimate, name: str = "effect") -> dict[str, float]:
    return {name: estimate.value, "lower": estimate.lower, "upper": estimate.upper, "p_value": estimate.p_value}


def _stratified(found: Stratified | None) -> dict[str, Any] | None:
    """Simpson's view: associations over everything, within each stratum, and averaged over them."""
    if found is None:
        return None
    return {
        "strata": found.strata,
        "aggregate": _estimate(found.aggregate, "association"),
        "within": [
            {"stratum": group.level, **_estimate(group.effect, "association"), "n": group.n} for group in found.within
        ],
        "average": _estimate(found.average, "association"),
        "reversed": found.reversed,
    }


def _plain(value: Any) -> Any:
    """Dataclasses as dictionaries, arrays as they are."""
    if isinstance(value, Estimate):
        return _estimate(value)
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return np.ascontiguousarray(value) if isinstance(value, np.ndarray) else value
