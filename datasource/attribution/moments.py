"""Times of a question, as people write them."""

from datasource.data.csv.times import parse_time
from datasource.settings.duration import parse_duration


def moment(text: str, now: float) -> float:
    """Seconds since 1970 of a time, or of one before `now`. Raises ValueError.

    >>> moment("now-1h", 7200), moment("-30m", 7200), moment("now", 7200), moment("1970-01-01T01:00Z", 7200)
    (3600.0, 5400.0, 7200.0, 3600.0)
    """
    short = text.strip().removeprefix("now").strip()
    try:
        if not short:
            return float(now)
        return now - parse_duration(short[1:]) if short.startswith("-") else parse_time(short)
    except ValueError as error:
        raise ValueError(f"{error}, or relative as -1h") from None
