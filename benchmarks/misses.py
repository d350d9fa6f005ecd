"""Studies that bias an estimate without widening its interval, beside sound ones: `coverage.py --misses` asks them."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.signal import lfilter

from datasource.data import Floats
from datasource.effects.study import Study, lay_out

DEFAULT, LINEAR = "backdoor.distributed_lag", "backdoor.linear_regression"
DML, WEIGHTING = "backdoor.double_machine_learning", "backdoor.propensity_score_weighting"
OVERLAP, MATCHING = "backdoor.overlap_weighting", "backdoor.propensity_score_matching"


class Miss(NamedTuple):
    """What spoils a study whose effect is 1, how to make `n` rows of it, and the methods that are asked."""

    text: str
    make: Callable[[np.random.Generator, int], Study]
    methods: tuple[str, ...] = (DEFAULT,)
    sound: bool = False


def _memory(rng: np.random.Generator, n: int, count: int, memory: float = 0.9) -> Floats:
    """AR(1) series (count, n) of variance 1."""
    series: Floats = lfilter([1.0], [1.0, -memory], rng.normal(size=(count, n + 200)))[:, 200:]
    return series * np.sqrt(1 - memory**2)


def _same(_rng: np.random.Generator, column: Floats) -> Floats:
    return column


def _noise(share: float) -> Callable[[np.random.Generator, Floats], Floats]:
    return lambda rng, column: column + np.sqrt(share) * column.std() * rng.normal(size=len(column))


def _rounded(_rng: np.random.Generator, column: Floats) -> Floats:
    step = 0.5 * float(column.std())
    return np.round(column / step) * step


def _late(_rng: np.random.Generator, column: Floats) -> Floats:
    return np.append(column[:1], column[:-1])


def _late_by_two(_rng: np.random.Generator, column: Floats) -> Floats:
    return np.append(column[:2], column[:-2])


def _repeated(_rng: np.random.Generator, column: Floats) -> Floats:
    return np.repeat(column[::10], 10)[: len(column)]


Spoil = Callable[[np.random.Generator, Floats], Floats]


def _series(x_as: Spoil = _same, z_as: Spoil = _same) -> Callable[[np.random.Generator, int], Study]:
    def make(rng: np.random.Generator, n: int) -> Study:
        z, own, error = _memory(rng, n, 3)
        x = 0.7 * z + own
        return lay_out(x + z + error, x_as(rng, x), {"z": z_as(rng, z)}, times=np.arange(n), step=60)

    return make


def _count(rng: np.random.Generator, n: int) -> Study:
    z, own, error = _memory(rng, n, 3)
    load = np.maximum(100 + 15 * (0.7 * z + own), 0)
    read = rng.poisson(load).astype(np.float64)
    return lay_out(load + 15 * (z + error), read, {"z": z}, times=np.arange(n), step=60)


def _curved(
    curve: Callable[[Floats, Floats], Floats], memory: float = 0.0, strength: float = 2.0
) -> Callable[[np.random.Generator, int], Study]:
    def make(rng: np.random.Generator, n: int) -> Study:
        a, b, own, error = _memory(rng, n, 4, memory)
        both = curve(a, b)
        x = both + own
        times = np.arange(n) if memory else None
        return lay_out(x + strength * both + error, x, {"a": a, "b": b}, times=times, step=60 if memory else 0)

    return make


def _codes(rng: np.random.Generator, n: int) -> Study:
    zone = rng.integers(0, 4, n)
    level = np.array([0.0, 3.0, -1.0, 1.0])[zone]
    x = level + rng.normal(size=n)
    return lay_out(x + 2 * level + rng.normal(size=n), x, {"zone": 1.0 + zone})


def _many_codes(rng: np.random.Generator, n: int) -> Study:
    """Forty shops by number, each with a level of its own."""
    shop = rng.integers(0, 40, n)
    level = 2 * rng.normal(size=40)[shop]
    x = level + rng.normal(size=n)
    return lay_out(x + 2 * level + rng.normal(size=n), x, {"shop": 1.0 + shop})


def _season(rng: np.random.Generator, n: int) -> Study:
    """A job in the first six minutes of every hour."""
    job = 3.0 * (np.arange(n) % 60 < 6)
    own, error = _memory(rng, n, 2, 0.5)
    x = job + own
    return lay_out(x + job + error, x, {}, times=np.arange(n), step=60)


def _treated(
    chance: Callable[[Floats], Floats], also: Callable[[Floats], Floats], times: int = 1
) -> Callable[[np.random.Generator, int], Study]:
    """Rows that are treated with a logistic chance of z, which moves the outcome by `also`."""

    def make(rng: np.random.Generator, n: int) -> Study:
        z, w, error = rng.normal(size=(3, times * n))
        x = (rng.random(times * n) < 1 / (1 + np.exp(-chance(z)))).astype(np.float64)
        return lay_out(x + also(z) + error, x, {"z": z, "w": w})

    return make


def _irregular(rng: np.random.Generator, n: int) -> Study:
    """Rows at random times, a fifth of the steps missing."""
    study = _series()(rng, n)
    return study.take(rng.random(n) < 0.8)


_ROWS = (LINEAR, DML)
_ARMS = (WEIGHTING, OVERLAP, MATCHING)
MISSES = {
    "sound series": Miss("AR(.9)", _series(), (DEFAULT, LINEAR, DML), True),
    "sound rows": Miss("independent rows, straight lines", _curved(lambda a, b: a + b), _ROWS, True),
    "sound arms": Miss("half treated, logistic in z", _treated(lambda z: 0.7 * z, lambda z: z), _ARMS, True),
    "gaps": Miss("a fifth of the steps missing", _irregular, (DEFAULT,), True),
    "noise 1%": Miss("noise in the treatment, 1% of its variance", _series(_noise(0.01))),
    "noise 5%": Miss("noise in the treatment, 5% of its variance", _series(_noise(0.05))),
    "rounded": Miss("treatment rounded to half its deviation", _series(_rounded)),
    "count": Miss("load of 100 read as a Poisson count", _count),
    "late": Miss("treatment stamped a step late", _series(_late), (DEFAULT, LINEAR)),
    "late by two": Miss("treatment stamped two steps late", _series(_late_by_two), (DEFAULT, LINEAR)),
    "cause by two": Miss("confounder stamped two steps late", _series(z_as=_late_by_two)),
    "repeated": Miss("treatment read every tenth step", _series(_repeated), (DEFAULT, LINEAR)),
    "repeated cause": Miss("confounder read every tenth step", _series(z_as=_repeated)),
    "noisy cause": Miss("noise in the confounder, 5% of its variance", _series(z_as=_noise(0.05))),
    "square": Miss("confounder squared", _curved(lambda a, b: a**2), _ROWS),
    "exponential": Miss("exp of the confounder", _curved(lambda a, b: np.exp(a)), _ROWS),
    "queue": Miss("load to latency as in a queue", _curved(lambda a, b: 1 / (1.1 - np.tanh(np.abs(a)))), _ROWS),
    "product": Miss("two confounders together", _curved(lambda a, b: a * b), _ROWS),
    "square AR(.9)": Miss("confounder squared, on series", _curved(lambda a, b: a**2, 0.9), (DEFAULT,)),
    "codes": Miss("zones 1 to 4 adjusted for as a slope", _codes, _ROWS),
    "many codes": Miss("forty shops adjusted for as a slope", _many_codes, _ROWS),
    "season": Miss("an hourly job moves both", _season, (DEFAULT, LINEAR)),
    "rare": Miss("2% treated of ten times the rows", _treated(lambda z: 1.5 * z - 5.2, lambda z: z, 10), _ARMS),
    "poor overlap": Miss("treated nearly by z alone", _treated(lambda z: 3 * z, lambda z: z), _ARMS),
    "curved chance": Miss("treated by z squared", _treated(lambda z: z**2 - 1, lambda z: z**2), _ARMS),
}
