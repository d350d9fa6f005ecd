"""Where a query and its numbers say something else than the signal's role and unit."""

import re
from collections.abc import Mapping

import numpy as np

from datasource.data import Entity, Floats
from datasource.data.guess import share_in_name
from datasource.settings import Signal
from datasource.settings.promql import range_seconds, read_parts

_NEVER_BELOW_0 = ("load", "latency", "work", "failure", "success", "activity")
_BELOW_0 = 0.01
"""So large a share of the points is no rounding."""
_MILLISECONDS = re.compile(r"[_.](?:ms|milliseconds|millis)(?:[_.](?:sum|count|bucket|total))?$")
_SECONDS = re.compile(r"[_.]seconds(?:[_.](?:sum|count|bucket|total))?$")
_SUMMED = re.compile(r"[_.]sum$")
_SCALED = re.compile(r"[*/]\s*(?:1000|1e3|0?\.001|1e-3)\b|(?<![\w.])(?:1000|1e3|0?\.001|1e-3)\s*\*", re.IGNORECASE)
_FIRST = re.compile(r"\b(?P<word>topk|bottomk|limitk)\s*\(")
_COMPARED = re.compile(r"(?P<how>(?:==|!=|>=|<=|>|<)\s*(?P<number>[+-]?[\d.]+(?:e[+-]?\d+)?))\s*$", re.IGNORECASE)


def claims_otherwise(signal: Signal, rows: Mapping[Entity, Floats]) -> str:
    """What cannot be, in a sentence with what to write instead; empty where nothing is found."""
    of_query = (
        filters(signal.query) or _wrong_unit(signal) or _work_as_latency(signal) or _share_as_amount(signal, rows)
    )
    return of_query or _below_0(signal, rows) or _yes_or_no(signal, rows)


def filters(query: str) -> str:
    """That a query answers with some of the entities only: those that are first, or beyond a threshold.

    >>> filters("topk(5, x)").partition(":")[0]
    'topk() answers with the first alone, and who they are changes'
    >>> filters("sum by (job) (x) > 0"), filters("x >bool 5")
    ('', '')
    """
    if found := _FIRST.search(query):
        return (
            f"{found['word']}() answers with the first alone, and who they are changes: leave it out, so that "
            "everybody has all points"
        )
    found = _COMPARED.search(query)
    if found and float(found["number"]) != 0:
        return f"'{found['how']}' leaves those alone for whom it holds: leave it out, so that everybody has all points"
    return ""


def _wrong_unit(signal: Signal) -> str:
    """Milliseconds by the metric's name that are called seconds, and the other way round."""
    if signal.unit not in ("s", "ms") or _SCALED.search(signal.query):
        return ""
    metrics = [selector.metric for selector in read_parts(signal.query).selectors]
    names, other = (_MILLISECONDS, "ms") if signal.unit == "s" else (_SECONDS, "s")
    found = next((metric for metric in metrics if names.search(metric)), "")
    if not found:
        return ""
    factor = "/ 1000" if signal.unit == "s" else "* 1000"
    return f"{found} is in {other} by its name, and unit: {signal.unit} is not: write unit: {other}, or {factor}"


def _work_as_latency(signal: Signal) -> str:
    """The growth of summed durations is seconds per second: the work, not how long a request takes."""
    if signal.role != "latency" or "/" in signal.query or not re.search(r"\b(?:rate|irate|increase)\(", signal.query):
        return ""
    metrics = [selector.metric for selector in read_parts(signal.query).selectors]
    if not metrics or not all(_SUMMED.search(metric) for metric in metrics):
        return ""
    return (
        f"the growth of {metrics[0]} are seconds spent per second, which more requests make more: write role: work, or "
        "divide by the growth of the count for the mean"
    )


def _share_as_amount(signal: Signal, rows: Mapping[Entity, Floats]) -> str:
    """A share by its metric's name, as a hit ratio, is neither how much is asked nor how long it takes."""
    if signal.role not in ("load", "work", "activity") or range_seconds(signal.query):
        return ""
    metrics = [selector.metric for selector in read_parts(signal.query).selectors]
    if len(metrics) != 1:
        return ""
    highest = max(float(np.nanmax(row)) for row in rows.values())
    unit = share_in_name(metrics[0], highest)
    if not unit:
        return ""
    return (
        f"{metrics[0]} is a share by its name, and goes up to {highest:.4g}: that is not how much there is, which a "
        f"{signal.role} is; write role: saturation and unit: {unit}"
    )


def _below_0(signal: Signal, rows: Mapping[Entity, Floats]) -> str:
    if signal.role not in _NEVER_BELOW_0:
        return ""
    for entity, row in rows.items():
        share = float((row[np.isfinite(row)] < 0).mean())
        if share > _BELOW_0:
            return (
                f"{share:.0%} of the points of {entity} are below 0, which no {signal.role} is: query what happens, "
                "not a difference, or leave the role out"
            )
    return ""


def _yes_or_no(signal: Signal, rows: Mapping[Entity, Floats]) -> str:
    """Nothing but 0 and 1, as a comparison gives them."""
    if signal.role not in ("load", "latency", "work"):
        return ""
    values = np.unique(np.concatenate([row[np.isfinite(row)] for row in rows.values()]))
    if values.tolist() != [0.0, 1.0]:
        return ""
    return f"it is 0 or 1 and nothing else: that says whether, and a {signal.role} how much; query the number itself"
