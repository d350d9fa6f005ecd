"""Intervals of a rate and of a share, and whether the rate of false alarms is as promised."""

from math import isfinite, sqrt
from typing import NamedTuple

_Z = 1.959963984540054
_BEYOND_THE_PROMISE = 1.5
"""So many times the false alarms that were asked for are told of."""


class Rate(NamedTuple):
    """Events per day with their 95% interval."""

    value: float
    lower: float
    upper: float

    @property
    def told(self) -> str:
        """The rate, to two digits.

        >>> Rate(24.1, 0.608, 133.7).told, Rate(24.1, 0.608, 133.7).interval
        ('24', '[0.61, 130]')
        """
        return _two_digits(self.value)

    @property
    def interval(self) -> str:
        """Its interval, to two digits."""
        return f"[{_two_digits(self.lower)}, {_two_digits(self.upper)}]"


def poisson_rate(count: int, days: float) -> Rate:
    """Events per day, with the exact 95% interval of a Poisson count (Garwood 1936). `days` is above 0.

    >>> tuple(round(one, 2) for one in poisson_rate(4, 8.0))
    (0.5, 0.14, 1.28)
    """
    from scipy.stats import chi2

    lower = float(chi2.ppf(0.025, 2 * count)) / 2 if count else 0.0
    return Rate(count / days, lower / days, float(chi2.ppf(0.975, 2 * count + 2)) / 2 / days)


def promise_notices(supported: float, asked: float) -> tuple[str, ...]:
    """That parts of the baseline, each judged by the others, show more false alarms a day than were asked for.

    >>> promise_notices(0.7, 0.5)
    ()
    """
    if not (isfinite(supported) and supported > _BEYOND_THE_PROMISE * asked):
        return ()
    return (
        f"a baseline whose parts judge each other so supports {_two_digits(supported)} false alarms a day, not the "
        f"{asked:g} of anomaly.false_alarms_per_day: make the baseline longer, record quiet_times for what is known, "
        "or ask for less",
    )


def wilson(count: int, of: int) -> tuple[float, float]:
    """The 95% interval of a share (Wilson 1927); all there is for none of none.

    >>> tuple(round(one, 2) for one in wilson(5, 6))
    (0.44, 0.97)
    """
    if not of:
        return 0.0, 1.0
    share = count / of
    middle = share + _Z**2 / (2 * of)
    half = _Z * sqrt(share * (1 - share) / of + _Z**2 / (4 * of**2))
    return (middle - half) / (1 + _Z**2 / of), (middle + half) / (1 + _Z**2 / of)


def _two_digits(value: float) -> str:
    return f"{float(f'{value:.2g}'):g}"
