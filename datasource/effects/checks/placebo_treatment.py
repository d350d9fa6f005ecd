"""Placebo treatment: something that cannot be the cause must not show an effect."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import stats

from datasource.effects.checks.refit import SEED, WHITENING, clear, rows_of, slow
from datasource.effects.checks.series import places
from datasource.effects.estimators.distributed_lag import autoregressive_fit
from datasource.effects.methods import Method
from datasource.effects.result import Answer, Check, Estimate
from datasource.effects.study import Ints, Study, StudyError
from datasource.numerics import slopes_beside

NAME = "placebo treatment"
_CHANCE = 0.005


def placebo_treatment(study: Study, method: Method, answer: Answer) -> Check:
    """The effect of the treatment of another time, or of another row, which should be 0.

    Series are shifted in a circle by 25% to 75% of their length, twenty times (twice where the method is slow), so that
    placebos have the treatment's own memory; independent rows are permuted within their unit. The true treatment stays
    in the adjustment set, lest a placebo show its effect because both have the same season; not with an instrument,
    which is moved along. Failed when that many intervals without 0 have a probability below 0.5%: intervals are too
    narrow, or a trend that nobody adjusts for is in both. A hidden cause of the same moment is not seen.
    """
    rows, tries = rows_of(study, method), 2 if slow(study, method) else 20
    effects = [effect for effect in _effects(rows, method, _orders(rows, tries)) if np.isfinite(effect.lower)]
    made, contained = len(effects), sum(not clear(effect) for effect in effects)
    if not made:
        raise StudyError("the placebos have no intervals")
    how = "shifted in time" if rows.times is not None else "shuffled"
    passed = bool(stats.binom.sf(made - contained - 1, made, 0.05) > _CHANCE)
    text = f"{rows.treatment_name} {how} shows no effect in {contained} of {made} tries"
    if not passed:
        text += "; more than chance: the intervals are too narrow, or a trend or season is in both and not adjusted for"
    return Check(NAME, passed, text)


def _effects(rows: Study, method: Method, orders: Sequence[Ints]) -> list[Estimate]:
    """The placebos' effects; of one whitened series all beside one autoregression, that of the true treatment."""
    if method.name in WHITENING and rows.units is None and not rows.feedback:
        columns, rho = np.column_stack([rows.adjusted, rows.treatment]), rows.once(autoregressive_fit).rho
        made = slopes_beside(
            rows.outcome, columns, [rows.treatment[order] for order in orders], rho, places(rows), rows.window
        )
        return [Estimate(*one) for one in made]
    effects = []
    for order in orders:
        placebo = replace(rows, treatment=rows.treatment[order])
        if method.identified_by == "instrument":
            placebo = replace(placebo, instruments=rows.instruments.take(order))
        elif method.identified_by == "adjustment":
            for lag, actual in enumerate(rows.treatment.T):
                placebo = placebo.with_adjustment(f"{rows.treatment_name} itself, lag {lag}", actual)
        effects.append(method.estimate(placebo).effect)
    return effects


def _orders(study: Study, tries: int) -> list[Ints]:
    """Which row's treatment each row (n) gets, for each try."""
    rng = np.random.default_rng(SEED)
    units = np.zeros(study.n, dtype=np.int64) if study.units is None else study.units
    groups = [np.flatnonzero(units == unit) for unit in np.unique(units)]
    longest = max(len(group) for group in groups)
    if longest < (20 if study.times is not None else 2):
        raise StudyError(f"{longest} rows are too short a series to shift it in time; give at least 20")
    orders = []
    for share in np.linspace(0.25, 0.75, tries):
        order = np.arange(study.n)
        for group in groups:
            moved = np.roll(group, round(share * len(group))) if study.times is not None else rng.permutation(group)
            order[group] = moved
        orders.append(order)
    return orders
