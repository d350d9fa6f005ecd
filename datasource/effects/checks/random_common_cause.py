"""Random common cause: adjusting for noise must not move the estimate."""

import numpy as np
from scipy.signal import lfilter

from datasource.data import Floats
from datasource.effects.checks.refit import JUMPING, SEED, effect_of, rows_of, slow, standard_error
from datasource.effects.checks.series import at_rows, memory, on_grid
from datasource.effects.methods import Method
from datasource.effects.result import Answer, Check
from datasource.effects.study import Study, StudyError

NAME = "random common cause"


def random_common_cause(study: Study, method: Method, answer: Answer) -> Check | None:
    """The estimate with a random column in the adjustment set; it should move by less than half its standard error.

    On series the column is AR(1) with the treatment's own memory. Three columns are tried, one where the method is
    slow, and the largest move counts. Learners, whose curves change with any column, may move by a whole standard
    error; matching, where any column makes other rows neighbours, and curves that are chosen anew, by two. Not made
    where nothing is adjusted for by design.
    """
    if method.identified_by == "randomisation":
        return None
    error = standard_error(answer.effect)
    rows = rows_of(study, method)
    rng = np.random.default_rng(SEED)
    moves = [
        abs(effect_of(rows.with_adjustment("random", _noise(rows, rng)), method) - answer.effect.value)
        for _ in range(1 if slow(study, method) else 3)
    ]
    if not np.isfinite(moves).all():
        raise StudyError("with a random column in the adjustment set there is no estimate")
    move = max(moves) / error if error > 0 else 0.0
    text = f"a random column in the adjustment set moves the estimate by {move:.2g} standard errors"
    passed = move < (2.0 if method.name in JUMPING else 1.0 if method.package else 0.5)
    return Check(NAME, passed, text if passed else f"{text}: too few rows for what is adjusted for, or too much drift")


def _noise(study: Study, rng: np.random.Generator) -> Floats:
    if study.times is None:
        return rng.normal(size=study.n)
    held = float(np.clip(memory(study.treatment[:, 0], study), 0, 0.999))
    grid = on_grid(study.outcome, study)
    noise = rng.normal(size=grid.shape)
    noise[:, 1:] *= np.sqrt(1 - held**2)
    return at_rows(lfilter([1.0], [1.0, -held], noise, axis=1), study)
