"""Sharp regression discontinuity: rows on both sides of a cutoff that decides who is treated."""

from typing import NamedTuple

import numpy as np

from datasource.data import Floats
from datasource.effects.inference import estimate
from datasource.effects.result import Answer, Check
from datasource.effects.study import Study, StudyError

_NAME = "regression_discontinuity"
_FEWEST = 20
"""So many different values of the running variable at least on each side, for the curves that bandwidths come from."""
_PILOT = 2.576
"""Of the pilot bandwidth, in spreads times n^(-1/5), for the triangular kernel (Calonico, Cattaneo and Titiunik)."""
_NEIGHBOURS = 3
_BINS, _JUMPS = 10, 3.0
"""The bins of the density on each side, and by how many standard errors it may jump."""


def regression_discontinuity(study: Study) -> Answer:
    """The jump of the outcome at the cutoff, by lines on both sides (Calonico, Cattaneo and Titiunik 2014).

    The treatment is 1 on one side of the cutoff of a running variable, the one column that is adjusted for, and 0 on
    the other. Local linear with a triangular kernel, at the bandwidth with the least mean squared error on both sides;
    the interval is robust: centred on the estimate less its bias, which a local parabola tells, and as wide as that
    costs. The answer is the estimate less its bias. Raises StudyError where no cutoff tells the treatment.
    """
    running, treated = _running(study)
    on_the_right = bool(running[treated].min() > running[~treated].max())
    cutoff = float(running[treated].min() if on_the_right else running[treated].max())
    x = (running - cutoff) * (1 if on_the_right else -1)
    sides = [_Side(x[rows], study.outcome[rows]) for rows in (~treated, treated)]
    for side, name in zip(sides, ("without", "with"), strict=True):
        distinct = len(np.unique(side.x))
        if distinct < _FEWEST:
            raise StudyError(
                f"{distinct} values of {study.adjustment.names[0]} {name} {study.treatment_name}; "
                f"give at least {_FEWEST}"
            )
    near, far = _bandwidths(x, sides)
    weights, plain, residuals = np.zeros(study.n), np.zeros(study.n), np.zeros(study.n)
    for rows, side, sign in zip((~treated, treated), sides, (-1.0, 1.0), strict=True):
        line = _coefficient(side.x, near, 1, 0)
        weights[rows] = sign * (line - (line @ side.x**2) * _coefficient(side.x, far, 2, 2))
        plain[rows], residuals[rows] = sign * line, side.residuals()
    used = weights != 0
    value, uncorrected = float(weights @ study.outcome), float(plain @ study.outcome)
    effect = estimate(value, (weights * residuals)[used], study.take(used), 6)
    name = study.adjustment.names[0]
    said = (
        f"at {name} {cutoff:.4g}: within {near:.3g} of it, {int((plain != 0).sum()):,} rows; "
        f"{uncorrected:.4g} before its bias is taken off"
    )
    return Answer(effect, int(used.sum()), checks=(_heaping(x, near),), notices=(said,))


class _Side(NamedTuple):
    """The rows of one side: running variable less cutoff (n), and outcome (n)."""

    x: Floats
    outcome: Floats

    def residuals(self) -> Floats:
        """Outcomes less those of the three nearest rows, sized as errors are (n)."""
        order = np.argsort(self.x, kind="stable")
        x, y = self.x[order], self.outcome[order]
        n, width = len(x), min(_NEIGHBOURS, len(x) - 1)
        places = np.arange(n)[:, None] + np.r_[-width:0, 1 : width + 1]
        there = (places >= 0) & (places < n)
        places = places.clip(0, n - 1)
        distances = np.where(there, np.abs(x[places] - x[:, None]), np.inf)
        nearest = np.take_along_axis(places, np.argsort(distances, axis=1, kind="stable")[:, :width], axis=1)
        found = np.empty(n)
        found[order] = (y - y[nearest].mean(axis=1)) * np.sqrt(width / (width + 1))
        return found


