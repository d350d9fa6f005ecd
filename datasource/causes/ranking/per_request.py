"""Work and failures as what they are per request, and how well a failure ratio can be known."""

from collections.abc import Sequence

import numpy as np

from datasource.causes.ranking.constants import SMALLEST_FAILURE_RATIO
from datasource.data import Floats
from datasource.data.roles import SHARES


def per_request(
    before: Floats, now: Floats, loads: tuple[Floats, Floats], roles: Sequence[str], units: Sequence[str]
) -> list[str]:
    """Change work, failures and successes to what they are per request, and successes to the failures that are left, in
    place; the roles are returned."""
    changed = list(roles)
    for i, role in enumerate(roles):
        whole = SHARES.get(units[i].lower())
        if role in ("failure", "success") and whole is not None:
            before[i], now[i] = before[i] / whole, now[i] / whole
        elif role in ("work", "failure", "success") and np.isfinite(loads[0][i]).any():
            with np.errstate(divide="ignore", invalid="ignore"):
                before[i] = np.where(loads[0][i] > 0, before[i] / loads[0][i], np.nan)
                now[i] = np.where(loads[1][i] > 0, now[i] / loads[1][i], np.nan)
        elif role == "success":
            before[i] = now[i] = np.nan
        if role == "success":
            # What never counts a success counts nothing.
            counts = bool((before[i] > 0).any() or (now[i] > 0).any())
            before[i], now[i], changed[i] = 1 - before[i], 1 - now[i], "failure" if counts else ""
    return changed


def ones(before: Floats, now: Floats, roles: Sequence[str]) -> Floats:
    """What one failure is in each row of failures, where all values are multiples of the smallest; else NaN."""
    found = np.full(len(roles), np.nan)
    for i in (i for i, role in enumerate(roles) if role == "failure"):
        known = np.concatenate([before[i], now[i]])
        known = known[np.isfinite(known) & (known > 0)]
        if known.size and np.allclose(known / known.min(), np.rint(known / known.min()), rtol=1e-4, atol=0.0):
            found[i] = known.min()
    return found


def counting_error(
    before: Floats, loads: tuple[Floats, Floats], roles: Sequence[str], one: Floats, step: int
) -> Floats:
    """No failure ratio is known better than by counting the requests of two points, nor than to one in 500.

    Where `one` failure is known (see `ones`), the load holds that many times as many requests; otherwise a load of
    whole numbers counts requests, and any other is per second.
    """
    least = np.zeros(len(roles))
    for i in (i for i, role in enumerate(roles) if role == "failure"):
        known = np.concatenate([rows[i][np.isfinite(rows[i])] for rows in loads])
        each = 1.0 if np.array_equal(known, np.rint(known)) else float(step)
        each = 1 / one[i] if np.isfinite(one[i]) else each
        latest = loads[1][i][np.isfinite(loads[1][i])]
        count = max(1.0, 2 * each * float(latest.mean())) if latest.size else 1e6
        usual = before[i][np.isfinite(before[i])]
        ratio = min(max(float(np.median(usual)) if usual.size else 0.0, 1 / count), 0.9)
        least[i] = max(np.sqrt(ratio * (1 - ratio) / count), SMALLEST_FAILURE_RATIO)
    return least
