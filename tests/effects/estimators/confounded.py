"""Studies whose effect is known, for estimators that adjust."""

import numpy as np
from causaldata import nhefs_complete

from datasource.effects.estimators.propensity import treatment_arms
from datasource.effects.result import Estimate
from datasource.effects.study import Study, lay_out

HOLDS, DIFFERS = 2.0, (1.0, 3.0)


def independent_rows(binary: bool, seed: int = 0, n: int = 2000, **columns) -> Study:
    """Rows in any order; a and b move treatment and outcome, one unit of treatment gives 2.0."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n))
    treatment = assigned(rng, 0.8 * a + 0.4 * b, binary)
    outcome = HOLDS * treatment + 2 * a + b + rng.normal(size=n)
    return lay_out(outcome, treatment, {"a": a, "b": b}, **columns)


def heterogeneous_rows(binary: bool, seed: int = 0, n: int = 2000) -> Study:
    """The effect is 1.0 where load is below 0.5 and 3.0 above; text `tier` says the same in words."""
    rng = np.random.default_rng(seed)
    a, load = rng.normal(size=n), rng.uniform(size=n)
    high = load > 0.5
    treatment = assigned(rng, a, binary)
    outcome = np.where(high, *DIFFERS[::-1]) * treatment + 2 * a + load + rng.normal(size=n)
    modifiers = {"load": load, "tier": high.astype(float)}
    return lay_out(outcome, treatment, {"a": a}, modifiers=modifiers, levels={"tier": ("low", "high")})


def several_units(binary: bool, seed: int = 0, n: int = 400) -> Study:
    """Three services over time, with levels of their own and effects 1.0, 2.0 and 3.0."""
    rng = np.random.default_rng(seed)
    units, times = np.repeat(np.arange(3), n), np.tile(np.arange(n), 3)
    a = rng.normal(size=3 * n)
    treatment = assigned(rng, a + units - 1, binary)
    outcome = (1.0 + units) * treatment + a + 10 * units + rng.normal(size=3 * n)
    return lay_out(outcome, treatment, {"a": a}, times=times, units=units, unit_names=("cart", "pay", "mail"))


def autocorrelated(binary: bool, seed: int, n: int = 1000) -> Study:
    """One series of memory 0.9 everywhere, effect 2.0."""
    rng = np.random.default_rng(seed)
    z, own, noise = (autoregressive(rng, n) for _ in range(3))
    treatment = 0.5 * z + own
    if binary:
        treatment = (treatment > 0).astype(float)
    return lay_out(HOLDS * treatment + z + noise, treatment, {"z": z}, times=np.arange(n))


def quit_smoking() -> Study:
    """The NHEFS cohort of Hernán and Robins: who quit smoking gained 3.4 to 3.5 kg more, adjusted."""
    data = nhefs_complete.load_pandas().data
    columns = {}
    for name in ("age", "smokeintensity", "smokeyrs", "wt71"):
        columns |= {name: data[name].to_numpy(float), f"{name}^2": data[name].to_numpy(float) ** 2}
    for name in ("sex", "race", "education", "exercise", "active"):
        codes = data[name].astype(float).to_numpy()
        columns |= {f"{name}={code:g}": (codes == code).astype(float) for code in np.unique(codes)[1:]}
    return lay_out(data["wt82_71"].to_numpy(float), data["qsmk"].to_numpy(float), columns, names=("quit", "gain"))


def assigned(rng: np.random.Generator, leaning: np.ndarray, binary: bool) -> np.ndarray:
    if binary:
        return (rng.uniform(size=len(leaning)) < 1 / (1 + np.exp(-leaning))).astype(float)
    return leaning + rng.normal(size=len(leaning))


def naive(study: Study) -> float:
    """The difference of means, nothing adjusted for."""
    arms = treatment_arms(study, "the naive difference")
    return float(study.outcome[arms == 1].mean() - study.outcome[arms == 0].mean())


def autoregressive(rng: np.random.Generator, n: int, memory: float = 0.9) -> np.ndarray:
    noise = rng.normal(size=n)
    for t in range(1, n):
        noise[t] += memory * noise[t - 1]
    return noise


def covers(estimate: Estimate, truth: float) -> bool:
    return estimate.lower <= truth <= estimate.upper
