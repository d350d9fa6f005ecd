"""Can the numbers of failures and successes mean what their signals say, and which of them are shares of requests?"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from datasource.data.matrix import Floats, Matrix
from datasource.data.roles import Roles
from datasource.data.words import words_of
from datasource.settings import Settings, Signal
from datasource.settings.promql import is_ratio, range_seconds, read_parts

_BEYOND = 1.5
"""No share goes so far beyond the whole, and no failures so far beyond the requests."""
_FEWEST = 30
"""So few points say nothing about how evenly something happens."""
_NEARLY_ALWAYS = 0.9
_STEADY = 0.3
"""What varies by so much of the variance that counts have, or less, is no count."""
_LIKE_COUNTS = 0.6
_MOVES = 0.05
"""By so much (of log) must requests go up and down before it can be seen whether failures follow them."""
_CLOSER = 0.8
_SMALL = 5
_APART = 10
"""Points between two values whose windows do not overlap."""
_QUARTILE = 1.15
"""The upper quartile of |x| for x from a standard normal distribution."""
_RATE = re.compile(r"\b(?:err(?:or)?|fail(?:ure)?|failed|exception|timeout|reject(?:ion)?|drop) rate\b")
"""Names that people give to failures per second and to shares alike."""
_UNSAID = ("short", "none", "")


def wrong_share(settings: Settings, name: str, matrix: Matrix) -> str:
    """What cannot be of a signal of failures or successes, else nothing: shares above the whole, a share of failures
    that is mostly above a half, parts of a failure, more failures than requests. In `matrix` absent failures are zeros.
    """
    roles, signal = Roles(settings.signals), settings.signals[name]
    rows, loads = _rows(roles, name, matrix)
    if signal.role not in ("failure", "success") or not len(rows):
        return ""
    share = roles.share(next(variable for variable in matrix.variables if variable.signal == name))
    if signal.role == "success" and share is None and np.isnan(loads).all():
        return (
            "successes whose requests nobody counts say nothing: add a signal with role: load, or write unit: "
            "percentunit where it is a share"
        )
    wrong = _wrong_unit(rows, loads, signal, share)
    if wrong:
        return wrong
    if share is not None:
        return _wrong_way(rows / share, signal.role)
    unit = "" if _counts_by_query(signal) else _unit_of_share(name, signal, rows, loads, settings.step)
    return f"{_told(unit, loads)}: a share? Then write unit: {unit}" if unit else ""


class Recognised(NamedTuple):
    """Signals with the units that their values show, and what is said about them."""

    signals: dict[str, Signal]
    notices: tuple[str, ...] = ()


def recognise_shares(signals: Mapping[str, Signal], matrix: Matrix) -> Recognised:
    """Failures of no known unit, as of a column called `error_rate`, that can only be a share of the requests: with the
    unit of a share, so that they are not divided by the requests once more."""
    roles, found, said = Roles(signals), dict(signals), []
    for name, signal in signals.items():
        if signal.role != "failure" or signal.unit not in _UNSAID:
            continue
        rows, loads = _rows(roles, name, matrix)
        if unit := _unit_of_share(name, signal, rows, loads, float(matrix.step)):
            found[name] = signal.model_copy(update={"unit": unit})
            what = "share" if unit == "percentunit" else "percentage"
            said.append(
                f"{name} is taken as a {what} of the requests ({_told(unit, loads)}); if these are failures per "
                f"second, write its unit, as '{name} (reqps)'"
            )
    return Recognised(found, tuple(said))


def _rows(roles: Roles, name: str, matrix: Matrix) -> tuple[Floats, Floats]:
    """A signal's values and the load beside them: entities x times each, NaN where there is no load."""
    variables = [variable for variable in matrix.variables if variable.signal == name]
    rows = np.array([matrix.row(variable) for variable in variables])
    found = [roles.requests(matrix, variable) for variable in variables]
    loads = np.array([np.full(rows.shape[1], np.nan) if load is None else load for load in found])
    return rows, loads


def _counts_by_query(signal: Signal) -> bool:
    """Whether the query says itself that it counts per second: the rate of something, not divided by another."""
    if is_ratio(signal.query):
        return False
    return bool(range_seconds(signal.query)) or bool(re.search(r":rate\d+[smh]\b", signal.query))


