"""What can be read out of a PromQL text without understanding it: selectors, ranges and grouping labels.

Names are written as Prometheus 3 has them: what is no identifier, as `http.server.request.duration`, is quoted.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from datasource.settings.duration import parse_duration

_TOKEN = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)
    |(?P<comment>\#[^\n]*)
    |(?P<range>\[[^\]]*\])
    |(?P<number>(?:\d[\w.]*|\.\d+))
    |(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
    |(?P<mark>[{}(),])
    |(?P<other>\S)""",
    re.VERBOSE,
)
_COUNTS_REQUESTS = re.compile(r"\[|total|rate|sum|count|increase", re.IGNORECASE)
_SHARE = re.compile(r"(?:^|[:_.])(?:ratio|percent(?:age|unit)?|pct|availability)(?:[:_.]|$)")
_LABELS_FOLLOW = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_WORDS = _LABELS_FOLLOW | {"and", "or", "unless", "bool", "offset", "inf", "nan", "start", "end", "atan2"}


_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_STRING = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)"""
_MATCHER = re.compile(rf"({_STRING}|[a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*({_STRING})")
_NAMED = re.compile(r"""__name__\s*=\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)""")


def write_selector(metric: str, matchers: str = "") -> str:
    """A metric's series that have these matchers, the name inside the braces where it is no identifier.

    >>> write_selector("up"), write_selector("up", 'job="a"'), write_selector("http.calls", 'job="a"')
    ('up', 'up{job="a"}', '{"http.calls", job="a"}')
    """
    if _METRIC.fullmatch(metric):
        return f"{metric}{{{matchers}}}" if matchers else metric
    return f"{{{', '.join(filter(None, (_quoted(metric), matchers)))}}}"


def write_label(label: str) -> str:
    """A label as it stands in a query.

    >>> write_label("service"), write_label("service.name")
    ('service', '"service.name"')
    """
    return label if _LABEL.fullmatch(label) else _quoted(label)


def write_labels(labels: Iterable[str]) -> str:
    """Labels as they stand in by (...)."""
    return ", ".join(map(write_label, labels))


def write_present(labels: Iterable[str], placeholders: Sequence[str] = ()) -> str:
    """The matchers by which a series has all these labels, and none of the `placeholders` in their place.

    >>> write_present(["namespace", "service.name"]), write_present(["workload"], ["unknown"])
    ('namespace!="", "service.name"!=""', 'workload!~"unknown|"')
    """
    absent = f'!~"{"|".join(placeholders)}|"' if placeholders else '!=""'
    return ", ".join(f"{write_label(label)}{absent}" for label in labels)


class Token(NamedTuple):
    """A word, number, string, [range], bracket or operator of a query, and where it stands in the text."""

    text: str
    kind: str
    begin: int
    end: int


_TWO = {"==", "!=", ">=", "<="}


def read_tokens(query: str) -> list[Token]:
    """A query in tokens, without comments.

    >>> [token.text for token in read_tokens("sum(x{a='b'}) >= 1e-3 # much")]
    ['sum', '(', 'x', '{', 'a', '=', "'b'", '}', ')', '>=', '1e-3']
    """
    found: list[Token] = []
    for match in _TOKEN.finditer(query):
        kind, text = str(match.lastgroup), match.group()
        last = found[-1] if found else None
        if kind == "comment":
            continue
        if last and last.end == match.start() and (last.text + text in _TWO or _continues(last, text)):
            found[-1] = Token(last.text + text, last.kind, last.begin, match.end())
        else:
            found.append(Token(text, kind, match.start(), match.end()))
    return found


def _continues(last: Token, text: str) -> bool:
    """Whether a text continues a number such as 1e-3, which the expression for numbers ends too early."""
    if last.kind != "number" or last.text[:2].lower() == "0x":
        return False
    return (last.text[-1] in "eE" and text in "+-") or (last.text[-2:-1] in ("e", "E") and text[0].isdigit())


def read_matchers(selector: "Selector") -> frozenset[tuple[str, str]]:
    """(label, operator and value as written) of every matcher.

    >>> sorted(read_matchers(Selector("x", 'a="b", "c.d"!~"e,f"')))
    [('a', '="b"'), ('c.d', '!~"e,f"')]
    """
    found = ((m[1], m[2] + m[3]) for m in _MATCHER.finditer(selector.matchers))
    return frozenset((_unquoted(label) if label[0] in "\"'`" else label, rest) for label, rest in found)


def _quoted(name: str) -> str:
    text = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'


def _unquoted(text: str) -> str:
    if text.startswith("`"):
        return text[1:-1]
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), text[1:-1])


class Selector(NamedTuple):
    """A metric name, the text of its matchers without braces, and its range or subquery, empty where there is none."""

    metric: str
    matchers: str = ""
    range: str = ""

    def __str__(self) -> str:
        return write_selector(self.metric, self.matchers)


class Parts(NamedTuple):
    """The selectors of a query and the labels it groups by, each once, in order."""

    selectors: tuple[Selector, ...]
    grouping: tuple[str, ...]


def read_parts(query: str) -> Parts:
    """Selectors and grouping labels of a query that Prometheus accepts; of another one, what can be seen.

    >>> read_parts('sum by (job) (rate(hits_total{code="500"}[5m]))')
    Parts(selectors=(Selector(metric='hits_total', matchers='code="500"', range='5m'),), grouping=('job',))
    >>> read_parts("COUNT(up) BY (job)")
    Parts(selectors=(Selector(metric='up', matchers='', range=''),), grouping=('job',))
    """
    tokens = [match for match in _TOKEN.finditer(query) if match.lastgroup != "comment"]
    selectors: dict[Selector, None] = {}
    grouping: dict[str, None] = {}
    place = 0
    while place < len(tokens):
        token = tokens[place]
        following = tokens[place + 1].group() if place + 1 < len(tokens) else ""
        place += 1
        if token.group() == "{":
            selector, place = _selector(query, "", tokens, place - 1)
            selectors |= {selector: None} if selector.metric else {}
        if token.lastgroup != "name":
            continue
        word = token.group()
        if word.lower() in _LABELS_FOLLOW and following == "(":
            labels, place = _list(tokens, place + 1)
            if word.lower() == "by":
                grouping |= dict.fromkeys(labels)
        elif word.lower() not in _WORDS and following != "(" and not _aggregates(word, following):
            selector, place = _selector(query, word, tokens, place)
            selectors[selector] = None
    return Parts(tuple(selectors), tuple(grouping))


def range_seconds(query: str) -> tuple[float, ...]:
    """The seconds of every [range] and subquery range in a query, each once, in order.

    Empty, too, when one is written so that only the server knows its length, as VictoriaMetrics' [5i].

    >>> range_seconds("max_over_time(rate(x[5m])[1h:1m])")
    (300.0, 3600.0)
    """
    spans = [token.group()[1:-1].partition(":")[0].strip() for token in _TOKEN.finditer(query) if token["range"]]
    try:
        return tuple(dict.fromkeys(parse_duration(span) for span in spans))
    except ValueError:
        return ()


def is_ratio(query: str) -> bool:
    """Whether a query divides one rate by another, or reads a metric that is called a ratio or percentage.

    >>> is_ratio("sum(rate(e_total[1m])) / sum(rate(r_total[1m]))"), is_ratio("sum(rate(e_total[1m])) / 60")
    (True, False)
    >>> is_ratio("1 - job:availability:ratio_rate5m"), is_ratio("sum(rate(e_total[1m])) / count(up)")
    (True, False)
    """
    if any(_SHARE.search(selector.metric) for selector in read_parts(query).selectors):
        return True
    tokens = [match for match in _TOKEN.finditer(query) if match.lastgroup != "comment"]
    places = [place for place, token in enumerate(tokens) if token.group() == "/"]
    return any(_counts(_side(tokens, place, -1)) and _counts(_side(tokens, place, 1)) for place in places)


def _side(tokens: list[re.Match[str]], place: int, step: int) -> str:
    """The text that stands before (step -1) or after (1) an operator, to the end of the parenthesis around both."""
    depth, found = 0, list[str]()
    place += step
    while 0 <= place < len(tokens):
        text = tokens[place].group()
        depth += {"(": step, ")": -step, "{": step, "}": -step}.get(text, 0)
        if depth < 0 or (depth == 0 and text in ("+", "-", "or", "and", "unless", ",")):
            break
        found.append(text)
        place += step
    return " ".join(found[::step])


def _counts(text: str) -> bool:
    """Whether a side of a division counts requests: a rate, or a recorded one; not how many instances there are."""
    selectors = read_parts(text).selectors
    if not selectors or re.match(r"(?:on|ignoring|\().*?\)?\s*count\b|count\b", text):
        return False
    return any(one.range or _COUNTS_REQUESTS.search(one.metric) for one in selectors)


def _aggregates(word: str, following: str) -> bool:
    """Whether this is the `sum` of `sum by (job) (...)`."""
    return following.lower() in ("by", "without")


def _list(tokens: list[re.Match[str]], place: int) -> tuple[Iterator[str], int]:
    end = next((p for p in range(place, len(tokens)) if tokens[p].group() == ")"), len(tokens))
    inside = tokens[place:end]
    names = (token.group() if token["name"] else _unquoted(token.group()) for token in inside if not token["mark"])
    return names, end + 1


def _selector(query: str, metric: str, tokens: list[re.Match[str]], place: int) -> tuple[Selector, int]:
    """The selector whose braces, if it has any, begin at a place; without a `metric` its name stands inside them."""
    matchers = span = ""
    if place < len(tokens) and tokens[place].group() == "{":
        end = next((p for p in range(place, len(tokens)) if tokens[p].group() == "}"), len(tokens) - 1)
        items = list(_items(query, tokens, place, end))
        for item in items if not metric else ():
            named = _NAMED.fullmatch(item)
            if named or (item[0] in "\"'`" and _TOKEN.fullmatch(item)):
                metric = _unquoted(named[1] if named else item)
                items.remove(item)
                break
        matchers = ", ".join(items)
        place = end + 1
    if place < len(tokens) and tokens[place].lastgroup == "range":
        span = tokens[place].group()[1:-1].partition(":")[0]
        place += 1
    return Selector(metric, matchers, span), place


def _items(query: str, tokens: list[re.Match[str]], begin: int, end: int) -> Iterator[str]:
    """What stands between the commas of a pair of braces."""
    since = tokens[begin].end()
    for token in tokens[begin + 1 : end + 1]:
        if token.group() in (",", "}"):
            if item := query[since : token.start()].strip():
                yield item
            since = token.end()
