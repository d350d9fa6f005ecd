"""Anchor regression: predictions that hold up where environments move further than they did so far.

Rothenhäusler, Meinshausen, Bühlmann and Peters (2021), with environments as anchors: what differs between environments
counts `gamma` times as much as what differs within them. 1 is least squares, 0 knows nothing but differences within,
and the larger gamma is, the further environments may move. It is chosen by leaving out one environment at a time.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from datasource.data import Floats, Variable
from datasource.invariance.model import Cause, Question, Rows

GAMMAS = (0.0, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Those that are tried."""
_FEWEST = 3
"""Environments: one is left out, and two are needed."""


class Anchored(NamedTuple):
    """A prediction of the outcome: `intercept` plus `slopes` times causes, in their own units.

    least_squares, anchored: the root mean squared error in the worst environment that was left out of the fit, by least
    squares and by anchor regression with this `gamma`.
    """

    outcome: Variable
    causes: tuple[Cause, ...]
    gamma: float
    intercept: float
    slopes: tuple[float, ...]
    least_squares: float
    anchored: float


def anchored(question: Question) -> Anchored | None:
    """The prediction for a question, None with fewer than three environments: one is left out, and two are needed."""
    rows = question.rows
    if len(rows) < _FEWEST:
        return None
    worst = {gamma: _worst_left_out(rows, gamma) for gamma in GAMMAS}
    best = min(GAMMAS, key=lambda gamma: worst[gamma])
    found = anchor_regression(rows, best)
    return Anchored(
        question.outcome, question.causes, best, float(found[0]), tuple(found[1:].tolist()), worst[1.0], worst[best]
    )


def anchor_regression(rows: Sequence[Rows], gamma: float) -> Floats:
    """Intercept and slopes (1 + k) of the outcome on its causes; every environment counts by its rows."""
    codes = np.repeat(np.arange(len(rows)), [len(one.columns) for one in rows])
    joint = np.vstack([one.columns for one in rows])
    centre = joint.mean(axis=0)
    between = np.array([one.columns.mean(axis=0) for one in rows])[codes] - centre
    moved = joint - centre + (np.sqrt(gamma) - 1) * between
    slopes = np.linalg.lstsq(moved[:, 1:], moved[:, 0], rcond=None)[0]
    return np.append(centre[0] - slopes @ centre[1:], slopes)


def _worst_left_out(rows: Sequence[Rows], gamma: float) -> float:
    errors = []
    for place, one in enumerate(rows):
        found = anchor_regression([*rows[:place], *rows[place + 1 :]], gamma)
        left = one.columns[:, 0] - found[0] - one.columns[:, 1:] @ found[1:]
        errors.append(float(np.sqrt(np.mean(left**2))))
    return max(errors)