def _told(unit: str, loads: Floats) -> str:
    often = float(np.nanmedian(loads))
    return f"never above {'1' if unit == 'percentunit' else '100'} while {often:.3g} requests a second come"


def _unit_of_share(name: str, signal: Signal, rows: Floats, loads: Floats, step: float) -> str:
    """`percentunit` or `percent` where failures are a share by their values; else nothing."""
    known = np.isfinite(rows) & (loads > 0)
    if not known.any():
        return ""
    names = [name, *(selector.metric for selector in read_parts(signal.query).selectors), signal.query]
    named = signal.unit in _UNSAID and any(_RATE.search(words_of(one)) for one in names)
    highest, span = float(rows[known].max()), min(step, signal.window)
    whole = 1.0 if highest <= 1 else 100.0
    if highest > whole or (whole > 1 and not named):
        return ""
    votes = [
        _vote(row[there], load[there], span, named, whole) for row, load, there in zip(rows, loads, known, strict=True)
    ]
    if sum(votes) <= 0:
        return ""
    return "percentunit" if whole == 1 else "percent"


def _vote(values: Floats, load: Floats, span: float, named: bool, whole: float) -> int:
    """1 where an entity's failures are a share of its load, -1 where they are counts per second, 0 where nobody can
    tell.

    A share of the requests stays when requests double, and counts double with them; and counts of so few failures as
    values below 1 are vary, by their nature, more than a share of many requests does (Poisson).
    """
    some = values > 0
    counts = values[some] * span
    if np.ptp(values) <= 1e-9 or _whole(counts):
        return -1
    if some.sum() < _FEWEST:
        return 1 if named else 0
    level, per_load, moves = (_spread(np.log(one)) for one in (values[some], values[some] / load[some], load[some]))
    if moves > _MOVES and per_load < _CLOSER * level:
        return -1
    stays = moves > _MOVES and level < _CLOSER * per_load
    if whole > 1:
        return 1 if stays else 0
    if some.mean() < _NEARLY_ALWAYS or values.size <= 2 * _APART:
        return 1 if named else 0
    variance = _variance_beside_counts(values, span)
    if variance < _STEADY and (stays or moves <= _MOVES or named):
        return 1
    return 1 if named and (stays or variance < _LIKE_COUNTS) else 0


def _whole(counts: Floats) -> bool:
    """Whether all are whole numbers; small ones nearly, since Prometheus' rate() extrapolates."""
    off = np.abs(counts - np.round(counts))
    nearly = np.median(counts) <= _SMALL and (off <= 0.05 * counts).mean() > _NEARLY_ALWAYS
    return bool((off < 1e-6).all() or nearly)


def _variance_beside_counts(values: Floats, span: float) -> float:
    """The variance of failures per second over that of a Poisson process with as many, whatever window they are means
    of: 1 for counts, 1 / load for a share of `load` requests per second.

    Means over k spans have 1 / k of a span's variance, and their differences 2 / k² of it; both together tell k.
    """
    near, far = (np.quantile(np.abs(values[lag:] - values[:-lag]), 0.75) / _QUARTILE for lag in (1, _APART))
    return float((far**2 / 2) ** 2 * 2 * span / max(near**2, 1e-30) / values.mean())


def _spread(values: Floats) -> float:
    return float(np.median(np.abs(values - np.median(values))))


def _wrong_unit(rows: Floats, loads: Floats, signal: Signal, share: float | None) -> str:
    if share is not None:
        highest = float(np.nanmax(rows, initial=0.0))
        if signal.role == "success" and 0 < highest <= 1 < share:
            return f"never above {highest:.4g}, of a whole of {share:g}; write unit: percentunit"
        if highest <= _BEYOND * share:
            return ""
        write = "write unit: percent" if share < highest <= _BEYOND * 100 else "the query counts something else"
        return f"{highest:.4g} is no share in unit: {signal.unit}; {write}"
    some = (rows > 0) & (loads > 0)
    if not some.any():
        return ""
    usual = float(np.median(rows[some]))
    if usual * signal.window < 0.5:
        return (
            f"half of its values above 0 are below {usual:.2g}, less than one request in {signal.window:g} s: a ratio? "
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
