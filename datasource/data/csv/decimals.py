"""Whether a comma parts the decimals in a file, as in 1.234,5, or thousands, as in 1,234.5."""

from collections.abc import Callable
from typing import Any

import numpy as np

_BEHIND = r"(?:\s*[^\d\s,;][^\d,;]*)?\s*$"
_DECIMAL_COMMA = rf"^\s*[+-]?(?:\d*|\d{{1,3}}(?:[.'\u00a0\u202f ]\d{{3}})+),\d+(?:[eE][+-]?\d+)?{_BEHIND}"
_NO_THOUSANDS = rf"^\s*[+-]?(?:0,\d+|\d+,(?:\d{{1,2}}|\d{{4,}})){_BEHIND}"
_THOUSANDS = r"^\s*[+-]?\d{1,3}(?:,\d{3})+\.\d+"
_DECIMAL_POINT = rf"^\s*[+-]?(?:0?\.\d+|\d+\.(?:\d{{1,2}}|\d{{4,}})){_BEHIND}"
"""Cells in which a comma may part the decimals, and does for sure; in which it parts thousands for sure; and in which a
point parts the decimals for sure."""


def has_decimal_comma(frame: Any, separator: str, as_written: Callable[[], Any]) -> bool:
    """Whether the cells of a frame, whose columns are numbers where every cell is one with a point, have decimal
    commas; `as_written` gives the frame with every cell as text."""
    texts = [frame[i].astype(str) for i in frame if frame[i].dtype.kind not in "iufb"]
    if not _count(texts, _DECIMAL_COMMA):
        return False
    sure = _count(texts, _NO_THOUSANDS)
    if not sure:  # 1,234 may be a thousand
        written = as_written()
        return separator == ";" and not _count([written[i].dropna() for i in written], _DECIMAL_POINT)
    if separator == ";":
        return True
    floats = [frame[i].to_numpy() for i in frame if frame[i].dtype.kind == "f"]
    points = sum(bool((one[np.isfinite(one)] % 1 != 0).any()) for one in floats)
    return sure > points and not _count(texts, _THOUSANDS)


def _count(columns: list[Any], pattern: str) -> int:
    """How many columns have a cell that looks so."""
    return sum(bool(one.str.match(pattern).any()) for one in columns)
