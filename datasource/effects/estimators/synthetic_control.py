"""Synthetic control: a weighted mean of controls that went like the treated before the start."""

from dataclasses import replace

import numpy as np
from scipy.optimize import nnls

from datasource.data import Floats
from datasource.effects.estimators.autoregressive_error import AutoregressiveError, autoregressive_error
from datasource.effects.estimators.panel_table import control_names, only_series, panel_table
from datasource.effects.estimators.single_intervention import single_comparison, times_over
from datasource.effects.result import Answer, Check, Comparison, Estimate
from datasource.effects.study import Ints, Mask, Study, StudyError

_NAME = "synthetic_control"
_SERIES = 40
"""From so many times before the start on, their gaps tell the error; with fewer, the controls do."""
_FOLDS, _MANY = 4, 100


def synthetic_control(study: Study) -> Answer:
    """Abadie, Diamond and Hainmueller (2010): weights of at least 0 that sum to 1, fitted on the outcome before.

    The p-value is the treated's place among in-space placebos, each control in its turn, by the ratio of the gap
    after to the gap before. The interval comes from the gaps of blocks before the start that the weights were not
    fitted on (after Chernozhukov, Wüthrich and Zhu 2021) where there are 40 times or more; else from the placebos'
    average gaps, which takes 19 controls; else there is none. On AR(0.9) series, one of 8 units treated, 91% of the
    intervals hold the truth (`benchmarks/coverage.py`, 150 runs); the answer says so for fewer than 100 times before
    the start. Raises StudyError for fewer than two controls.
    """
    table = panel_table(study, _NAME)
    treated, controls, notices = only_series(table)
    names = control_names(table)
    if controls.shape[1] < 2:
        raise StudyError(
            f"synthetic_control needs at least two control units, and there are {controls.shape[1]}; give more units, "
            "or use counterfactual_regression"
        )
    if study.adjustment.names:
        notices.append(f"not adjusted for, the weights fit the outcome alone: {', '.join(study.adjustment.names)}")
    kept = np.isfinite(treated) & np.isfinite(controls).all(axis=1)
    times, treated, controls, post = table.times[kept], treated[kept], controls[kept], table.post[kept]
    if (~post).sum() < 3 or not post.any():
        raise StudyError(
            f"{int((~post).sum())} times before the start and {int(post.sum())} after it that all units have; give at "
            "least 3 and 1"
        )
    weights = _weights(treated[~post], controls[~post])
    counterfactual = controls @ weights
    gaps = treated - counterfactual
    placebos = _placebos(controls, post)
    test, p_value = _rank(gaps, placebos, post)
    comparison = single_comparison(
        times, treated, controls.mean(axis=1), counterfactual, post, _process(treated, controls, times, post)
    )
    if (~post).sum() < _SERIES:
        comparison = _among_placebos(comparison, gaps, placebos, post, p_value)
        notices.append(
            "no interval: too few times before the start, and fewer than 19 controls to compare with"
            if np.isnan(comparison.average.lower)
            else "the interval is how far the placebos' gaps reach, in terms of their gaps before the start"
        )
    elif (~post).sum() < _MANY:
        notices.append("about 91% of such intervals hold on strongly autocorrelated series; give a longer range")
    main = np.argsort(-weights)[:5]
    donors = ", ".join(f"{names[donor]} {weights[donor]:.0%}" for donor in main.tolist() if weights[donor] >= 0.01)
    notices.append(f"made of {donors}")
    return Answer(
        comparison.average,
        study.n,
        checks=(_fit(treated, gaps, post), test),
        notices=tuple(notices),
        comparison=comparison,
    )


def _weights(treated: Floats, controls: Floats) -> Floats:
    """Non-negative weights (controls) that sum to 1 with the least squared gap."""
    scale = max(float(np.abs(controls).max(initial=0)), float(np.abs(treated).max(initial=0)), 1e-300)
    shifted = (controls - treated[:, None]) / scale  # weights sum to 1, so that the gap is shifted @ weights
    strong = 1e3 * np.sqrt(len(treated)) * max(float(np.abs(shifted).max(initial=0)), 1e-9)
    design = np.vstack([shifted, np.full(controls.shape[1], strong)])
    goal = np.append(np.zeros(len(treated)), strong)
    found = nnls(design, goal, maxiter=50 * controls.shape[1] + 100)[0]
    weights: Floats = found / found.sum()
    return weights


