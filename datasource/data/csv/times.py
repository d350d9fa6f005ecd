"""Times as people write them, and the regular grid that they nearly lie on."""

import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.data.csv.table import Column, CsvError
from datasource.data.matrix import Floats

_UNITS = (
    (1e11, 1.0, "seconds"),
    (1e14, 1e3, "milliseconds"),
    (1e17, 1e6, "microseconds"),
    (np.inf, 1e9, "nanoseconds"),
)
_YEAR_2000, _YEAR_2100, _YEAR_5000 = 946_684_800.0, 4_102_444_800.0, 95_617_584_000.0
_FARTHEST = 9.2e9
"""Seconds before and after 1970 within which a date lies: from the year 1678 to 2261."""
_COMPACT = 19_700_101_000_000, 21_000_101_000_000
_MONTHS = {
    name: f"{number:02}"
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
_NAMED_MONTH = (
    r"(?i)^(?:[a-z]{3,9},?\s+)?(?:(?P<day>\d{1,2})[\s/-](?P<month>[a-z]{3})[a-z]*[\s/-]|(?P<first>[a-z]{3})[a-z]*\s+"
    r"(?P<then>\d{1,2}),?\s+)(?P<year>\d{4})(?:[\s:T,@]+(?P<hour>\d\d?):(?P<clock>\d\d(?::\d\d(?:\.\d+)?)?)\s*(?P<half>[ap]m\b)?)?(?P<zone>.*)$"
)
"""14 Nov 2023 22:14:00, Tue, 14 Nov 2023 22:14:00 GMT, 14/Nov/2023:22:14:00 +0000, Nov 14, 2023, 10:14 PM."""
_EPOCH_OF_EXCEL, _DAYS_OF_EXCEL = 25_569, (36_526, 73_050)
"""Excel's day of 1970-01-01, and those of 2000 and 2100."""
_EMPTIEST = 50
"""A grid with over so many points for each time in the file comes from a wrong time."""


_FEW = 0.01
_USUAL_STEPS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400)
_JITTER = 0.1
_HOUR = 3600.0
_LATEST_HOUR = 3


class Times(NamedTuple):
    """Seconds since 1970 by row, NaN where a row has no readable time, and how they were written.

    Times that are not `zoned` are somebody's local ones, taken as UTC.
    """

    seconds: Floats
    written: str
    zoned: bool = True


class Grid(NamedTuple):
    """A regular grid and the place of every row on it; `moved` rows were not on it, the farthest by `by` seconds."""

    start: int
    step: int
    columns: int
    place: NDArray[np.int64]
    moved: int
    by: float


def read_times(column: Column) -> Times | None:
    """The times of a column: numbers since 1970 in s, ms, us or ns by their size, ISO 8601 texts, or dates with the day
    or the month first.

    Also texts as Go and Python print them: "2022-08-22 03:55:19.7 +0000 UTC", without an offset UTC. None where
    fewer than half of its cells can be read.
    """
    if column.values is not None:
        there = np.isfinite(column.values)
        if not there.any():
            return None
        if _are_days_of_excel(column.values[there]):
            return Times((column.values - _EPOCH_OF_EXCEL) * 86400, "Excel's days, taken as UTC", zoned=False)
        size = float(np.median(np.abs(column.values[there])))
        if _COMPACT[0] <= size <= _COMPACT[1] and (compact := _from_compact(column.values)):
            return compact
        _, scale, unit = next(one for one in _UNITS if size < one[0])
        seconds = column.values / scale
        return Times(np.where(np.abs(seconds) < _YEAR_5000, seconds, np.nan), f"{unit} since 1970")
    return _from_text(column)


def _from_compact(values: Floats) -> Times | None:
    """Times as 20231114221400, which in milliseconds would lie in the year 2600."""
    import pandas as pd

    texts = pd.Series(np.where(np.isfinite(values), np.nan_to_num(values), 0).astype(np.int64).astype(str))
    dates = pd.to_datetime(texts, format="%Y%m%d%H%M%S", utc=True, errors="coerce")
    if 2 * dates.notna().sum() < np.isfinite(values).sum():
        return None
    return Times(_seconds(dates), "as 20231114221400, taken as UTC", zoned=False)


