"""Simulated systems whose effect is known, as studies: what intervals must hold on."""

from collections.abc import Callable
from typing import NamedTuple
from zlib import crc32

import numpy as np
from scipy.signal import lfilter

from datasource.data import Floats
from datasource.effects.study import Study, lay_out

MEMORY = 0.9
"""What a minute keeps of the minute before: regressor, confounder and error are AR(1)."""
_BURN_IN = 200
_LAGGED = (1.0, 0.6, 0.4)


class Scenario(NamedTuple):
    """What is simulated, its true total effect, and how to make `n` rows of it."""

    text: str
    truth: float
    make: Callable[[np.random.Generator, int], Study]


def simulate(scenario: str, seed: int, n: int = 1000) -> Study:
    """The study of a scenario by name; the same seed gives the same rows."""
    return SCENARIOS[scenario].make(np.random.default_rng([crc32(scenario.encode()), seed, n]), n)


def autoregressive(innovations: Floats, memory: float = MEMORY) -> Floats:
    """AR(1) along the last axis, started long before."""
    series: Floats = lfilter([1.0], [1.0, -memory], innovations, axis=-1)
    return series


def _series(rng: np.random.Generator, n: int, count: int) -> Floats:
    return autoregressive(rng.normal(size=(count, n + _BURN_IN)))


def _study(x: Floats, y: Floats, n: int, lags: int = 0, window: int = 1, feedback: bool = False, **z: Floats) -> Study:
    """The last `n` rows; the treatment at its lags, everything adjusted for at the same lags."""
    joint = np.column_stack([_late(x, lag, n) for lag in range(lags + 1)])
    adjustment = {f"{name}@-{lag}": _late(row, lag, n) for name, row in z.items() for lag in range(lags + 1)}
    return lay_out(_late(y, 0, n), joint, adjustment, times=np.arange(n), window=window, feedback=feedback)


def _late(row: Floats, lag: int, n: int) -> Floats:
    return row[len(row) - n - lag : len(row) - lag]


def _autocorrelated(rng: np.random.Generator, n: int) -> Study:
    z, own, error = _series(rng, n, 3)
    x = 0.5 * z + own
    return _study(x, x + z + error, n, z=z)


def _delayed(rng: np.random.Generator, n: int) -> Study:
    z, own, error = _series(rng, n, 3)
    x = 0.5 * z + own
    y = lfilter(_LAGGED, [1.0], x) + z + error
    return _study(x, y, n, lags=2, z=z)


def _feedback(rng: np.random.Generator, n: int) -> Study:
    """Load raises latency, latency raises retries a step later, retries are load."""
    z, error = _series(rng, n, 2)
    noise = rng.normal(size=(2, n + _BURN_IN))
    x, y = np.zeros(n + _BURN_IN), np.zeros(n + _BURN_IN)
    for t in range(n + _BURN_IN):
        retries = 0.4 * y[t - 1] + 0.3 * noise[0, t] if t else 0.0
        x[t] = 0.5 * z[t] + retries + noise[1, t]
        y[t] = x[t] + 0.5 * z[t] + error[t]
    return _study(x, y, n, feedback=True, z=z)


