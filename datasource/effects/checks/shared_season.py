"""Shared season: whether the time of the hour, day or week moves both treatment and outcome."""

import numpy as np

from datasource.data import Floats
from datasource.effects.checks.joined import join
from datasource.effects.checks.refit import matters, rows_of
from datasource.effects.methods import Method
from datasource.effects.result import Answer, Check
from datasource.effects.study import Study

NAME = "shared season"
PERIODS = {"hour": 3600, "day": 86400, "week": 604800}
_LEVEL = 0.01
_STEPS, _CYCLES = 4, 3


def shared_season(study: Study, method: Method, answer: Answer) -> Check | None:
    """Whether the effect is the same within the time of the hour, of the day and of the week as across them.

    The treatment's mean at each time of the period joins the adjustment set (Mundlak 1978): beside it the effect comes
    from what a time has more than its like. For periods of at least four steps and three cycles. Failed when it moves
    with p below 1%, and by half of its standard error.
    """
    if study.times is None or not study.step or method.identified_by not in {"adjustment", "randomisation"}:
        return None
    rows = rows_of(study, method)
    seen = []
    for name, seconds in PERIODS.items():
        steps = seconds // study.step
        if seconds % study.step or steps < _STEPS or np.ptp(study.times) + 1 < _CYCLES * steps:
            continue
        found = join(rows, method, _usual(rows, steps))
        seen.append(name)
        if found.moved.p_value < _LEVEL and matters(found.moved, answer):
            return Check(
                NAME,
                False,
                f"the effect moves from {found.before:.3g} to {found.after:.3g} beside what is usual at each time of "
                f"the {name}: something that recurs every {name} moves both ends; adjust for it",
            )
    if not seen:
        return None
    return Check(NAME, True, f"the effect is the same within the time of the {' and the '.join(seen)}")


def _usual(study: Study, steps: int) -> Floats:
    """The mean of each lag of the treatment at the same time of the period, in the same unit: (n, 1 + lags)."""
    assert study.times is not None
    codes = study.times % steps
    if study.units is not None:
        codes = codes + steps * np.unique(study.units, return_inverse=True)[1]
    which = np.unique(codes, return_inverse=True)[1]
    counts = np.bincount(which)
    return np.column_stack([(np.bincount(which, lag) / counts)[which] for lag in study.treatment.T])
