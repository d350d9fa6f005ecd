"""A query of a dashboard or an alert as a signal's: without variables, thresholds, and what is only for the eye."""

import re
from collections.abc import Callable, Collection

from datasource.settings import format_duration
from datasource.settings.promql import read_parts, read_tokens

_RANGE = re.compile(r"\[\s*(?:\$\{?\w+(?::\w+)?\}?|\[\[\w+(?::\w+)?\]\])\s*(:[^\]]*)?\]")
_VARIABLE = r"(?:\$\{?[a-zA-Z_][\w:.]*\}?|\[\[\w+(?::\w+)?\]\])"
_MATCHER = re.compile(rf"""[\w.]+\s*(?:=~|!~|!=|=)\s*(?:"[^"]*{_VARIABLE}[^"]*"|'[^']*{_VARIABLE}[^']*')\s*,?\s*""")
_BEST = re.compile(r"^\s*(?:topk|bottomk|sort|sort_desc)\s*\((?:\s*[\w$]+\s*,)?(?P<inside>.*)\)\s*$", re.DOTALL)
_COMPARISONS = ("==", "!=", ">=", "<=", ">", "<")
_OR_NOTHING = re.compile(r"\s+or\s+(?:on\s*\(\s*\)\s*)?vector\(\s*[\d.]+\s*\)\s*$")
_WORDS = re.compile(
    r"by|without|on|ignoring|group_left|group_right|and|or|unless|bool|offset|sum|avg|min|max|count|quantile|"
    r"topk|bottomk|stddev|stdvar|group|count_values",
    re.IGNORECASE,
)
"""What PromQL takes in capitals as well."""
_QUOTED_OR_COMMENT = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)|#[^\n]*""")


def clean(query: str, window: float, recorded: bool) -> str:
    """A query without a dashboard's variables, an alert's threshold, and what only orders series."""
    query = _QUOTED_OR_COMMENT.sub(lambda one: one[1] or " ", query).strip()
    for token in reversed(read_tokens(query)):
        if token.kind == "name" and _WORDS.fullmatch(token.text):
            query = query[: token.begin] + token.text.lower() + query[token.end :]
    query = _RANGE.sub(lambda one: f"[{format_duration(window)}{one[1] or ''}]", query)
    query = re.sub(r",\s*\}", "}", _MATCHER.sub("", query))
    query = re.sub(r"\{\s*\}", "", query).strip().rstrip(",;")
    query = re.sub(r"\bby\s*\(([^()]*)\)", lambda one: _by_without_variables(one[1]), query)
    if not recorded:
        query = _without_thresholds(query)
    while (best := _BEST.match(query)) and _balanced(best["inside"]):
        query = best["inside"].strip()
    return " ".join(query.split())


def _balanced(text: str) -> bool:
    """Whether every parenthesis in a text is opened before it is closed."""
    depth = 0
    for mark in re.sub(r"\"[^\"]*\"|'[^']*'", "", text):
        depth += (mark == "(") - (mark == ")")
        if depth < 0:
            return False
    return depth == 0


def _by_without_variables(labels: str) -> str:
    """The grouping without a dashboard's variables; without any where there is nothing else."""
    left = [label.strip() for label in labels.split(",") if label.strip() and "$" not in label]
    return f"by ({', '.join(left)})" if left or not labels.strip() else ""


def _without_thresholds(query: str) -> str:
    """What an alert compares, of `(a > 1) and b > 5` the first: a; and a panel's query without what stands for nothing.

    >>> _without_thresholds("(rate(a[1m]) / rate(b[1m])) * 100 > (5 * 2) and on () x > 1")
    '(rate(a[1m]) / rate(b[1m])) * 100'
    >>> _without_thresholds("(a) > bool 5"), _without_thresholds("sum(a) or vector(0)"), _without_thresholds("a > b")
    ('a', 'sum(a)', 'a > b')
    """
    before = ""
    while query != before:
        before = query = _OR_NOTHING.sub("", query).strip().removeprefix("-").strip()  # drawn below the axis
        query = _cut(query, ("and", "unless"), lambda _: True)
        query = _cut(query, _COMPARISONS, _is_number)
        if query[:1] == "(" and query[-1:] == ")" and _balanced(query[1:-1]):
            query = query[1:-1].strip()
    return query


def _is_number(text: str) -> bool:
    return not read_parts(text).selectors and not re.search(r"[a-zA-Z_]\w*\s*\(", text.removeprefix("bool"))


def _cut(query: str, operators: Collection[str], may_go: Callable[[str], bool]) -> str:
    """The query up to the first of these operators outside of every bracket, where what stands behind it `may_go`."""
    depth = 0
    for token in read_tokens(query):
        depth += (token.text in ("(", "{")) - (token.text in (")", "}"))
        if not depth and token.text in operators and may_go(query[token.end :]):
            return query[: token.begin].strip()
    return query


def threshold_of(query: str) -> str:
    """A comparison that leaves those alone for whom it holds; empty where there is none, or where it gives 0 and 1."""
    depth, tokens = 0, read_tokens(query)
    for place, token in enumerate(tokens):
        depth += (token.text == "{") - (token.text == "}")
        following = tokens[place + 1].text if place + 1 < len(tokens) else ""
        if not depth and token.text in _COMPARISONS and following.lower() != "bool":
            return f"{token.text} {following}"
    return ""


def without_ranges(query: str) -> str:
    """The query without the ranges that a dashboard fills in."""
    return _RANGE.sub("", query)
