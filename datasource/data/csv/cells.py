"""Cells as dashboards and spreadsheets write numbers: "12.5 ms", "1.2 K", "48.3%", "1,234.5", "3.1 MiB/s"."""

import re
from typing import Any, NamedTuple

import numpy as np

from datasource.data.matrix import Floats

_SECONDS = {
    1e-9: "ns|nanoseconds?",
    1e-6: "us|\u00b5s|\u03bcs|microseconds?",
    1e-3: "ms|millis|milliseconds?",
    1.0: "s|secs?|seconds?",
    60.0: "min|mins|minutes?",
    3600.0: "h|hrs?|hours?",
    86400.0: "d|days?",
    604800.0: "weeks?|wks?",
}
_RATES = (
    r"(?:req|reqs|requests?|ops?|io|rd|wr|rows?|counts?|c|p|pkts?|msgs?|events?)/s(?:ec(?:ond)?)?"
    "|rps|qps|ops|iops|reqps|mps|pps"
)
_PLAIN = r"cores?|cpus?|vcpus?"
_COUNTED = re.compile(
    "counts?|none|short|number|requests?|errors?|items|1|ratio|percentunit|connections|threads", re.IGNORECASE
)
_DECIMAL = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "Mil": 1e6, "G": 1e9, "Bil": 1e9, "T": 1e12, "Tri": 1e12}
_SMALL = {"m": 1e-3, "\u00b5": 1e-6, "\u03bc": 1e-6, "n": 1e-9}
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50}
_BYTES = re.compile(r"(?P<scale>[kKMGT]|[KMGTP]i)?(?P<what>B|bytes?|b|bits?)(?P<per>/s(?:ec(?:ond)?)?|ps)?")
_SHORT = re.compile(r"(?P<scale>k|K|Mil|Bil|Tri|M|G|T|m|\u00b5|\u03bc|n)?\s*(?P<rest>.*)")
_NUMBER = re.compile(r"([+-]?(?:\d[\d,.'\u00a0\u202f ]*|[.,]\d+)(?:[eE][+-]?\d+)?)\s*(\D.*)?")
_OTHER_UNIT = re.compile(r"\u00b0?[^\W\d]\w*(?:/\w+)?")
"""A word behind a number, a blank apart: a unit if all numbers of a column have it."""
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(?:[,'\u00a0\u202f ]\d{3})+(?:\.\d+)?")
_GROUPED_BY_DOTS = re.compile(r"[+-]?[1-9]\d{0,2}(?:[.'\u00a0\u202f ]\d{3})+(?:,\d+)?")


class Unit(NamedTuple):
    """What a written unit stands for: the base that numbers are brought to, and how many of it make one."""

    base: str
    factor: float = 1.0


def read_unit(text: str) -> Unit | None:
    """The base unit and the factor of a unit as it is written behind a number; None where nobody knows it.

    >>> read_unit("ms"), read_unit("K req/s"), read_unit("MiB")
    (Unit(base='s', factor=0.001), Unit(base='reqps', factor=1000.0), Unit(base='bytes', factor=1048576.0))
    """
    text = text.strip()
    if text in ("%", "percent"):
        return Unit("percent")
    for factor, names in _SECONDS.items():
        if re.fullmatch(names, text):
            return Unit("s", factor)
    if text in _BINARY:
        return Unit("bytes", _BINARY[text])
    if found := _BYTES.fullmatch(text):
        scale = (_DECIMAL | _BINARY)[found["scale"] or ""]
        bits = found["what"].startswith("b") and not found["what"].startswith("byte")
        if text == "b":
            return None  # as in a zone's name
        return Unit("Bps" if found["per"] else "bytes", scale / 8 if bits else scale)
    short = _SHORT.fullmatch(text)
    scale = (_DECIMAL | _SMALL)[(short["scale"] if short else "") or ""]
    rest = short["rest"] if short else text
    if not rest:
        return Unit("short", scale)
    if re.fullmatch(_RATES, rest):
        return Unit("reqps", scale)
    return Unit("cores", scale) if re.fullmatch(_PLAIN, rest) else None


def read_unit_cell(text: str) -> Unit | None:
    """A unit as tools write it in a column of its own; None where nobody knows it.

    >>> read_unit_cell("Milliseconds"), read_unit_cell("Count"), read_unit_cell("web")
    (Unit(base='s', factor=0.001), Unit(base='', factor=1.0), None)
    """
    text = text.strip()
    return Unit("") if _COUNTED.fullmatch(text) else read_unit(text) or read_unit(text.lower())


def read_number(text: str, decimal_comma: bool = False) -> float:
    """A number as people write it, with separators of thousands. Raises ValueError.

    >>> read_number("1,234.5"), read_number("1.234,5", decimal_comma=True), read_number("1 234")
    (1234.5, 1234.5, 1234.0)
    """
    if decimal_comma:
        if _GROUPED_BY_DOTS.fullmatch(text):
            text = re.sub(r"[.'\u00a0\u202f ]", "", text)
        return float(text.replace(",", "."))
    return float(re.sub(r"[,'\u00a0\u202f ]", "", text) if _GROUPED.fullmatch(text) else text)


def read_cells(cells: Any, decimal_comma: bool, heading: str = "") -> tuple[Floats, str]:
    """The numbers in a column of texts, NaN for what is none, and their unit.

    Numbers are brought to one unit, so that "900 ms" and "1.2 s" can stand in one column: that of the `heading` where
    it has one of the kind, else the kind's base. A number without a unit is in the heading's; without that nobody
    knows its unit, unless it is 0. Cells of another kind than most are no numbers. A unit that nobody knows, as in
    "21.5 °C", stays out of account where it stands behind every number.
    """
    import pandas as pd

    codes, texts = pd.factorize(cells.astype(str).where(cells.notna()))
    texts = _without_one_unit([str(text) for text in texts])
    parsed = [_cell(text, decimal_comma) for text in texts]
    counts = np.bincount(codes[codes >= 0], minlength=len(texts))
    by_base: dict[str, int] = {}
    for one, many in zip(parsed, counts.tolist(), strict=True):
        if one is not None and (one[0] or one[1]):
            by_base[one[1]] = by_base.get(one[1], 0) + many
    plain = by_base.pop("", 0)
    base = max(by_base, key=lambda name: by_base[name], default="")
    written = read_unit(heading) if heading else None
    known = written if written is not None and written.base == base else None
    if base not in ("", "short") and known is None and plain > by_base[base]:
        base = ""
    scale = known.factor if known else 1.0

    def number(one: tuple[float, str] | None) -> float:
        if one is None or one[1] not in ("", base):
            return np.nan
        value, unit = one
        if unit:
            return value / scale
        return value if known or not value or base in ("", "short") else np.nan

    values = np.array([number(one) for one in parsed] + [np.nan])
    return values[codes], "" if base == "short" or known else base


def _without_one_unit(texts: list[str]) -> list[str]:
    """Cells without the unit that is behind each of them and that nobody knows; others as they are."""
    units = {found[2] or "" if (found := _NUMBER.fullmatch(text.strip())) else "" for text in texts}
    unit = units.pop() if len(units) == 1 else ""
    apart = all(text.strip().removesuffix(unit)[-1:].isspace() for text in texts)
    if not apart or not _OTHER_UNIT.fullmatch(unit) or read_unit(unit):
        return texts
    return [text.strip().removesuffix(unit) for text in texts]


def _cell(text: str, decimal_comma: bool) -> tuple[float, str] | None:
    """The number in a cell and its base unit, empty where none is written; None for what is no number."""
    found = _NUMBER.fullmatch(text.strip())
    if not found:
        return None
    unit = read_unit(found[2]) if found[2] else Unit("")
    try:
        return (read_number(found[1].strip(), decimal_comma) * unit.factor, unit.base) if unit else None
    except ValueError:
        return None
