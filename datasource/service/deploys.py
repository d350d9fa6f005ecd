"""The comparison of two versions as rows, each with its sentence."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from datasource.data import Matrix
from datasource.incidents.quantity import interval, quantity
from datasource.interventions.deploys import Compared, Versions, compare_versions
from datasource.settings import Signal


def compared_rows(
    matrix: Matrix, signals: Mapping[str, Signal], versions: Versions, tolerance: float
) -> list[dict[str, Any]]:
    """Every signal of every entity that has both versions; what is worse first. Raises StudyError."""
    found = compare_versions(matrix, signals, versions, tolerance)
    found = tuple(sorted(found, key=lambda one: (not one.worse, not one.clear, str(one.entity), one.what)))
    return [_row(one, versions, signals[one.signal].unit) for one in found]


def _row(one: Compared, versions: Versions, unit: str) -> dict[str, Any]:
    return {
        "entity": str(one.entity),
        "labels": dict(one.entity.labels),
        "signal": one.signal,
        "what": one.what,
        "design": one.design,
        "old": one.old,
        "change": vars(one.change),
        "p_adjusted": one.p_adjusted,
        "clear": one.clear,
        "worse": one.worse,
        "sentence": _sentence(one, versions, unit),
    }


def _sentence(one: Compared, versions: Versions, unit: str) -> str:
    change = one.change
    if not np.isfinite(change.lower):
        return f"{one.entity}: {one.what}: cannot be told yet"
    unit = unit if one.what == one.signal else "short"
    old, new = (quantity(value, unit) for value in (one.old, one.old + change.value))
    size = interval(change.value, change.lower, change.upper, unit)
    if not one.clear:
        said = "no change that can be told from chance"
    elif one.worse:
        said = "worse"
    else:
        said = "another mechanism" if one.what.startswith("slope of") else "changed, and not worse than is tolerated"
    return (
        f"{one.entity}: {one.what} {new} in {versions.new}, {old} in {versions.old}: {size}, "
        f"p {one.p_adjusted:.2g}: {said}"
    )
