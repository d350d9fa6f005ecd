"""Text in a query that is not PromQL but belongs to where it was copied from: a dashboard, a chart, a mixin."""

import re
from collections.abc import Iterator

_STRING = r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`"""
_RANGE_VARIABLE = re.compile(r"\[\s*(\$\{?\w+(?::\w+)?\}?|\[\[\w+(?::\w+)?\]\])\s*(?::[^\]]*)?\]")
_OLD_VARIABLE = re.compile(r"\[\[\w+(?::\w+)?\]\]")
_VARIABLE = re.compile(r"\$(?:\{[a-zA-Z_]\w*(?:[.:][\w:.]*)?\}|[a-zA-Z_]\w*)")
_MATCHER = re.compile(rf"""(?:[\w.$]+|{_STRING})\s*(?:=~|!~|!=|=(?!=))\s*(?:{_STRING})""")
_IN_LIST = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*$", re.IGNORECASE)
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
        yield f"'{found[0]}' is a dashboard's variable; {_instead(query, found)}"
    if found := _CURLY.search(query):
        yield f"{found[0]} is a typographic quote; write \" or '"
    if query.rstrip().endswith((",", ";")):
        yield f"ends with '{query.rstrip()[-1]}', which belongs to where it was copied from; leave it out"
    if _trailing_comma(query):
        yield "has a comma before a closing parenthesis, where PromQL allows none; leave it out"


def _instead(query: str, variable: re.Match[str]) -> str:
    """What to write in place of a variable, by where it stands."""
    before, behind = query[: variable.start()], query[variable.end() :]
    if any(one.start() < variable.start() < one.end() for one in _MATCHER.finditer(query)):
        return "leave its matcher out, so that the query returns every entity, or write the value"
    if _IN_LIST.search(before):
        return "write the labels by which the entity is told apart"
    if re.search(r"\boffset\s+-?$|\[[^\]]*$", before):
        return "write a duration, as 1d"
    if re.search(r"[\w:]$", before) or re.match(r"[\w:{[]", behind):
        return "write the metric's name"
    return "write what it is filled in with"


def _trailing_comma(query: str) -> bool:
    """Whether the arguments of a function end with a comma; matchers and lists of labels may."""
    return bool(_TRAILING.search(_LIST.sub("", re.sub(_STRING, "''", query))))
