"""Durations as Prometheus writes them: 30s, 2m, 1h30m, 7d."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
_PART = re.compile(r"(\d+)(ms|[smhdwy])")
_WHOLE = re.compile(r"(?:\d+(?:ms|[smhdwy]))+")


def parse_duration(value: Any) -> float:
    """Seconds in a Prometheus duration ("2m") or a plain number of seconds.

    Raises ValueError when it is neither, or not positive.

    >>> parse_duration("1h30m")
    5400.0
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = float(value)
    elif isinstance(value, str) and _WHOLE.fullmatch(value):
        seconds = float(sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(value)))
    else:
        raise ValueError(f"{value!r} is not a duration; write it as 30s, 2m, 1h30m or 7d")
    if seconds < 0:
        raise ValueError(f"{value!r} is negative; a duration cannot be")
    return seconds


def format_duration(seconds: float) -> str:
    """The shortest Prometheus duration of whole seconds.

    >>> format_duration(5400)
    '1h30m'
    """
    rest, parts = round(seconds), ""
    for unit in ("d", "h", "m", "s"):
        count, rest = divmod(rest, int(_SECONDS[unit]))
        parts += f"{count}{unit}" if count else ""
    return parts or "0s"


Duration = Annotated[float, BeforeValidator(parse_duration), PlainSerializer(format_duration)]
