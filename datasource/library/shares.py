"""Can the numbers of failures and successes mean what their signals say?"""

import numpy as np

from datasource.data import Floats, Matrix, Roles
from datasource.settings import Settings

_BEYOND = 1.5
"""No share goes so far beyond the whole, and no failures so far beyond the requests."""


def wrong_share(settings: Settings, name: str, matrix: Matrix) -> str:
    """What cannot be of a signal of failures or successes, else nothing: shares above the whole, a share of failures
    that is mostly above a half, parts of a failure, more failures than requests. In `matrix` absent failures are zeros.
    """
    roles, signal = Roles(settings.signals), settings.signals[name]
    variables = [variable for variable in matrix.variables if variable.signal == name]
    if signal.role not in ("failure", "success") or not variables:
        return ""
    rows = np.array([matrix.row(variable) for variable in variables])
    found = [roles.requests(matrix, variable) for variable in variables]
    loads = np.array([np.full(rows.shape[1], np.nan) if load is None else load for load in found])
    share = roles.share(variables[0])
    wrong = _wrong_unit(rows, loads, signal.window, signal.unit, share)
    return wrong or ("" if share is None else _wrong_way(rows / share, signal.role))


def _wrong_unit(rows: Floats, loads: Floats, window: float, unit: str, share: float | None) -> str:
    if share is not None:
        highest = float(np.nanmax(rows, initial=0.0))
        if highest <= _BEYOND * share:
            return ""
        write = "write unit: percent" if share < highest <= _BEYOND * 100 else "the query counts something else"
        return f"{highest:.4g} is no share in unit: {unit}; {write}"
    some = (rows > 0) & (loads > 0)
    if not some.any():
        return ""
    usual = float(np.median(rows[some]))
    if usual * window < 0.5:
        return (
            f"half of its values above 0 are below {usual:.2g}, less than one request in {window:g} s: a ratio? "
            "Then write unit: percentunit"
        )
    if float(np.median(rows[some] / loads[some])) > _BEYOND:
        return f"usually {usual:.2g}, more than there are requests: are both per second? A percentage is unit: percent"
    return ""


def _wrong_way(levels: Floats, role: str) -> str:
    known = levels[np.isfinite(levels)]
    if not known.size or (np.median(known) > 0.5) == (role == "success"):
        return ""
    if role == "failure":
        return "more than half of all requests fail, as a rule: does it count what succeeds? Then write role: success"
    return "fewer than half of all requests succeed, as a rule: does it count what fails? Then write role: failure"
