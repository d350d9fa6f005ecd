"""Counterfactual regression: what a series would have been, from others that the intervention did not touch."""

import numpy as np

from datasource.data import Floats
from datasource.effects.estimators.autoregressive_error import autoregressive_error
from datasource.effects.estimators.panel_table import control_names, mean_of, only_series, panel_table
from datasource.effects.estimators.single_intervention import single_comparison
from datasource.effects.result import Answer, Check
from datasource.effects.study import Mask, Study, StudyError

_NAME = "counterfactual_regression"
_PENALTIES = np.array([1e-6, 1e-4, 1e-3, 1e-2, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0])
_FOLDS = 5


def counterfactual_regression(study: Study) -> Answer:
    """Ridge regression of the treated on control series before the start, carried on after it.

    Controls are the other units and the treated unit's adjustment columns; without any, the level before goes on. The
    penalty is the best of blocks left out. Intervals, pointwise, of the average and of the sum, come from an
    autoregression of the residuals before the start, the fit's own uncertainty counted in (as CausalImpact of
    Brodersen et al. 2015, with ridge in place of its priors). Raises StudyError without times before the start.
    """
    table = panel_table(study, _NAME)
    treated, others, notices = only_series(table)
    own = [mean_of(column[table.group]) for column in table.columns]
    controls = np.column_stack([others, *own]) if own else others
    names = [*control_names(table), *study.adjustment.names]
    kept = np.isfinite(treated) & np.isfinite(controls).all(axis=1)
    times, treated, controls, post = table.times[kept], treated[kept], controls[kept], table.post[kept]
    before = ~post
    if not post.any():
        raise StudyError("no time after the start has the outcome and all controls; give later times")
    if before.sum() < 4:
        raise StudyError(f"{int(before.sum())} times before the start; give at least 4, better 100")
    centre, scale = controls[before].mean(axis=0), controls[before].std(axis=0)
    largest = np.abs(controls[before]).max(axis=0, initial=0)
    moving = scale > 1e-12 * np.maximum(largest, 1e-300)
    if not moving.all():
        still = ", ".join(name for name, moves in zip(names, moving, strict=True) if not moves)
        notices.append(f"no controls, constant before the start: {still}")
    columns = (controls[:, moving] - centre[moving]) / scale[moving]
    if not columns.shape[1]:
        notices.append("no control series: the level before the start is what would have gone on")
    design = np.column_stack([np.ones(len(times)), columns])
    inner = ridge_inner(design[before], ridge_penalty(design[before], treated[before]))
    counterfactual = design @ (inner @ (design[before].T @ treated[before]))
    residuals = (treated - counterfactual)[before]
    process = autoregressive_error(residuals, times[before], design[before], inner)
    comparison = single_comparison(
        times, treated, mean_of(others[kept].T) if others.shape[1] else np.full(len(times), np.nan),
        counterfactual, post, process, (design, inner),
    )  # fmt: skip
    if not process.variance > 0:
        notices.append(f"{study.outcome_name} does not move beside its controls before the start: no interval")
    beyond = _beyond(columns, post, names, moving)
    checks = [_level(residuals, treated[before], process.drifting)]
    if columns.shape[1]:
        checks.append(beyond)
    return Answer(comparison.average, len(times), checks=tuple(checks), notices=tuple(notices), comparison=comparison)


def ridge_inner(design: Floats, penalty: float, free: int = 1) -> Floats:
    """The matrix between the design and its transpose in the hat matrix of ridge; the first `free` columns, of which
    one is the intercept, are not shrunk."""
    shrink = np.full(design.shape[1], penalty * len(design))
    shrink[:free] = 0.0
    return np.asarray(np.linalg.inv(design.T @ design + np.diag(shrink)), dtype=np.float64)


def ridge_penalty(design: Floats, outcome: Floats, free: int = 1) -> float:
    """The penalty with the least error on blocks of time that it was not fitted on."""
    n = len(outcome)
    if design.shape[1] == free or n < 2 * _FOLDS:
        return float(_PENALTIES[-4]) if design.shape[1] > free else float(_PENALTIES[0])
    errors = np.zeros(len(_PENALTIES))
    for block in np.array_split(np.arange(n), _FOLDS):
        rest = np.setdiff1d(np.arange(n), block)
        crossed = design[rest].T @ outcome[rest]
        for place, penalty in enumerate(_PENALTIES.tolist()):
            fitted = design[block] @ (ridge_inner(design[rest], penalty, free) @ crossed)
            errors[place] += float(((outcome[block] - fitted) ** 2).sum())
    return float(_PENALTIES[int(np.argmin(errors))])


def _level(residuals: Floats, outcome: Floats, drifting: bool) -> Check:
    """Whether the model tells what the series does before the start, and leaves no drift."""
    explained = 1 - residuals.var() / outcome.var() if outcome.var() > 0 else np.nan
    half = len(residuals) // 2
    drift = float(residuals[half:].mean() - residuals[:half].mean())
    passed = not drifting
    said = "the residuals before the start come back" if passed else "the residuals before the start drift"
    return Check(
        "pre-period fit",
        passed,
        f"{said}: {explained:.0%} explained, later half less earlier half {drift:.3g}",
    )


def _beyond(columns: Floats, post: Mask, names: list[str], moving: Mask) -> Check:
    """Whether the controls stay, after the start, where they were before it."""
    before = columns[~post]
    low, high = before.min(axis=0) - 1, before.max(axis=0) + 1
    outside = ((columns[post] < low) | (columns[post] > high)).mean(axis=0)
    known = [name for name, moves in zip(names, moving, strict=True) if moves]
    far = [name for name, share in zip(known, outside, strict=True) if share > 0.1]
    said = (
        f"controls go where they never were before the start: {', '.join(far)}; they may be touched too"
        if far
        else ("the controls stay where they were before the start")
    )
    return Check("overlap", not far, said)
