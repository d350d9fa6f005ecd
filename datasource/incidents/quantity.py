"""Amounts as people say them: 180 ms, 2.3 s, 12%, 340 requests/s."""

from collections.abc import Sequence
from math import floor, isfinite, log10

_SECONDS = {
    "s": 1.0,
    "seconds": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,
    "ns": 1e-9,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
}
_TIMES = (
    (3 * 86400, 86400, "d"),
    (3 * 3600, 3600, "h"),
    (180, 60, "min"),
    (1, 1, "s"),
    (1e-3, 1e-3, "ms"),
    (1e-6, 1e-6, "µs"),
)
"""From how many seconds on, seconds of the unit, its name."""
_BYTES = {"bytes": ("B", 1024), "decbytes": ("B", 1000), "binBps": ("B/s", 1024), "Bps": ("B/s", 1000)}
_PER_SECOND = {"reqps": "requests/s", "rps": "reads/s", "wps": "writes/s", "ops": "operations/s", "cps": "/s"}
_ONE_DIGIT_MORE = 2.0
"""Wholes that begin with a 1 are told to three digits."""
_UNITLESS = ("", "short", "none")


def quantity(value: float, unit: str) -> str:
    """A value in a unit of the settings, to two digits; "unknown" where it is no number.

    >>> quantity(0.1834, "s"), quantity(0.118, "percentunit"), quantity(343.0, "reqps"), quantity(3e9, "bytes")
    ('180 ms', '12%', '340 requests/s', '2.8 GiB')
    """
    if not isfinite(value):
        return "unknown"
    (number,), name = _told((value,), unit, abs(value))
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    return _joined(number, name)


def levels(first: float, second: float, unit: str, gap: float) -> str:
    """From the first value to the second, so that two digits of `gap` can be told apart; "unknown" where one is no
    number.

    >>> levels(0.8436, 0.7191, "s", gap=0.13), levels(1.792, 1.484, "cores", gap=0.31)
    ('840 to 720 ms', '1.79 to 1.48 cores')
    """
    if not (isfinite(first) and isfinite(second) and isfinite(gap)):
        return f"{quantity(first, unit)} to {quantity(second, unit)}"
    numbers, name = _told((first, second), unit, abs(gap))
    return f"{numbers[0]} to {_joined(numbers[1], name)}"


def interval(value: float, lower: float, upper: float, unit: str) -> str:
    """A value and the ends of its interval, with as many digits as tell the ends apart, and from 0 where they are.

    >>> interval(0.24, 0.2361, 0.2439, "s"), interval(0.198, 0.1815, 0.2144, "s"), interval(4.1, 2.2, 6.0, "cores")
    ('240 ms [236 ms, 244 ms]', '198 ms [182 ms, 214 ms]', '4.1 cores [2.2 cores, 6.0 cores]')
    >>> interval(-0.004, -0.007, -0.0003, "s"), interval(0.004, -0.001, 0.009, "s")
    ('-4.0 ms [-7.0 ms, -0.3 ms]', '4 ms [-1 ms, 9 ms]')
    """
    if not (isfinite(value) and isfinite(lower) and isfinite(upper)):
        return f"{quantity(value, unit)} [{quantity(lower, unit)}, {quantity(upper, unit)}]"
    apart = 2 * (upper - lower)
    if lower > 0 or upper < 0:
        apart = min(apart, max(10 * min(abs(lower), abs(upper)), (upper - lower) / 100))
    numbers, name = _told((value, lower, upper), unit, apart)
    first, low, high = (_joined(number, name) for number in numbers)
    return f"{first} [{low}, {high}]"


def parted(whole: float, parts: Sequence[float], unit: str) -> tuple[str, list[str]]:
    """The whole and the parts that make it up, rounded so that what is told adds up, too; "" for parts of nothing.

    What is no number counts as nothing, and parts that do not add up stay as they are.

    >>> parted(0.1347, [0.126, 0.0087], "s"), parted(0.18, [0.151, 0.02, 0.009], "s")
    (('135 ms', ['126 ms', '9 ms']), ('180 ms', ['151 ms', '20 ms', '9 ms']))
    """
    whole, *parts = (value if isfinite(value) else 0.0 for value in (whole, *parts))
    factor, name = _scale(max(map(abs, (whole, *parts))), unit)
    leading = abs(whole * factor) / 10.0 ** _power(whole * factor) if whole else 0.0
    digits = (2 if leading < _ONE_DIGIT_MORE else 1) - _power(whole * factor)
    counts = [round(part * factor * 10.0**digits) for part in parts]
    total = round(whole * factor * 10.0**digits)
    if 0 < abs(total - sum(counts)) <= len(counts):
        largest = max(range(len(counts)), key=lambda place: abs(counts[place]))
        counts[largest] += total - sum(counts)

    def told(count: int) -> str:
        return _joined(f"{count / 10.0**digits:,.{max(digits, 0)}f}", name) if count else ""

    return told(total) or _joined("0", name), [told(count) for count in counts]


def _joined(number: str, name: str) -> str:
    return number + name if name in ("", "%") else f"{number} {name}"


def _told(values: Sequence[float], unit: str, gap: float) -> tuple[list[str], str]:
    """The values as numbers of the unit that suits the largest of them, to two digits of `gap`; and the unit's name."""
    factor, name = _scale(max(map(abs, values)), unit)
    digits = 1 - _power(gap * factor)
    return [f"{round(value * factor, digits) + 0.0:,.{max(digits, 0)}f}" for value in values], name


def _scale(largest: float, unit: str) -> tuple[float, str]:
    """What to multiply by, and the name of what comes out."""
    if unit in _SECONDS:
        seconds = largest * _SECONDS[unit]
        seconds = round(seconds, 1 - _power(seconds))
        fitting = (known for known in _TIMES if seconds >= known[0])
        _, size, name = next(fitting, (0, 1e-9, "ns") if seconds else (0, 1.0, "s"))
        return _SECONDS[unit] / size, name
    if unit in _BYTES:
        name, step = _BYTES[unit]
        power = min(floor(log10(largest) / log10(step)), 5) if largest >= step else 0
        prefix = ("", "Ki", "Mi", "Gi", "Ti", "Pi") if step == 1024 else ("", "k", "M", "G", "T", "P")
        return 1.0 / step**power, prefix[power] + name
    if unit in ("percentunit", "percent"):
        return 100.0 if unit == "percentunit" else 1.0, "%"
    return 1.0, _PER_SECOND.get(unit, "" if unit in _UNITLESS else unit)


def _power(value: float) -> int:
    """Of ten, that a value has at least."""
    return floor(log10(abs(value))) if value else 0
