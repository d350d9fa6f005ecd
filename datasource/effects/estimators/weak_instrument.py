"""How strong instruments are, what can be said however weak they are, and whether they agree."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.optimize import brentq, minimize_scalar

from datasource.data import Floats
from datasource.effects.estimators.joint_covariance import JointCovariance, distance, joint_covariance
from datasource.effects.result import Check
from datasource.effects.study import Study

ONE_INSTRUMENT = 10.0
"""The usual mark (Staiger and Stock 1997). With one instrument, intervals hold from there on unless the confounding
is extreme (Angrist and Kolesár 2024)."""
_BIAS = 10.0
"""One over the share of the worst bias that Montiel Olea and Pflueger's critical value allows."""


@dataclass(frozen=True)
class FirstStage:
    """Orthonormal instruments (n, q) beside outcome and treatment (n), the controls taken out of each."""

    instruments: Floats
    outcome: Floats
    treatment: Floats
    study: Study
    parameters: int

    @property
    def count(self) -> int:
        return int(self.instruments.shape[1])

    @cached_property
    def reduced(self) -> tuple[Floats, Floats]:
        """How far each instrument moves the outcome and the treatment, (q) each."""
        return self.instruments.T @ self.outcome, self.instruments.T @ self.treatment

    @cached_property
    def covariance(self) -> JointCovariance:
        """The joint covariance (2q, 2q) of `reduced`."""
        ends = zip((self.outcome, self.treatment), self.reduced, strict=True)
        influence = [self.instruments * (end - self.instruments @ moved)[:, None] for end, moved in ends]
        return joint_covariance(np.column_stack(influence), self.study, self.parameters)

    def at(self, effect: float) -> tuple[Floats, Floats]:
        """What the instruments move beyond `effect` times the treatment (q), and its covariance (q, q)."""
        q, matrix = self.count, self.covariance.matrix
        cross = matrix[:q, q:]
        spread = matrix[:q, :q] - effect * (cross + cross.T) + effect**2 * matrix[q:, q:]
        return self.reduced[0] - effect * self.reduced[1], spread

    def distance(self, effect: float) -> float:
        """Anderson and Rubin's statistic of this effect; large where the instruments contradict it."""
        return distance(*self.at(effect))

    def p_value(self, effect: float) -> float:
        return self.covariance.wald(*self.at(effect))[1]


class Reach(NamedTuple):
    """The effects that the instruments do not contradict: an interval, -inf or inf where it has no end."""

    lower: float
    upper: float
    text: str


def weakness(stage: FirstStage, reach: Reach) -> Check:
    """The effective F statistic of Montiel Olea and Pflueger (2013) against its mark.

    With one instrument it is the robust F of the first stage, and the mark is 10; with more, the mark is their
    critical value for a bias of at most a tenth of the worst.
    """
    q = stage.count
    spread = stage.covariance.matrix[q:, q:]
    total = float(np.trace(spread))
    f = float(stage.reduced[1] @ stage.reduced[1]) / total if total > 0 else np.inf
    critical = _critical(spread) if total > 0 else 0.0
    mark = ONE_INSTRUMENT if q == 1 else critical
    words = (
        f"the usual mark of 10 (Montiel Olea and Pflueger's: {critical:.1f})"
        if q == 1
        else (f"Montiel Olea and Pflueger's critical value of {critical:.1f} (10% of the worst bias)")
    )
    names = ", ".join(stage.study.instruments.names)
    side = "over" if f >= mark else "under"
    return Check(
        "weak instrument",
        bool(f >= mark),
        f"effective F of {names}: {f:.3g}, {side} {words}; Anderson-Rubin 95% interval: {reach.text}",
    )


def anderson_rubin(stage: FirstStage, value: float) -> Reach:
    """The 95% interval of Anderson and Rubin (1949), robust as the study asks for; it holds however weak they are.

    `value` is a point that the search starts from. Where the effects that are not contradicted lie on both sides of
    those that are, the interval is everything, and the text says what is not in it.
    """
    q, freedom = stage.count, stage.covariance.freedom
    if freedom <= q:
        return Reach(np.nan, np.nan, "none, too few rows")
    bound = float(stats.f.ppf(0.95, q, freedom - q + 1)) * freedom * q / (freedom - q + 1)
    moved = float(np.linalg.norm(stage.reduced[1])) or 1.0
    scale = max(float(np.sqrt(np.trace(stage.at(value)[1]))) / moved, 1e-9 * abs(value), 1e-300)

    def beyond(angle: float) -> float:
        return stage.distance(value + scale * float(np.tan(angle))) - bound

    angles = np.linspace(-np.pi / 2, np.pi / 2, 2003)[1:-1]
    outside = np.array([beyond(angle) for angle in angles.tolist()])
    if not np.isfinite(outside).all():
        return Reach(np.nan, np.nan, "none, the residuals have no spread")
    inside = outside <= 0
    if not inside.any():
        return Reach(np.nan, np.nan, "empty, no effect fits all instruments")
    edges = [
        value + scale * float(np.tan(brentq(beyond, angles[place], angles[place + 1])))
        for place in np.flatnonzero(inside[1:] != inside[:-1]).tolist()
    ]
    if inside[0] and inside[-1]:
        text = "unbounded, any effect" if not edges else f"unbounded, all but {edges[0]:.4g} to {edges[-1]:.4g}"
        return Reach(-np.inf, np.inf, text)
    lower, upper = -np.inf if inside[0] else edges[0], np.inf if inside[-1] else edges[-1]
    if np.isfinite(lower) and np.isfinite(upper):
        return Reach(lower, upper, f"{lower:.4g} to {upper:.4g}")
    return Reach(
        lower, upper, f"unbounded, from {lower:.4g} up" if np.isfinite(lower) else f"unbounded, up to {upper:.4g}"
    )


def over_identification(stage: FirstStage, value: float) -> Check:
    """Hansen's J (1982), continuously updated: whether several instruments tell of one effect.

    It is the least Anderson-Rubin statistic of any effect; under agreement chi-squared with q - 1 degrees of freedom.
    """
    free, freedom = stage.count - 1, stage.covariance.freedom
    moved = float(np.linalg.norm(stage.reduced[1])) or 1.0
    scale = float(np.sqrt(np.trace(stage.at(value)[1]))) / moved
    least = minimize_scalar(stage.distance, bracket=(value - scale, value + scale)) if scale > 0 else None
    j = float(least.fun) if least is not None else np.nan
    name = "over-identification"
    if not np.isfinite(j) or freedom <= free:
        return Check(name, None, "too few rows to tell whether the instruments agree")
    p = float(stats.f.sf(j * (freedom - free + 1) / (freedom * free), free, freedom - free + 1))
    said = (
        "the instruments agree" if p >= 0.05 else "the instruments disagree: one of them reaches the outcome otherwise"
    )
    return Check(name, p >= 0.05, f"{said} (Hansen's J {j:.3g}, p {p:.2g})")


def _critical(spread: Floats) -> float:
    """The simplified critical value of Montiel Olea and Pflueger (2013), section 4."""
    total = float(np.trace(spread))
    largest = float(np.linalg.eigvalsh(spread)[-1])
    effective = total**2 * (1 + 2 * _BIAS) / (float(np.trace(spread @ spread)) + 2 * _BIAS * total * largest)
    return float(stats.ncx2.ppf(0.95, effective, effective * _BIAS)) / effective
