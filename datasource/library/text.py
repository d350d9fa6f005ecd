"""Words and tables that every printed result is made of."""

from collections.abc import Iterator, Sequence

import numpy as np

from datasource.data.words import count

__all__ = ["count", "table", "when"]


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
