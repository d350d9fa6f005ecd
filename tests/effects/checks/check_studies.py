"""Studies whose truth is known, sound ones and ones that break a single check."""

from collections import Counter
from collections.abc import Callable

import numpy as np

from datasource.effects.checks import run_checks
from datasource.effects.methods import ESTIMATORS, Method
from datasource.effects.result import Answer, Check, Estimate
from datasource.effects.study import Study, lay_out
from datasource.numerics import least_squares

LINEAR = ESTIMATORS["backdoor.linear_regression"]
SEEDS = range(10)


class Careless(Method):
    """Least squares with the interval of independent rows, whatever they are."""

    def estimate(self, study: Study) -> Answer:
        fit = least_squares(study.outcome, np.column_stack([study.controls, study.treatment[:, :1]]))
        error = float(np.sqrt(fit.residuals.var() * (fit.weights[:, -1] ** 2).sum()))
        value = float(fit.coefficients[-1])
        return Answer(Estimate(value, value - 1.96 * error, value + 1.96 * error), study.n)


CARELESS = Careless(*LINEAR._replace(lags=False))


def autoregressive(rng: np.random.Generator, n: int, memory: float) -> np.ndarray:
    noise = rng.normal(size=n)
    for t in range(1, n):
        noise[t] += memory * noise[t - 1]
    return noise


def series(
    seed: int, n: int = 1000, controls: int = 3, memory: float = 0.8, effect: float = 1.0, lags: int = 0, units: int = 1
) -> Study:
    """Confounded by what is adjusted for, autocorrelated on both sides; the effect is that of now."""
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(units):
        z = np.array([autoregressive(rng, n, memory) for _ in range(controls)]).reshape(controls, n)
        x = 0.2 * z.sum(axis=0) + autoregressive(rng, n, memory)
        y = effect * x + 0.5 * z.sum(axis=0) + autoregressive(rng, n, memory)
        past = [np.append(np.full(lag, np.nan), x[: n - lag]) for lag in range(lags + 1)]
        parts.append((y, np.column_stack(past), z))
    return lay_out(
        np.concatenate([y for y, _, _ in parts]),
        np.concatenate([x for _, x, _ in parts]),
        {f"z{k}": np.concatenate([z[k] for _, _, z in parts]) for k in range(controls)},
        times=np.tile(np.arange(n), units),
        units=np.repeat(np.arange(units), n) if units > 1 else None,
        unit_names=tuple(f"pod-{unit}" for unit in range(units)),
        names=("restarts", "latency"),
    )


def rows(seed: int, n: int = 600, controls: int = 3, effect: float = 1.0, binary: bool = False) -> Study:
    """Independent rows, confounded by what is adjusted for."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, controls))
    x = 0.3 * z.sum(axis=1) + rng.normal(size=n)
    x = (x > 0).astype(float) if binary else x
    y = effect * x + 0.5 * z.sum(axis=1) + rng.normal(size=n)
    return plain(y, x, z)


def plain(y: np.ndarray, x: np.ndarray, z: np.ndarray | None = None, in_time: bool = False) -> Study:
    columns = {} if z is None else {f"z{k}": column for k, column in enumerate(z.T)}
    return lay_out(y, x, columns, names=("restarts", "latency"), times=np.arange(len(y)) if in_time else None)


def checked(study: Study, method: Method = LINEAR) -> dict[str, Check]:
    return {check.name: check for check in run_checks(study, method, method.estimate(study))}


def outcomes(name: str, make: Callable[[int], Study], method: Method = LINEAR) -> Counter[bool | None]:
    """How often the check held, failed (False) or could not be made (None), over ten seeds."""
    return Counter(checked(make(seed), method)[name].passed for seed in SEEDS)
