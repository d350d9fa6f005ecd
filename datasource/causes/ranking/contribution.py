"""What each service adds to the symptom by itself, in the symptom's unit."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from datasource.causes.ranking.levels import SECONDS, Levels
from datasource.causes.ranking.service_excess import Excess
from datasource.data import Variable
from datasource.data.roles import SHARES
from datasource.settings import Signal


class Share(NamedTuple):
    """A contribution in its unit."""

    value: float
    unit: str


def contributions(
    levels: Levels, slowness: Excess, failures: Excess, signals: Mapping[str, Signal], symptom: Variable | None
) -> dict[int, Share]:
    """By place of the variable that measures it: a service's own excess.

    For a symptom that is slow or fails, excess of its own kind per request of the symptom (per second where the symptom
    is a rate), at most the symptom's own gap altogether. Otherwise excess per request of the service itself.
    """
    found: dict[int, Share] = {}
    at = levels.variables.index(symptom) if symptom is not None and symptom in levels.variables else None
    role = levels.roles[at] if at is not None else ""
    for own, places, kinds, plain in (
        (slowness, levels.slowest, ("latency", "work"), "s"),
        (failures, levels.failing, ("failure",), "ratio"),
    ):
        if at is not None and role in kinds:
            there = signals[levels.variables[at].signal]
            requests = levels.requests[levels.owner[at]]
            rate = role == "work" or (role == "failure" and there.role == "failure" and there.unit not in SHARES)
            factor = SECONDS.get(there.unit, 1.0) if plain == "s" else 1.0 / SHARES.get(there.unit, 1.0)
            each = own.excess / factor
            gap = abs(float(np.nan_to_num(levels.shifts.change[at])))
            if np.isfinite(requests) and requests > 0:
                gap *= requests if rate else 1.0
                each = each if rate else each / requests
            total = float(each.sum())
            each = each * min(1.0, gap / total) if total > 0 else each
            unit = there.unit
        else:
            requests_of = np.where(levels.requests > 0, levels.requests, 1.0)
            each, unit = own.excess / requests_of, plain
        found |= {int(i): Share(float(each[s]), unit) for s, i in enumerate(places) if i >= 0 and each[s] > 0}
    return found
