"""How often to look: step and windows that fit the rate at which samples come."""

from typing import NamedTuple

_WINDOWS = (15, 30, 60, 120, 300, 600, 1200, 3600, 7200, 14400)
_STEPS = (15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_SAMPLES_PER_WINDOW = 4
_LONGEST_USUAL_STEP = 60
DEFAULT_OFFSET = 30
_WARM_UP_SECONDS = 7200
_FEWEST_POINTS, _MOST_POINTS = 30, 120
"""What a mechanism can be fitted on at all, and what it usually waits for (evaluation.warm_up)."""


class Timing(NamedTuple):
    """In seconds. `latency_offset` is how late samples may come."""

    step: int
    window: int
    latency_offset: int


def warm_up(timing: Timing) -> int:
    """How many points the first scores wait for: two hours of them, where the step is short enough for that.

    >>> warm_up(Timing(60, 60, 30)), warm_up(Timing(300, 1200, 300))
    (120, 30)
    """
    return max(_FEWEST_POINTS, min(_MOST_POINTS, round(_WARM_UP_SECONDS / timing.step)))


def choose_timing(interval: float, recorded: float = 0.0) -> Timing:
    """The timing for samples that come every `interval` seconds, or for rules that record over a `recorded` window.

    A rate needs at least four samples; a step as long as the window keeps neighbouring points from sharing
    samples, as long as that is not over a minute.

    >>> choose_timing(15)
    Timing(step=60, window=60, latency_offset=30)
    """
    window = recorded or next((w for w in _WINDOWS if w >= _SAMPLES_PER_WINDOW * interval - 1), _WINDOWS[-1])
    wanted = max(interval, min(window, _LONGEST_USUAL_STEP))
    step = next((s for s in _STEPS if s >= wanted - 0.5), _STEPS[-1])
    offset = 5 if interval <= 2 else 10 if interval <= 5 else max(DEFAULT_OFFSET, round(interval))
    return Timing(step, int(window), offset)