def _are_days_of_excel(values: Floats) -> bool:
    """Whether numbers are days since 1900 with their time of day: of this century, apart by a second to eight hours."""
    if values.min() < _DAYS_OF_EXCEL[0] or values.max() > _DAYS_OF_EXCEL[1] or (values == np.floor(values)).all():
        return False
    apart = np.diff(np.unique(values))
    return bool(apart.size) and bool(1e-5 < np.median(apart) < 1 / 3) and float(np.ptp(values)) < 3660


def _from_text(column: Column) -> Times | None:
    import pandas as pd

    texts = column.text.astype(str).str.strip()
    told = column.text.notna().to_numpy() & (texts != "").to_numpy()
    if not told.any():
        return None
    usual = int(np.flatnonzero(told)[told.sum() // 2])
    """A row in the middle: the first may be a second header."""
    texts = texts.str.replace(r"^(\d{4})[/.](\d\d)[/.](\d\d)(?!\d)", r"\1-\2-\3", regex=True)
    texts = _with_numbered_months(texts, texts.iloc[usual])
    if re.match(_DATE, texts.iloc[usual]):
        return _from_dates(texts, told)
    if not re.match(r"\d{4}-?\d\d", texts.iloc[usual]):
        return None
    for pattern, by in ((r"\s+m=[+-][\d.]+$", ""), (r"\s*(?:UTC|GMT)$", ""), (r"\s+([+-]\d\d:?\d\d)$", r"\1")):
        texts = texts.str.replace(pattern, by, regex=True)
    dates = pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce")
    seconds = _seconds(dates)
    there = np.isfinite(seconds)
    if 2 * there.sum() < told.sum():
        return None
    zoned = bool(texts[there].str.contains(r"(?:Z|[+-]\d\d:?\d\d)$", regex=True).iloc[0])
    return Times(seconds, "ISO 8601" if zoned else "ISO 8601, taken as UTC", zoned)


def _with_numbered_months(texts: Any, first: str) -> Any:
    """Texts that write a month by its English name as ISO 8601; others as they are."""
    import pandas as pd

    found = re.match(_NAMED_MONTH, first)
    if not found or str(found["month"] or found["first"]).lower() not in _MONTHS:
        return texts
    parts = texts.str.extract(_NAMED_MONTH)
    month = parts["month"].fillna(parts["first"]).str.lower().map(_MONTHS)
    day = parts["day"].fillna(parts["then"]).str.zfill(2)
    hour = pd.to_numeric(parts["hour"]).fillna(0)
    half = parts["half"].str.lower()
    hour = (hour % 12 + 12 * (half == "pm")).where(half.notna(), hour).astype(int).astype(str).str.zfill(2)
    clock = hour + ":" + parts["clock"].fillna("00")
    whole = parts["year"] + "-" + month + "-" + day + " " + clock + parts["zone"]
    return whole.where(whole.notna(), texts)


def _seconds(dates: Any) -> Floats:
    """Seconds since 1970 of pandas' times, NaN where there is none, or one of another millennium."""
    microseconds = dates.to_numpy("datetime64[us]").astype(np.int64)
    seconds = np.where(dates.notna().to_numpy(), microseconds / 1e6, np.nan)
    return np.where(np.abs(seconds) < _FARTHEST, seconds, np.nan)


_DATE = (
    r"^(\d{1,2})([./-])(\d{1,2})[./-](\d{4}|\d\d)"
    r"(?:[ ,T]+(\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?)\s*([AaPp][Mm])?)?$"
)


def _from_dates(texts: Any, told: NDArray[np.bool_]) -> Times | None:
    """Dates with the day first, or the month: the order that makes sense of every date, and else of the distances."""
    import pandas as pd

    parts = texts.str.extract(_DATE)
    if 2 * parts[0].notna().sum() < told.sum():
        return None
    years = parts[3].where(parts[3].str.len() != 2, "20" + parts[3])
    clock = parts[4].str.replace(",", ".").fillna("00:00") + (" " + parts[5]).fillna("")
    ways = {}
    orders = [(0, 2, "day"), (2, 0, "month")]
    if parts[5].notna().any():  # who writes AM and PM writes the month first, where both may be
        orders.reverse()
    for first, second, name in orders:
        dates = pd.to_datetime(
            years + "-" + parts[second] + "-" + parts[first] + " " + clock, format="mixed", utc=True, errors="coerce"
        )
        ways[name] = Times(_seconds(dates), f"dates with the {name} first, taken as UTC", zoned=False)
    if all(2 * np.isfinite(way.seconds).sum() < told.sum() for way in ways.values()):
        return None
    if parts[1].dropna().eq(".").all():  # nobody writes the month first with dots
        del ways["month"]
    best = min(ways.values(), key=_doubt)
    others = {name: way for name, way in ways.items() if way is not best and _doubt(way) == _doubt(best)}
    for name, way in others.items():
        if not np.array_equal(way.seconds, best.seconds, equal_nan=True):
            return best._replace(written=f"{best.written}; nothing tells whether the {name} comes first")
    return best


def _doubt(way: Times) -> tuple[int, float]:
    """How many rows a way to read dates makes no sense of, and how far apart the others are then."""
    return int(np.isnan(way.seconds).sum()), _span(way.seconds)


def _span(seconds: Floats) -> float:
    there = seconds[np.isfinite(seconds)]
    return float(np.ptp(there)) if there.size else np.inf


def local_times(times: Times, entities: NDArray[np.int64], zone: str | None) -> tuple[Times, list[str]]:
    """Local times as UTC, and what there is to say. `entities` are the rows' numbers.

    In the hour that comes twice when daylight saving time ends, what an entity's rows go back by tells the second time
    from the first. Without a `zone` (IANA) local times are taken as UTC, and what follows that hour as an hour later.
    Raises CsvError for a zone that nobody knows.
    """
    again = _hour_again(times.seconds, entities)
    if zone is None:
        if not again.any() or not _in_the_night_to_a_sunday(float(times.seconds[again][0])):
            return times, []
        when = np.datetime64(int(times.seconds[again][0]), "s")
        said = (
            f"at {when} the clock goes back by an hour, as daylight saving time ends: what follows is taken as an hour "
            "later; say --timezone Europe/Berlin, or where it is, and times are UTC"
        )
        return times._replace(seconds=np.where(again, times.seconds + _HOUR, times.seconds)), [said]
    import pandas as pd

    try:
        local = pd.to_datetime(pd.Series(times.seconds), unit="s")
        utc = local.dt.tz_localize(zone, ambiguous=~again, nonexistent="shift_forward").dt.tz_convert("UTC")
    except (KeyError, ValueError, OSError):
        raise CsvError(f"--timezone: '{zone}' is no time zone; write it as Europe/Berlin or America/New_York") from None
    return Times(_seconds(utc.dt.tz_localize(None)), times.written.replace("taken as UTC", f"in {zone}")), []


def _in_the_night_to_a_sunday(seconds: float) -> bool:
    """Whether a local time is one at which daylight saving time ends; 1970 began on a Thursday."""
    day, hour = divmod(int(seconds) // 3600, 24)
    return (day + 4) % 7 == 0 and hour <= _LATEST_HOUR


def _hour_again(seconds: Floats, entities: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which rows come after the clock of a file that runs forward has gone back by an hour, once."""
    again = np.zeros(seconds.size, dtype=np.bool_)
    rows = np.flatnonzero(np.isfinite(seconds))
    rows = rows[np.argsort(entities[rows], kind="stable")]
    distances, same = np.diff(seconds[rows]), np.diff(entities[rows]) == 0
    forward = distances[same & (distances > 0)]
    if not forward.size:
        return again
    step = float(np.median(forward))
    # Hourly, the hour that comes twice stands still.
    back = same & ((distances < 0) | ((distances == 0) & (step == _HOUR)))
    if not back.any():
        return again
    first = rows[1:][back]
    once = np.unique(entities[first]).size == first.size
    if not once or (np.abs(distances[back] + _HOUR - step) > max(_JITTER * step, 1.0)).any():
        return again
    since = np.full(int(entities.max(initial=0)) + 1, seconds.size)
    since[entities[first]] = first
    again[rows] = rows >= since[entities[rows]]
    return again


def could_be_times(column: Column) -> bool:
    """Whether values alone tell that these are times: dates, or rising numbers between the years 2000 and 2100."""
    times = read_times(column)
    if times is None:
        return False
    seconds = times.seconds[np.isfinite(times.seconds)]
    if column.values is None:
        return True
    rising = seconds.size > 1 and bool((np.diff(seconds) >= 0).all()) and seconds[0] < seconds[-1]
    return rising and bool(seconds[0] >= _YEAR_2000 and seconds[-1] <= _YEAR_2100)


def find_grid(seconds: Floats, entities: NDArray[np.int64], given: float | None = None) -> Grid:
    """The grid whose step is the `given` one, or the most common distance between two times of the same entity, in
    whole seconds.

    Its times are multiples of the step, and every row takes the nearest once what all rows are late by in common
    is taken off. `seconds` has no NaN.
    """
    step = max(1, round(given)) if given else _step(seconds, entities)
    turns = np.exp(2j * np.pi * (seconds % step) / step)
    late = float(np.angle(turns.mean()) / (2 * np.pi) * step) if abs(turns.mean()) > 1e-6 else 0.0
    late = round(late, 6)
    numbers = np.rint((seconds - late) / step).astype(np.int64)
    first, last = int(numbers.min()), int(numbers.max())
    off = np.abs(seconds - numbers * step)
    return Grid(first * step, step, last - first + 1, numbers - first, int((off > 1e-3).sum()), float(off.max()))


def _step(seconds: Floats, entities: NDArray[np.int64]) -> int:
    order = np.lexsort((seconds, entities))
    distances = np.diff(seconds[order])[np.diff(entities[order]) == 0]
    distances = distances[distances > 0]
    if not distances.size:
        return 1
    whole, counts = np.unique(np.rint(distances), return_counts=True)
    step, median = float(whole[np.argmax(counts)]), float(np.median(distances))
    if 2 * counts.max() < distances.size:  # no distance is common: the times jitter around a usual step
        step = min(_USUAL_STEPS, key=lambda usual: abs(usual - median))
        step = step if abs(step - median) <= _JITTER * step else median
    return max(1, round(step))


def stray_time(grid: Grid, seconds: Floats) -> int | None:
    """The row whose time makes the grid far longer than the file has times; None where the grid is sound.

    `seconds` rises. A long silence between two parts of a file is no mistake, a few rows beyond it are one.
    """
    if grid.columns <= _EMPTIEST * np.unique(grid.place).size + 10_000:
        return None
    before = int(np.argmax(np.diff(seconds))) + 1
    few = max(1, _FEW * seconds.size)
    return 0 if before <= few else seconds.size - 1 if seconds.size - before <= few else None


def parse_time(text: str, zone: str | None = None) -> float:
    """One time, as `read_times` reads a column of them, in seconds since 1970; without an offset it is in `zone`
    (IANA), else in UTC. Raises ValueError."""
    import pandas as pd

    try:
        column = Column("", np.array([float(text)]))
    except ValueError:
        column = Column("", None, pd.Series([text]))
    times = read_times(column)
    if times is None or not np.isfinite(times.seconds[0]):
        raise ValueError(f"'{text}' is no time; write it as 2022-08-22T03:55:19Z or as seconds since 1970")
    if zone is not None and not times.zoned:
        return float(pd.Timestamp(times.seconds[0], unit="s").tz_localize(zone).timestamp())
    return float(times.seconds[0])
