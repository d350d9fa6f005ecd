"""Two-way fixed effects: what untreated units and times would lead to everywhere, and each treated place's gap."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix, hstack
from scipy.sparse.linalg import lsmr

from datasource.data import Floats
from datasource.effects.estimators.panel_table import PanelTable
from datasource.effects.study import Mask, StudyError
from datasource.numerics import least_squares


class Gaps(NamedTuple):
    """What two-way fixed effects of the untreated places leave, by unit and time (units, m); NaN where unknown.

    `weights` (units, m) give the average gap of the `answered` places as a weighted sum of the outcome.
    """

    gaps: Floats
    weights: Floats
    answered: Mask
    average: float


def two_way_gaps(table: PanelTable) -> Gaps:
    """Impute what the treated places would have been (Borusyak, Jaravel and Spiess 2024), and average the gaps.

    Unit and time effects come from not-yet and never treated places alone, so that no unit that is already treated
    serves as a control. Where all begin together and nothing is missing, the average is the coefficient of two-way
    fixed effects. A time at which all are treated answers nothing. Raises StudyError when none is left.
    """
    there = np.isfinite(table.outcome)
    treated = table.treated_now & there
    untreated = ~table.treated_now & there
    answered: Mask = treated & untreated.any(axis=0) & np.asarray(untreated.any(axis=1))[:, None]
    if not answered.any():
        raise StudyError("no controls: at every time after the start all units are treated; give units that are not")
    design, goal = _effects(untreated), _effects(answered)
    share = np.full(int(answered.sum()), 1 / answered.sum())
    weights = np.zeros(there.shape)
    weights[answered] = share
    solved = lsmr(design.T, -(goal.T @ share), atol=1e-13, btol=1e-13, conlim=1e14, maxiter=4000)[0]
    weights[untreated] = solved
    level = float(np.nanmean(table.outcome))
    effects = lsmr(design, table.outcome[untreated] - level, atol=1e-13, btol=1e-13, conlim=1e14, maxiter=4000)[0]
    gaps = np.full(there.shape, np.nan)
    known = untreated | answered
    gaps[known] = table.outcome[known] - level - _effects(known) @ effects
    return Gaps(gaps, weights, answered, float(gaps[answered].mean()))


def without_columns(table: PanelTable) -> PanelTable:
    """The table with what it adjusts for taken out: its coefficients beside both effects, at untreated places."""
    if not len(table.columns):
        return table
    bare = [two_way_gaps(replace(table, outcome=values, columns=values[None][:0])).gaps for values in table.columns]
    outcome = two_way_gaps(table).gaps
    rows = ~table.treated_now & np.isfinite(outcome) & np.isfinite(np.array(bare)).all(axis=0)
    fit = least_squares(outcome[rows], np.column_stack([values[rows] for values in bare]))
    explained = np.einsum("k,kut->ut", np.nan_to_num(fit.coefficients[1:]), table.columns)
    return replace(table, outcome=table.outcome - explained + np.nanmean(explained))


def _effects(places: Mask) -> csr_matrix:
    """Indicators (places, units + m) of the unit and the time of each place."""
    units, times = np.nonzero(places)
    rows = np.arange(len(units))
    ones = np.ones(len(units))
    return hstack(
        [
            csr_matrix((ones, (rows, units)), shape=(len(units), places.shape[0])),
            csr_matrix((ones, (rows, times)), shape=(len(units), places.shape[1])),
        ]
    ).tocsr()