def _running(study: Study) -> tuple[Floats, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """The running variable (n), and who is treated (n). Raises StudyError."""
    if len(study.adjustment.names) != 1:
        raise StudyError(
            f"{_NAME} needs one column with --adjust and no lags: the running variable that has the cutoff"
        )
    running, treated = study.adjusted[:, 0], study.binary(_NAME) == 1
    low, high = running[treated], running[~treated]
    if not (low.min() > high.max() or low.max() < high.min()):
        raise StudyError(
            f"no value of {study.adjustment.names[0]} divides rows with {study.treatment_name} from those without; "
            "name another running variable"
        )
    return running, treated


def _coefficient(x: Floats, bandwidth: float, degree: int, power: int) -> Floats:
    """What each row (n) adds to the coefficient of x^power at the cutoff, in a local polynomial. Raises StudyError."""
    kernel = np.clip(1 - np.abs(x) / bandwidth, 0, None)
    inside = kernel > 0
    if len(np.unique(x[inside])) <= degree:
        raise StudyError("too few rows near the cutoff; give more, or use backdoor.linear_regression")
    root = np.sqrt(kernel[inside])
    design = np.vander(x[inside] / bandwidth, degree + 1, increasing=True)
    found = np.zeros(len(x))
    found[inside] = np.linalg.pinv(design * root[:, None])[power] * root / bandwidth**power
    return found


def _bandwidths(x: Floats, sides: list[_Side]) -> tuple[float, float]:
    """The bandwidths of the line and of the parabola that tells its bias, each with the least mean squared error."""
    quartiles = np.quantile(x, [0.25, 0.75])
    spread = min(float(x.std(ddof=1)), float(quartiles[1] - quartiles[0]) / 1.349) or float(x.std(ddof=1))
    pilot = min(_PILOT * spread * len(x) ** -0.2, float(np.abs(x).max()))
    pilot = max(pilot, *(float(np.unique(np.abs(side.x))[_FEWEST - 1]) for side in sides))
    whole = [float(np.abs(side.x).max()) * (1 + 1e-9) for side in sides]
    third = _optimal(sides, 3, 3, 4, pilot, whole, regularised=False)
    far = min(_optimal(sides, 2, 2, 3, pilot, [third, third]), max(whole))
    far = max(far, pilot / 2)
    near = min(_optimal(sides, 1, 0, 2, pilot, [far, far]), max(whole))
    return near, far


def _optimal(
    sides: list[_Side], degree: int, power: int, above: int, pilot: float, wide: list[float], regularised: bool = True
) -> float:
    """The bandwidth with the least squared error of the coefficient of x^power, of a polynomial of this degree.

    Its variance is measured at the pilot bandwidth, its bias from the coefficient of x^(degree + 1) of polynomials of
    degree `above` at the bandwidths `wide` of the two sides; `regularised` counts in what that is not known to.
    """
    variance, bias, doubt = 0.0, 0.0, 0.0
    for side, sign, bandwidth in zip(sides, (-1.0, 1.0), wide, strict=True):
        squares = side.residuals() ** 2
        weights = _coefficient(side.x, pilot, degree, power)
        constant = float(weights @ (side.x / pilot) ** (degree + 1)) * pilot**power
        higher = _coefficient(side.x, max(bandwidth, pilot), above, degree + 1)
        variance += pilot ** (2 * power + 1) * float(weights**2 @ squares)
        bias += sign * constant * float(higher @ side.outcome)
        doubt += 3 * constant**2 * float(higher**2 @ squares) if regularised else 0.0
    order = degree + 1 - power
    ratio = (2 * power + 1) * variance / max(2 * order * (bias**2 + doubt), 1e-300)
    return float(min(ratio ** (1 / (2 * degree + 3)), 1e300)) or pilot


def _heaping(x: Floats, near: float) -> Check:
    """Whether the density of rows jumps at the cutoff: who can choose a side heaps up on it (McCrary 2008).

    Lines through the counts of ten bins on each side, as wide as a multiple of the steps between values.
    """
    step = float(np.median(np.diff(np.unique(x))))
    width = max(np.ceil(near / _BINS / step), 1.0) * step
    places = np.floor((x + step / 2) / width).astype(np.int64)
    middles = np.arange(_BINS) + 0.5
    limit = np.linalg.pinv(np.column_stack([np.ones(_BINS), middles]))[0]
    before = np.array([(places == -1 - bin).sum() for bin in range(_BINS)], dtype=np.float64)
    after = np.array([(places == bin).sum() for bin in range(_BINS)], dtype=np.float64)
    error = float(np.sqrt(limit**2 @ (before + after)))
    left, right = float(limit @ before), float(limit @ after)
    said = f"{max(left, 0):.3g} rows in a step of {width:.2g} just before the cutoff, {max(right, 0):.3g} just after it"
    if abs(right - left) > _JUMPS * max(error, 1e-9):
        return Check("density at the cutoff", False, f"{said}: rows may choose their side, or the cutoff is elsewhere")
    return Check("density at the cutoff", True, said)
