"""A PromQL query as a tree, each node with the text it stands for."""

import re
from typing import NamedTuple

from datasource.settings.promql import Token, read_tokens

_ADDED = ("sum", "avg", "count", "group")
_CHOSEN = ("min", "max", "topk", "bottomk", "quantile", "limitk", "limit_ratio")
AGGREGATIONS = frozenset((*_ADDED, *_CHOSEN, "stddev", "stdvar", "count_values"))
_BINDS: dict[str, int] = {"or": 1, "and": 2, "unless": 2}
_BINDS |= dict.fromkeys(("==", "!=", ">=", "<=", ">", "<"), 3)
_BINDS |= {"+": 4, "-": 4, "*": 5, "/": 5, "%": 5, "atan2": 5, "^": 7}
_UNARY = 6
COMPARISONS = frozenset(word for word, binds in _BINDS.items() if binds == 3)
_VARIABLE = re.compile(r"\$\{[^}]*\}|\$[A-Za-z_]\w*|\[\[\w+\]\]")
_MATCHING = frozenset({"on", "ignoring", "group_left", "group_right"})


class QueryError(Exception):
    """A change of the query cannot be divided among labels; the text says what to ask instead."""


class Node(NamedTuple):
    """`kind` is number, string, selector, call, aggregation, unary or binary; `word` the function or operator.

    `text` is what stands in the query. `parts` are arguments or operands, `by` the labels of an aggregation's by (...).
    """

    kind: str
    word: str
    text: str
    parts: tuple["Node", ...] = ()
    by: tuple[str, ...] = ()
    bool_modifier: bool = False

    def aggregates(self) -> bool:
        """Whether anything in it is an aggregation."""
        return self.kind == "aggregation" or any(part.aggregates() for part in self.parts)

    def words(self) -> tuple[str, ...]:
        """The functions and operators in it, outermost first."""
        return (self.word, *(word for part in self.parts for word in part.words()))


def parse(query: str) -> Node:
    """The tree of a query. Raises QueryError where it is not PromQL."""
    parser = _Parser(query)
    try:
        node = parser.expression(0)
        node.aggregates()
    except RecursionError:
        raise QueryError("the query is too long or nested too deeply; write it with fewer terms or brackets") from None
    if parser.left():
        raise parser.error()
    return node


class _Parser:
    """Precedence climbing over tokens."""

    def __init__(self, query: str) -> None:
        self.query = query
        self.tokens = read_tokens(query)
        self.place = 0
        variable = _VARIABLE.search(query)
        if variable is not None:
            raise QueryError(
                f"'{variable.group()}' is a variable of a dashboard, which only Grafana fills in; write its value there"
            )
        if not self.tokens:
            raise QueryError("the query is empty; write one, as 'sum(rate(http_requests_total[5m]))'")

    def left(self) -> bool:
        return self.place < len(self.tokens)

    def error(self) -> QueryError:
        if not self.left():
            return QueryError("the query ends too early; is a bracket missing?")
        token = self.tokens[self.place]
        return QueryError(f"the query cannot be read at '{token.text}', character {token.begin + 1}")

    def peek(self, ahead: int = 0) -> Token:
        place = self.place + ahead
        return self.tokens[place] if place < len(self.tokens) else Token("", "", len(self.query), len(self.query))

    def take(self, text: str = "") -> Token:
        token = self.peek()
        if not token.text or (text and token.text != text):
            raise self.error()
        self.place += 1
        return token

    def text_since(self, begin: int) -> str:
        return self.query[begin : self.tokens[self.place - 1].end]

    def expression(self, binds: int) -> Node:
        begin = self.peek().begin
        if self.peek().text in ("+", "-"):
            sign = self.take().text
            operand = self.expression(_UNARY)
            node = Node("unary", sign, self.text_since(begin), (operand,))
        else:
            node = self.operand()
        while (power := _BINDS.get(self.peek().text.lower(), 0)) > binds:
            operator = self.take().text.lower()
            is_bool = self.modifiers()
            right = self.expression(power - 1 if operator == "^" else power)
            node = Node("binary", operator, self.text_since(begin), (node, right), bool_modifier=is_bool)
        return node

    def modifiers(self) -> bool:
        """Skip bool, on (...), group_left (...) after an operator; whether there was bool."""
        is_bool = False
        while (word := self.peek().text.lower()) == "bool" or word in _MATCHING:
            self.take()
            is_bool = is_bool or word == "bool"
            if word in _MATCHING and self.peek().text == "(":
                self.labels()
        return is_bool

    def labels(self) -> tuple[str, ...]:
        self.take("(")
        found = []
        while self.peek().text != ")":
            token = self.take()
            if token.kind in ("name", "string"):
                found.append(token.text.strip("\"'`"))
        self.take(")")
        return tuple(found)

    def operand(self) -> Node:
        token = self.peek()
        begin = token.begin
        if token.text == "(":
            self.take()
            inside = self.expression(0)
            self.take(")")
            postfix = self.postfix()
            text = self.text_since(begin)
            node = Node("call", "subquery", text, (inside,)) if postfix else inside._replace(text=text)
        elif token.kind == "number" or token.text.lower() in ("inf", "nan"):
            self.take()
            node = Node("number", token.text, token.text)
        elif token.kind == "string":
            self.take()
            node = Node("string", token.text, token.text)
        elif self.peek(1).text.lower() in ("(", "by", "without") and token.text.lower() in AGGREGATIONS:
            node = self.aggregation()
        elif token.kind == "name" and self.peek(1).text == "(":
            self.take()
            parts = self.arguments()
            node = Node("call", token.text, self.text_since(begin), parts)
            if self.postfix():
                node = Node("call", "subquery", self.text_since(begin), (node,))
        elif token.kind == "name" or token.text == "{":
            node = self.selector()
        else:
            raise self.error()
        return node

    def aggregation(self) -> Node:
        begin = self.peek().begin
        word = self.take().text.lower()
        by = self.grouping()
        parts = self.arguments()
        by = by or self.grouping()
        node = Node("aggregation", word, self.text_since(begin), parts, by)
        if self.postfix():
            return Node("call", "subquery", self.text_since(begin), (node,))
        return node

    def grouping(self) -> tuple[str, ...]:
        if self.peek().text.lower() not in ("by", "without"):
            return ()
        word = self.take().text.lower()
        labels = self.labels()
        return labels if word == "by" else ()

    def arguments(self) -> tuple[Node, ...]:
        self.take("(")
        found = []
        while self.peek().text != ")":
            found.append(self.expression(0))
            if self.peek().text != ")":
                self.take(",")
        self.take(")")
        return tuple(found)

    def selector(self) -> Node:
        begin = self.peek().begin
        if self.peek().kind == "name":
            self.take()
        if self.peek().text == "{":
            while self.take().text != "}":
                pass
        self.postfix()
        return Node("selector", "", self.text_since(begin))

    def postfix(self) -> bool:
        """Skip [range], offset and @; whether there was any."""
        before = self.place
        while self.left():
            token = self.peek()
            if token.kind == "range":
                self.take()
            elif token.text.lower() == "offset":
                self.take()
                if self.peek().text in ("-", "+"):
                    self.take()
                self.take()
            elif token.text == "@":
                self.take()
                if self.take().kind == "name":
                    self.take("(")
                    self.take(")")
            else:
                break
        return self.place > before