def _windows(rng: np.random.Generator, n: int, of_treatment: int, of_outcome: int) -> Study:
    """Rates over windows of several steps, the treatment brought to the outcome's window as the product does."""
    z, own, error = _series(rng, n, 3)
    x = 0.5 * z + own
    y = x + z + error
    x, z = _mean(_mean(x, of_treatment), of_outcome // of_treatment, of_treatment), _mean(z, of_outcome)
    return _study(x, _mean(y, of_outcome), n, of_outcome - 1, of_outcome, z=z)


def _mean(row: Floats, window: int, apart: int = 1) -> Floats:
    """The mean of the newest `window` values that are `apart` steps apart."""
    kernel = np.zeros((window - 1) * apart + 1)
    kernel[::apart] = 1 / window
    mean: Floats = lfilter(kernel, [1.0], row)
    return mean


def _events(rng: np.random.Generator, n: int) -> Study:
    """Restarts at about 3% of the steps, more of them under load."""
    z, error = _series(rng, n, 2)
    x = (rng.random(n + _BURN_IN) < 0.03 * np.exp(0.3 * z)).astype(np.float64)
    return _study(x, x + z + error, n, z=z)


def _heavy_tails(rng: np.random.Generator, n: int) -> Study:
    """Innovations of Student's t with 3 degrees of freedom."""
    z, own, error = autoregressive(rng.standard_t(3, size=(3, n + _BURN_IN)))
    x = 0.5 * z + own
    return _study(x, x + z + error, n, z=z)


def _bursts(rng: np.random.Generator, n: int) -> Study:
    """Errors whose spread follows the size of the treatment."""
    z, own, error = _series(rng, n, 3)
    x = 0.5 * z + own
    return _study(x, x + z + error * np.sqrt(0.2 + own**2 / 5), n, z=z)


def _panel(rng: np.random.Generator, n: int, units: int, shared: float = 0.0) -> Study:
    """Several services over the same times, moved by a shock that they share; `shared` of the treatment's too."""
    length = n // units
    z, own, error = autoregressive(rng.normal(size=(3, units, length + _BURN_IN)))
    z, error = z + _series(rng, length, 1), error + _series(rng, length, 1)
    x = 0.5 * z + own + rng.normal(size=(units, 1))
    if shared:
        x += shared * _series(rng, length, 1)
    y = x + z + error + 3 * rng.normal(size=(units, 1))
    return _units(x, y, z)


def _comparison(rng: np.random.Generator, n: int, units: int, treated: int) -> Study:
    """Services with loads in common; a rollout reaches the first `treated` of them halfway."""
    length = n // units
    shocks = _series(rng, length, 2)
    loads = rng.uniform(0.5, 1.5, size=(units, 1)) if units > 2 else np.ones((units, 1))
    errors = autoregressive(rng.normal(size=(units, length + _BURN_IN)))
    x = np.zeros((units, length + _BURN_IN))
    x[:treated, _BURN_IN + length // 2 :] = 1
    return _units(x, x + shocks[0] + loads * shocks[1] + errors + 3 * rng.normal(size=(units, 1)))


def _switch(rng: np.random.Generator, n: int) -> Study:
    """A throttle that is on while load is high, for about ten steps at a time."""
    z, own, error = _series(rng, n, 3)
    x = (0.5 * z + own > 0).astype(np.float64)
    return _study(x, x + z + error, n, z=z)


def _units(x: Floats, y: Floats, z: Floats | None = None) -> Study:
    """Treatment, outcome and what is adjusted for, by unit and time (units, burn-in and times), as one study."""
    late = slice(_BURN_IN, None)
    units, length = x[:, late].shape
    return lay_out(
        y[:, late].ravel(),
        x[:, late].ravel(),
        {} if z is None else {"z": z[:, late].ravel()},
        times=np.tile(np.arange(length), units),
        units=np.repeat(np.arange(units), length),
        unit_names=[f"service-{unit}" for unit in range(units)],
    )


def _instrument(rng: np.random.Generator, n: int) -> Study:
    """An assigned flag, changed every ten steps, moves the treatment; what confounds it is not measured."""
    hidden, own, error = _series(rng, n, 3)
    flag = np.repeat(rng.integers(0, 2, n // 10 + _BURN_IN), 10)[: n + _BURN_IN].astype(np.float64)
    x = 2 * flag + 0.5 * hidden + 0.5 * own
    y = x + hidden + error
    late = slice(_BURN_IN, None)
    return lay_out(y[late], x[late], {}, times=np.arange(n), instruments={"flag": flag[late]})


def _front_door(rng: np.random.Generator, n: int) -> Study:
    """The treatment reaches the outcome only through a measured queue; what confounds them is not measured."""
    hidden, own, between, error = _series(rng, n, 4)
    x = 0.5 * hidden + own
    queue = 0.8 * x + between
    y = 1.25 * queue + hidden + error
    late = slice(_BURN_IN, None)
    return lay_out(y[late], x[late], {}, times=np.arange(n), mediators={"queue": queue[late]})


def _single(rng: np.random.Generator, n: int, noise: float, memory: float = MEMORY) -> Study:
    """One series on a line; something begins in its last fifth, whose level and trend make 1 on average."""
    times = np.arange(n)
    on = (times >= 0.8 * n).astype(np.float64)
    errors = autoregressive(rng.normal(size=n + _BURN_IN), memory)[_BURN_IN:] + noise * rng.normal(size=n)
    rising = on * (times - times[on > 0].mean()) / n
    return lay_out(5 + 2 * times / n + on + rising + errors, on, {}, times=times)


def _cutoff(rng: np.random.Generator, n: int, step: float = 0.0) -> Study:
    """Lee's elections (the first model of Calonico, Cattaneo and Titiunik 2014), with a jump of 1 at the cutoff."""
    x = 2 * rng.beta(2, 4, n) - 1
    if step:
        x = (np.floor(x / step) + 0.5) * step
    left = 0.48 + 1.27 * x + 7.18 * x**2 + 20.21 * x**3 + 21.54 * x**4 + 7.33 * x**5
    right = 1.48 + 0.84 * x - 3.00 * x**2 + 7.99 * x**3 - 9.01 * x**4 + 3.56 * x**5
    y = np.where(x < 0, left, right) + rng.normal(0, 0.1295, n)
    return lay_out(y, (x >= 0).astype(np.float64), {"score": x})


SCENARIOS = {
    "autocorrelated": Scenario("regressor, confounder and error AR(.9)", 1.0, _autocorrelated),
    "delayed": Scenario("the effect comes over lags 0-2", sum(_LAGGED), _delayed),
    "feedback": Scenario("latency -> retries -> load", 1.0, _feedback),
    "windows 4/4": Scenario("both over windows of 4 steps", 1.0, lambda rng, n: _windows(rng, n, 4, 4)),
    "windows 1/4": Scenario("windows of 1 and 4 steps, brought to 4", 1.0, lambda rng, n: _windows(rng, n, 1, 4)),
    "events": Scenario("restarts at 3% of the steps", 1.0, _events),
    "heavy tails": Scenario("innovations t(3)", 1.0, _heavy_tails),
    "bursts": Scenario("errors as wide as the treatment is large", 1.0, _bursts),
    "panel": Scenario("5 services that share shocks", 1.0, lambda rng, n: _panel(rng, n, 5)),
    "many units": Scenario("25 services that share shocks", 1.0, lambda rng, n: _panel(rng, n, 25)),
    "shared": Scenario("25 services, their treatment shared in part", 1.0, lambda rng, n: _panel(rng, n, 25, 1.0)),
    "switch": Scenario("on or off, for ten steps at a time", 1.0, _switch),
    "instrument": Scenario("a flag as instrument, confounder unmeasured", 1.0, _instrument),
    "front-door": Scenario("a measured mediator, confounder unmeasured", 1.0, _front_door),
    "two series": Scenario("one treated, one control, from halfway on", 1.0, lambda rng, n: _comparison(rng, n, 2, 1)),
    "few units": Scenario("1 of 8 treated from halfway on", 1.0, lambda rng, n: _comparison(rng, n, 8, 1)),
    "single series": Scenario("one series, a start in its last fifth", 1.0, lambda rng, n: _single(rng, n, 0.0)),
    "noisy single series": Scenario("the same with noise beside AR(.9)", 1.0, lambda rng, n: _single(rng, n, 2.0)),
    "white single series": Scenario("the same with independent errors", 1.0, lambda rng, n: _single(rng, n, 0.0, 0.0)),
    "cutoff": Scenario("a score of 0 decides, curves on both sides", 1.0, _cutoff),
    "coarse cutoff": Scenario("the same, scores in steps of 0.02", 1.0, lambda rng, n: _cutoff(rng, n, 0.02)),
    "rollout": Scenario("10 of 25 treated from halfway on", 1.0, lambda rng, n: _comparison(rng, n, 25, 10)),
}
