"""Text in a query that is not PromQL but belongs to where it was copied from: a dashboard, a chart, a mixin."""

import re
from collections.abc import Iterator

_STRING = r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`"""
_RANGE_VARIABLE = re.compile(r"\[\s*(\$\{?\w+(?::\w+)?\}?|\[\[\w+(?::\w+)?\]\])\s*(?::[^\]]*)?\]")
_OLD_VARIABLE = re.compile(r"\[\[\w+(?::\w+)?\]\]")
_VARIABLE = re.compile(r"\$(?:\{[a-zA-Z_]\w*(?:[.:][\w:.]*)?\}|[a-zA-Z_]\w*)")
_NAMED_GROUP = re.compile(r"\(\?P?<\w+>")
_BRACES = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_MIXIN = re.compile(r"%\(\w+\)[sd]")
_LIST = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)|\{[^{}]*\}")
_TRAILING = re.compile(r",\s*\)")
_CURLY = re.compile("[\u201c\u201d\u2018\u2019]")


def foreign_text(query: str) -> str:
    """What in a query only the tool that it was copied from understands, and what to write instead; else nothing.

    >>> foreign_text("sum(rate(hits_total[$__rate_interval]))")
    "'[$__rate_interval]' is a dashboard's interval; write a duration, [2m], and the same as the signal's window"
    """
    return next(_findings(query), "")


def _findings(query: str) -> Iterator[str]:
    if found := _BRACES.search(query):
        yield f"'{found[0]}' is a template's (Helm, Jinja, alert annotations); write what it is filled in with"
    if found := _MIXIN.search(query):
        yield f"'{found[0]}' is a mixin's (Jsonnet); write what it is filled in with"
    if found := _RANGE_VARIABLE.search(query):
        yield (f"'{found[0]}' is a dashboard's interval; write a duration, [2m], and the same as the signal's window")
    if found := _OLD_VARIABLE.search(query) or (None if _NAMED_GROUP.search(query) else _VARIABLE.search(query)):
        yield (
            f"'{found[0]}' is a dashboard's variable; leave its matcher out, so that the query returns every entity, "
            "or write the value"
        )
    if found := _CURLY.search(query):
        yield f"{found[0]} is a typographic quote; write \" or '"
    if query.rstrip().endswith((",", ";")):
        yield f"ends with '{query.rstrip()[-1]}', which belongs to where it was copied from; leave it out"
    if _trailing_comma(query):
        yield "has a comma before a closing parenthesis, where PromQL allows none; leave it out"


def _trailing_comma(query: str) -> bool:
    """Whether the arguments of a function end with a comma; matchers and lists of labels may."""
    return bool(_TRAILING.search(_LIST.sub("", re.sub(_STRING, "''", query))))
