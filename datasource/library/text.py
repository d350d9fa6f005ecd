"""Words and tables that every printed result is made of."""

from collections.abc import Iterator, Sequence

import numpy as np


def count(number: int, noun: str) -> str:
    """A number of things.

    >>> count(2, "entity"), count(3, "ingress"), count(1, "tie")
    ('2 entities', '3 ingresses', '1 tie')
    """
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + ("es" if noun.endswith("s") else "s")
    return f"{number:,} {noun if number == 1 else plural}"


def when(time: int, has_time: bool = True) -> str:
    """A time as people read it; a row's number where there are no times.

    >>> when(1_700_000_010)
    '2023-11-14 22:13:30 UTC'
    """
    return str(np.datetime64(time, "s")).replace("T", " ") + " UTC" if has_time else f"row {time}"


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows of cells in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)]
        yield ("  " + "  ".join(cells)).rstrip()
