"""What more load than ever before does to latency: a straight line ends where a queue begins."""

from math import isfinite

from datasource.causes.constants import ELASTICITY, FULL


def slopes_beyond(slope: float, error: float, own: float, usual: float, now: float) -> tuple[float, float]:
    """Seconds per request that one more unit of load adds on the way from the `usual` load to the one `now`: as
    expected, and as much as may well be.

    `slope` (with its standard `error`) is the one fitted around the usual load, `own` the usual seconds per request.
    They grow as in a queue with Poisson arrivals (M/M/1), own x (1 - busy) / (1 - busy x now / usual); how busy, the
    slope says, the less the larger its error. 0 where load did not grow.

    >>> round(slopes_beyond(0.001, 0.0, 0.1, 100.0, 150.0)[0] * 50, 3)
    0.1
    """
    if own <= 0 or usual <= 0 or now <= usual:
        return 0.0, 0.0
    elasticity, unsure = ELASTICITY
    if isfinite(error):
        fitted, spread = slope * usual / own, error * usual / own
        weight = unsure**2 / (unsure**2 + spread**2)
        elasticity, unsure = weight * fitted + (1 - weight) * elasticity, weight**0.5 * spread
    return _slope(elasticity, own, usual, now), _slope(elasticity + 2 * unsure, own, usual, now)


def _slope(elasticity: float, own: float, usual: float, now: float) -> float:
    busy = max(elasticity, 0.0) / (1 + max(elasticity, 0.0))
    return own * ((1 - busy) / (1 - min(busy * now / usual, FULL)) - 1) / (now - usual)
