"""Times, durations and sample values, written as Prometheus writes them."""

from __future__ import annotations

import math
import re
from datetime import datetime
from decimal import Decimal

FLOAT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:\d\d)")
DURATION = re.compile(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?")
UNITS_MS = (365 * 86_400_000, 7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1_000, 1)


def parse_time(text: str) -> int:
    """Milliseconds since the epoch from seconds ("1700000000.5") or RFC 3339.

    Raises:
        ValueError: it is neither.
    """
    if FLOAT.fullmatch(text):
        fraction, whole = math.modf(float(text))
        nanoseconds = int(round(fraction * 1000) / 1000 * 1e9)
        return int(whole) * 1000 + nanoseconds // 1_000_000
    if RFC_3339.fullmatch(text):
        return math.floor(datetime.fromisoformat(text).timestamp() * 1000)
    raise ValueError(f'cannot parse "{text}" to a valid timestamp')


def parse_duration(text: str) -> int:
    """Nanoseconds from seconds ("30", "0.5") or a duration ("1h30m").

    Raises:
        ValueError: it is neither.
    """
    if FLOAT.fullmatch(text):
        return int(float(text) * 1e9)
    found = DURATION.fullmatch(text)
    if found is None or not text:
        raise ValueError(f'cannot parse "{text}" to a valid duration')
    return 1_000_000 * sum(int(amount or 0) * unit for amount, unit in zip(found.groups(), UNITS_MS, strict=True))


def json_time(milliseconds: int) -> int | float:
    """A timestamp as seconds."""
    return milliseconds // 1000 if milliseconds % 1000 == 0 else milliseconds / 1000


def format_value(value: float) -> str:
    """A sample value with the fewest digits that give it back, exponents only for the very large and very small."""
    if math.isfinite(value):
        text = repr(value)
        if "e" in text and (value == 0 or 1e-6 <= abs(value) < 1e21):
            return f"{Decimal(text):f}"
        if "e" not in text and abs(value) >= 1e21:
            return text
        return text.removesuffix(".0")
    return "NaN" if math.isnan(value) else f"{'+' if value > 0 else '-'}Inf"
