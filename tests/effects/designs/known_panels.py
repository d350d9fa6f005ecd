"""Panels of units over time whose effects are known."""

import numpy as np

from datasource.effects.study import Study, lay_out


def autoregressive(rng: np.random.Generator, n: int, memory: float) -> np.ndarray:
    noise = rng.normal(size=n + 100)
    for t in range(1, n + 100):
        noise[t] += memory * noise[t - 1]
    return noise[100:]


def panel(outcome: np.ndarray, began: list[int | None], **changes) -> Study:
    """A study of `outcome` (units, times); unit i is treated from the time began[i] on, or never."""
    units, times = outcome.shape
    treated = np.array([[start is not None and t >= start for t in range(times)] for start in began], dtype=float)
    given = {"unit_names": [f"u{unit}" for unit in range(units)], "adjustment": {}} | changes
    return lay_out(
        outcome.ravel(),
        treated.ravel(),
        units=np.repeat(np.arange(units), times),
        times=np.tile(np.arange(times), units),
        **given,
    )


def covers(estimate, truth: float) -> bool:
    return estimate.lower <= truth <= estimate.upper


def check(answer, name: str):
    return next(one for one in answer.checks if one.name == name)
