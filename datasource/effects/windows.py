"""The windows inside the queries: signals of one analysis share a window or are brought to one."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from datasource.data import Floats, Matrix, Variable
from datasource.settings import Signal, format_duration


class WindowError(Exception):
    """The windows of these signals do not go together; the text says which, and what would."""


class CommonWindow(NamedTuple):
    """The window that the signals of an analysis share, and the values over that window.

    `steps` is its length in steps of the grid, at least 1; `rows` holds one row per variable.
    """

    steps: int
    rows: dict[Variable, Floats]
    notices: tuple[str, ...]


def window_steps(signal: Signal, step: int) -> int:
    """How many steps of the grid a signal's window reaches back, at least 1."""
    return max(1, math.ceil(signal.window / step))


def bring_to_common_window(
    matrix: Matrix, variables: Sequence[Variable], signals: Mapping[str, Signal]
) -> CommonWindow:
    """The rows of `variables`, all over the shortest window that holds each signal's window a whole number of times.

    A gauge, rate or event is averaged over successive windows of its own, which is exactly what it would read over
    the common one (2m and 4m meet at 4m, 2m and 5m at 10m). Raises WindowError for a quantile, which is no mean of
    quantiles over shorter windows, for windows that are no whole number of steps, and where the common window would
    be over four times the longest. A window shorter than the step counts as one step, with a notice.
    """
    step = matrix.step
    names = sorted({variable.signal for variable in variables})
    notices = [
        f"{name} looks at {format_duration(signals[name].window)} of every {format_duration(step)}: what happens in "
        "between is lost; make its window as long as the step"
        for name in names
        if signals[name].window < step
    ]
    windows = {name: max(signals[name].window, float(step)) for name in names}
    rows = {v: np.where(np.isfinite(matrix.row(v)), matrix.row(v), np.nan) for v in variables}
    if len(set(windows.values())) == 1:
        return CommonWindow(math.ceil(windows[names[0]] / step), rows, tuple(notices))
    _refuse_what_cannot_meet(windows, signals, step)
    common = math.lcm(*(round(window / step) for window in windows.values()))
    for name in names:
        short = round(windows[name] / step)
        if short < common:
            rows |= {v: _averaged(row, short, common) for v, row in rows.items() if v.signal == name}
            notices.append(
                f"{name} is averaged from {format_duration(windows[name])} to {format_duration(common * step)}"
            )
    return CommonWindow(common, rows, tuple(notices))


def _refuse_what_cannot_meet(windows: Mapping[str, float], signals: Mapping[str, Signal], step: int) -> None:
    told = ", ".join(f"{name} over {format_duration(window)}" for name, window in windows.items())
    if any(window % step for window in windows.values()):
        raise WindowError(
            f"the signals look over different windows ({told}) that are not all multiples of the step "
            f"{format_duration(step)}; give them the same window"
        )
    common = math.lcm(*(round(window / step) for window in windows.values())) * step
    for name, window in windows.items():
        if signals[name].kind == "quantile" and window != common:
            raise WindowError(
                f"the signals look over different windows ({told}), and a quantile ({name}) cannot be averaged to "
                f"{format_duration(common)}; give them the same window"
            )
    if common > 4 * max(windows.values()):
        raise WindowError(
            f"the signals look over different windows ({told}) that meet only at {format_duration(common)}; "
            "give them the same window"
        )


def _averaged(row: Floats, short: int, long: int) -> Floats:
    """Mean over a window of `long` steps of a row that is itself over `short` steps; half of it must be there."""
    offsets = range(0, long, short)
    stack = np.full((len(offsets), len(row)), np.nan)
    for place, offset in enumerate(offsets):
        stack[place, offset:] = row[: len(row) - offset] if offset < len(row) else ()
    there = np.isfinite(stack)
    count = there.sum(axis=0)
    means: Floats = np.where(there, stack, 0).sum(axis=0) / np.where(2 * count >= len(offsets), count, np.nan)
    return means
