"""Times as people give them."""

from typing import Any

from datasource.data.csv.times import parse_time


def seconds_of(time: Any, zone: str | None = None) -> float:
    """Seconds since 1970 of a number, a text, a datetime or numpy's datetime64; what has no offset is in `zone` (IANA),
    UTC where there is none. Raises ValueError.

    >>> from datetime import datetime
    >>> seconds_of("1970-01-01 01:00"), seconds_of(datetime(1970, 1, 1, 1), "Europe/Berlin"), seconds_of(3600)
    (3600.0, 0.0, 3600.0)
    """
    import numpy as np
    import pandas as pd

    if hasattr(time, "timestamp") or isinstance(time, np.datetime64):
        found = pd.Timestamp(time)
        return float((found if found.tzinfo else found.tz_localize(zone or "UTC")).timestamp())
    return parse_time(str(time), zone)


def names_of(given: Any) -> tuple[str, ...]:
    """One name, or several.

    >>> names_of("season"), names_of(["season", "load"])
    (('season',), ('season', 'load'))
    """
    return (given,) if isinstance(given, str) else tuple(given)
