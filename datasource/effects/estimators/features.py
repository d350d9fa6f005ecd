"""What effects may differ by, as columns for trees and regressions."""

import numpy as np

from datasource.data import Floats
from datasource.effects.study import Study

_MANY = 20


def modifier_features(study: Study) -> Floats:
    """The modifiers (n, k), an indicator of each level of a text, and one of each unit where there are several.

    More than twenty units or levels are one column of codes.
    """
    columns = []
    for name in study.modifiers.names:
        column = study.modifiers.column(name)
        columns.append(_indicators(column) if name in study.modifiers.levels else column[:, None])
    if study.units is not None and study.unit_count > 1:
        columns.append(_indicators(study.units.astype(np.float64)))
    return np.column_stack(columns) if columns else np.empty((study.n, 0))


def _indicators(codes: Floats) -> Floats:
    values = np.unique(codes)
    if len(values) > _MANY:
        return codes[:, None]
    indicators: Floats = (codes[:, None] == values).astype(np.float64)
    return indicators
