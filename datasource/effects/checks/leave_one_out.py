"""Subset of a comparison: the effect does not rest on a single control."""

import numpy as np

from datasource.effects.checks.refit import clear
from datasource.effects.checks.subset import NAME
from datasource.effects.methods import Method
from datasource.effects.result import Answer, Check
from datasource.effects.study import Ints, Study, StudyError

_FEWEST, _MOST = 3, 20


def leave_one_out(study: Study, method: Method, answer: Answer) -> Check | None:
    """Each control unit is left out once, 20 of them where there are more (Abadie, Diamond and Hainmueller 2015).

    Failed when the effect without one leaves the interval, or a clear one, or one without an interval, changes sign or
    loses half its size: then that control was hit too, or nothing else is like the treated.
    """
    if study.units is None or study.unit_count == 1:
        return None
    controls = _controls(study)
    if len(controls) < _FEWEST:
        raise StudyError(f"{len(controls)} controls are too few to leave one out; give at least {_FEWEST}")
    effect = answer.effect
    chosen = controls[np.unique(np.linspace(0, len(controls) - 1, min(len(controls), _MOST)).round().astype(int))]
    without = {int(unit): method.estimate(study.take(study.units != unit)).effect.value for unit in chosen}
    if not np.isfinite(list(without.values())).all():
        raise StudyError("without one of the controls there is no estimate")
    unit = max(without, key=lambda one: abs(without[one] - effect.value))
    bounded = bool(np.isfinite([effect.lower, effect.upper]).all())
    passed = not bounded or effect.lower <= without[unit] <= effect.upper
    if clear(effect) or not bounded:
        passed = passed and without[unit] * np.sign(effect.value) >= abs(effect.value) / 2
    name = study.unit_names[unit] if unit < len(study.unit_names) else f"unit {unit}"
    text = f"{effect.value:.3g} with all controls, {without[unit]:.3g} without {name}"
    return Check(NAME, bool(passed), text if passed else f"a single control makes the estimate: {text}")


def _controls(study: Study) -> Ints:
    """The units that are never treated."""
    assert study.units is not None
    treatment = study.treatment[:, 0]
    treated = study.group == 1 if study.group is not None else treatment > treatment.min()
    return np.setdiff1d(study.units, study.units[treated])
