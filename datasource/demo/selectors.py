"""PromQL's plain selectors: `name{label="value", other!~"a|b"}`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
OPERATOR = re.compile(r"=~|!~|!=|=")
STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|' r"'(?:[^'\\\n]|\\.)*'|" r"`[^`]*`")
SPACE = re.compile(r"(?:\s|#[^\n]*)*")
ESCAPE = re.compile(r"\\(?:([abfnrtv\\'\"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|.)")
SIMPLE_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
NOT_RE2 = re.compile(r"(?<!\\)(?:\\\\)*(?:\(\?(?:[=!]|<[=!])|\\[1-9])")
"""What Python's regular expressions have and Prometheus' do not: look-around and back-references."""


class SelectorError(ValueError):
    """The text is not a plain selector; the message says why."""


@dataclass(frozen=True)
class Matcher:
    """One condition on a label; a label that is absent has the empty value."""

    label: str
    operator: str
    value: str
    test: Callable[[str], bool]

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a label set fulfils it."""
        return self.test(labels.get(self.label, ""))


@dataclass(frozen=True)
class Selector:
    """Conditions that must all hold."""

    matchers: tuple[Matcher, ...]

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a label set is selected."""
        return all(matcher.matches(labels) for matcher in self.matchers)


def parse_selector(text: str) -> Selector:
    """Read a selector.

    Raises:
        SelectorError: it is something else, such as a function, an arithmetic expression or a range, or it would
            select everything.
    """
    reader = _Reader(text)
    matchers = []
    name = reader.take(NAME)
    if name and name.lower() in ("inf", "nan"):
        raise SelectorError("a number is not a selector")
    if name:
        matchers.append(_matcher("__name__", "=", name))
    if reader.literal("{"):
        while not reader.literal("}"):
            label = reader.need(LABEL, "a label name")
            matcher = _matcher(label, reader.need(OPERATOR, "an operator"), reader.string())
            if name and matcher.label == "__name__":
                raise SelectorError(f"metric name must not be set twice: {name!r} or {matcher.value!r}")
            matchers.append(matcher)
            if not reader.literal(",") and not reader.ahead("}"):
                raise SelectorError(f"expected ',' or '}}' at character {reader.place + 1}")
    elif not name:
        raise SelectorError("no metric name and no matchers")
    if not reader.finished:
        raise SelectorError(f"unexpected {text[reader.place :]!r} after the selector")
    if all(matcher.test("") for matcher in matchers):
        raise SelectorError("vector selector must contain at least one non-empty matcher")
    return Selector(tuple(matchers))


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self.place = 0
        self.take(SPACE)

    @property
    def finished(self) -> bool:
        return self.place == len(self._text)

    def take(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self._text, self.place)
        if found is None:
            return None
        space = SPACE.match(self._text, found.end())
        self.place = space.end() if space else found.end()
        return found.group()

    def need(self, pattern: re.Pattern[str], what: str) -> str:
        found = self.take(pattern)
        if not found:
            raise SelectorError(f"expected {what} at character {self.place + 1}")
        return found

    def ahead(self, literal: str) -> bool:
        return self._text.startswith(literal, self.place)

    def literal(self, literal: str) -> bool:
        return self.take(re.compile(re.escape(literal))) is not None

    def string(self) -> str:
        quoted = self.need(STRING, "a quoted string")
        quote = quoted[0]
        return quoted[1:-1] if quote == "`" else ESCAPE.sub(partial(_unescape, quote), quoted[1:-1])


def _unescape(quote: str, escape: re.Match[str]) -> str:
    simple, *hexadecimal, octal = escape.groups()
    if simple in SIMPLE_ESCAPES:
        return SIMPLE_ESCAPES[simple]
    if simple in ("\\", quote):
        return str(simple)
    for digits in hexadecimal:
        if digits:
            return chr(int(digits, 16))
    if octal:
        return chr(int(octal, 8))
    raise SelectorError(f"unknown escape sequence {escape.group()!r}")


def _matcher(label: str, operator: str, value: str) -> Matcher:
    if operator in ("=", "!="):
        return Matcher(label, operator, value, lambda actual: (actual == value) == (operator == "="))
    if NOT_RE2.search(value):
        raise SelectorError(f"invalid regular expression {value!r}: no look-around, no back-references")
    try:
        pattern = re.compile(value)
    except re.error as error:
        raise SelectorError(f"invalid regular expression {value!r}: {error}") from None
    return Matcher(label, operator, value, lambda actual: (pattern.fullmatch(actual) is not None) == (operator == "=~"))
