"""Matching: every treated row beside the untreated rows of nearest propensity."""

import numpy as np

from datasource.data import Floats
from datasource.effects.estimators.nuisance import Ridge, check_own_movement
from datasource.effects.estimators.propensity import balance, overlap, propensities, treatment_arms
from datasource.effects.inference import estimate
from datasource.effects.result import Answer
from datasource.effects.study import Study

MATCHES = 4


def propensity_score_matching(study: Study) -> Answer:
    """The effect on the treated: four matches with replacement, bias adjusted (Abadie and Imbens 2006, 2011).

    Matches are nearest in a logistic propensity; ties count alike. What is left between matches is adjusted for by a
    ridge regression of the untreated. A row's influence is its residual times how often it was used, the martingale
    form of Abadie and Imbens (2012); that the propensity is estimated is left out.
    """
    arms = treatment_arms(study, "propensity_score_matching")
    check_own_movement(study)
    treated, untreated = arms == 1, arms == 0
    propensity = propensities(study.controls, arms)
    controls = study.controls if study.controls.shape[1] else np.zeros((study.n, 1))
    expected = Ridge().fit(controls[untreated], study.outcome[untreated]).predict(controls)
    used = arms.copy()
    used[untreated] = -times_used(propensity[treated], propensity[untreated])
    weighted = used * (study.outcome - expected) / treated.sum()
    value = float(weighted.sum())
    effect = estimate(value, weighted - value * arms / treated.sum(), study, study.controls.shape[1] + 2)
    notice = "this is the effect on the treated (ATT), which is not that on all rows where effects differ"
    checks = (overlap(arms, propensity), balance(study, arms, np.abs(used)))
    return Answer(effect, study.n, checks=checks, notices=(notice,))


def times_used(treated: Floats, untreated: Floats, matches: int = MATCHES) -> Floats:
    """How often each untreated row (m) is used for the treated (k); every treated row uses one in all.

    A treated row takes the `matches` nearest, and all that are as near as the last of them, in equal parts.
    """
    matches = min(matches, len(untreated))
    order = np.argsort(untreated, kind="stable")
    line = untreated[order]
    near = np.searchsorted(line, treated)[:, None] + np.arange(-matches, matches)
    inside = (near >= 0) & (near < len(line))
    distances = np.abs(line[np.clip(near, 0, len(line) - 1)] - treated[:, None])
    reach = np.sort(np.where(inside, distances, np.inf), axis=1)[:, matches - 1] + 1e-12
    first, last = np.searchsorted(line, treated - reach), np.searchsorted(line, treated + reach, side="right")
    shares = 1 / (last - first)
    steps = np.bincount(first, shares, len(line) + 1) - np.bincount(last, shares, len(line) + 1)
    used = np.empty(len(line))
    used[order] = np.cumsum(steps)[:-1]
    return used