def _placebos(controls: Floats, post: Mask) -> Floats:
    """The gap (m, controls) of each control to the synthetic control that the others make."""
    gaps = np.empty_like(controls)
    for place in range(controls.shape[1]):
        others = np.delete(controls, place, axis=1)
        gaps[:, place] = controls[:, place] - others @ _weights(controls[~post, place], others[~post])
    return gaps


def _process(treated: Floats, controls: Floats, times: Ints, post: Mask) -> AutoregressiveError:
    """The errors of gaps on blocks before the start that were left out of the fit."""
    before = np.flatnonzero(~post)
    left = np.empty(len(before))
    for block in np.array_split(np.arange(len(before)), min(_FOLDS, len(before))):
        rest = np.delete(before, block)
        left[block] = treated[before[block]] - controls[before[block]] @ _weights(treated[rest], controls[rest])
    return autoregressive_error(left, times[before], np.zeros((len(before), 1)))


def _rank(gaps: Floats, placebos: Floats, post: Mask) -> tuple[Check, float]:
    """Abadie's permutation test: the ratio of root mean squares after and before, among those of the controls."""
    every = np.column_stack([gaps, placebos])
    before, after = np.sqrt((every[~post] ** 2).mean(axis=0)), np.sqrt((every[post] ** 2).mean(axis=0))
    ratios = after / np.maximum(before, 1e-9 * max(float(np.abs(every).max(initial=0)), 1e-300))
    rank = int((ratios >= ratios[0] * (1 - 1e-9)).sum())
    p = rank / len(ratios)
    text = f"ratio of the gap after to the gap before: place {rank} among {len(ratios)} units (p {p:.2g})"
    if len(ratios) < 20:
        return Check(
            "placebo in space", None if rank == 1 else False, f"{text}; 20 units would be needed for p 0.05"
        ), p
    return Check("placebo in space", p <= 0.05, text), p


def _among_placebos(comparison: Comparison, gaps: Floats, placebos: Floats, post: Mask, p_value: float) -> Comparison:
    """The comparison with intervals from the placebos' gaps, each in terms of its gaps before the start."""
    before = np.sqrt((placebos[~post] ** 2).mean(axis=0))
    own = float(np.sqrt((gaps[~post] ** 2).mean()))
    scaled = placebos / np.maximum(before, 1e-12 * max(float(before.max()), 1e-300)) * own
    reaches = np.array([_reach(row) for row in scaled])
    value, reach = comparison.average.value, _reach(scaled[post].mean(axis=0))
    average = Estimate(value, value - reach, value + reach, p_value)
    events = tuple(
        (step, one if one.value == 0 else Estimate(one.value, one.value - width, one.value + width))
        for (step, one), width in zip(comparison.event_study, reaches.tolist(), strict=True)
    )
    return replace(
        comparison,
        lower=comparison.counterfactual - reaches,
        upper=comparison.counterfactual + reaches,
        average=average,
        cumulative=times_over(average, float(post.sum())),
        event_study=events,
    )


def _reach(placebos: Floats) -> float:
    """What 95% of the placebos (controls) stay within; NaN for fewer than 19."""
    if len(placebos) < 19:
        return np.nan
    return float(np.sort(np.abs(placebos))[min(int(np.ceil(0.95 * (len(placebos) + 1))), len(placebos)) - 1])


def _fit(treated: Floats, gaps: Floats, post: Mask) -> Check:
    """Whether the synthetic control goes like the treated before the start."""
    error, spread = float(np.sqrt((gaps[~post] ** 2).mean())), float(treated[~post].std())
    effect = float(np.abs(gaps[post]).mean())
    passed = bool(error <= max(0.5 * spread, 0.25 * effect) or error <= 1e-9 * float(np.abs(treated).max(initial=0)))
    said = (
        "goes like the treated before the start"
        if passed
        else ("does not go like the treated before the start; its weighted mean cannot reach it")
    )
    return Check(
        "pre-period fit",
        passed,
        f"the synthetic control {said}: root mean square gap {error:.3g}, the treated's own spread {spread:.3g}",
    )
