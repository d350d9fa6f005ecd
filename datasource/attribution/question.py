"""What a PromQL query adds up, divides or averages: the sums of series of which it is made."""

from collections.abc import Callable, Iterator
from math import isfinite
from typing import NamedTuple

from datasource.attribution.syntax import COMPARISONS, Node, QueryError, parse
from datasource.settings.promql import Selector, range_seconds, read_matchers, read_parts

_ADDABLE = frozenset({"sum", "avg", "count"})
_PASSING = frozenset({"sort", "sort_desc", "sort_by_label", "sort_by_label_desc", "scalar"})
_NAMING = frozenset({"label_replace", "label_join"})
_QUANTILES = frozenset({"histogram_quantile", "quantile", "quantile_over_time", "histogram_quantiles"})
_INSTEAD = "ask for a sum, a ratio of sums or a mean, as 'sum(rate(a_total[5m])) / sum(rate(b_total[5m]))'"


class Term(NamedTuple):
    """`factor` times the sum over the series of `inner`, or times how many there are (`counts`)."""

    factor: float
    inner: str
    counts: bool = False

    @property
    def matchers(self) -> frozenset[tuple[str, str]]:
        """What its selectors pick."""
        selectors = read_parts(self.inner).selectors
        return frozenset().union(*(read_matchers(one) for one in selectors))

    @property
    def events(self) -> float:
        """Seconds that 1 counts for, where it counts events: 1 of a rate; nan of what counts nothing, as bytes."""
        selectors = read_parts(self.inner).selectors
        named = [one for one in selectors if one.range]
        if self.counts or not named or not all(_counts_events(one) for one in named):
            return float("nan")
        return max(range_seconds(self.inner), default=1.0) if "increase(" in self.inner.replace(" ", "") else 1.0


def _counts_events(selector: Selector) -> bool:
    name = selector.metric
    amounts = ("_seconds_total", "_bytes_total", "_joules_total", "_sum")
    return name.endswith(("_total", "_count", "_bucket")) and not name.endswith(amounts)


class Question(NamedTuple):
    """A sum of terms, plus `constant`; or `factor` times the sum of `terms` over that of `below`, plus it.

    `by` are the labels of the query's own grouping, `notices` what of the query was left out.
    """

    query: str
    terms: tuple[Term, ...]
    below: tuple[Term, ...] = ()
    factor: float = 1.0
    constant: float = 0.0
    by: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def window(self) -> float:
        """Seconds of the longest [range] in it, 0 without one."""
        return max((seconds for term in (*self.terms, *self.below) for seconds in range_seconds(term.inner)), default=0)

    @property
    def of_the_numerator(self) -> frozenset[str]:
        """Labels that say what is counted above the line and not below it, as the status of errors per request."""
        if not self.below:
            return frozenset()
        above, below = (
            frozenset[tuple[str, str]]().union(*(t.matchers for t in ts)) for ts in (self.terms, self.below)
        )
        return frozenset(label for label, _ in above - below)


class _Value(NamedTuple):
    """What a node stands for: a constant plus terms, divided by `below` where there is one."""

    constant: float = 0.0
    terms: tuple[Term, ...] = ()
    below: tuple[Term, ...] = ()
    factor: float = 1.0

    def times(self, factor: float) -> "_Value":
        if self.below:
            return self._replace(constant=self.constant * factor, factor=self.factor * factor)
        terms = tuple(term._replace(factor=term.factor * factor) for term in self.terms)
        return self._replace(constant=self.constant * factor, terms=terms)


def read_question(query: str) -> Question:
    """The sums of which a query is made. Raises QueryError, which says what to ask instead.

    >>> question = read_question('1 - sum(rate(e_total[5m])) / sum by (job) (rate(r_total[5m])) < 0.9')
    >>> question.factor, question.terms[0].inner, question.below[0].inner, question.by
    (-1.0, 'rate(e_total[5m])', 'rate(r_total[5m])', ('job',))
    >>> question.notices
    ("'< 0.9' is left out: its change is explained whether it holds or not",)
    """
    reader = _Reader()
    tree = parse(query)
    value = reader.value(tree)
    if not tree.aggregates():
        reader.notices["the query has no sum(): its series are added up"] = None
    if not value.terms:
        raise QueryError(f"the query is a constant, which never changes; {_INSTEAD}")
    for counter in _raw_counters(value):
        reader.notices[f"{counter} looks like a counter; ask for rate({counter}[5m]), which forgets restarts"] = None
    numbers = (value.factor, value.constant, *(term.factor for term in (*value.terms, *value.below)))
    if not all(map(isfinite, numbers)) or not value.factor or not any(term.factor for term in value.terms):
        raise QueryError(f"the query multiplies or divides by what leaves no number of it; {_INSTEAD}")
    if value.below:
        whole = Question(query, value.terms, value.below, value.factor, value.constant)
    else:
        whole = Question(query, value.terms, constant=value.constant)
    return whole._replace(by=tuple(reader.by), notices=tuple(reader.notices))


def _raw_counters(value: _Value) -> Iterator[str]:
    """What is added up as it is, and by its name only ever grows."""
    for term in (*value.terms, *value.below):
        for selector in read_parts(term.inner).selectors if not term.counts else ():
            if not selector.range and selector.metric.endswith(("_total", "_count", "_sum", "_bucket")):
                yield selector.metric


class _Reader:
    def __init__(self) -> None:
        self.by: dict[str, None] = {}
        self.notices: dict[str, None] = {}

    def value(self, node: Node) -> _Value:
        read: Callable[[Node], _Value] = getattr(self, f"_{node.kind}")
        return read(node)

    def _number(self, node: Node) -> _Value:
        try:
            return _Value(float(int(node.text, 16) if node.text[:2].lower() == "0x" else float(node.text)))
        except ValueError:
            raise QueryError(f"'{node.text}' is not a number") from None

    def _string(self, node: Node) -> _Value:
        raise QueryError(f"{node.text} is a text, not a number; {_INSTEAD}")

    def _selector(self, node: Node) -> _Value:
        return _Value(terms=(Term(1.0, node.text),))

    def _unary(self, node: Node) -> _Value:
        return self.value(node.parts[0]).times(-1.0 if node.word == "-" else 1.0)

    def _aggregation(self, node: Node) -> _Value:
        if node.word in _QUANTILES:
            raise QueryError(_no_quantile(node))
        if node.word not in _ADDABLE or len(node.parts) != 1:
            raise QueryError(f"{node.word}() does not add up over label values; {_INSTEAD}")
        self.by |= dict.fromkeys(node.by)
        (inside,) = node.parts
        _refuse_quantiles(inside)
        if node.word == "sum" and inside.kind == "aggregation" and inside.word in _ADDABLE - {"avg"}:
            return self.value(inside)
        if node.word == "count":
            return _Value(terms=(Term(1.0, inside.text, counts=True),))
        total = _Value(terms=(Term(1.0, inside.text),))
        if node.word == "avg":
            return total._replace(below=(Term(1.0, inside.text, counts=True),))
        return total

    def _call(self, node: Node) -> _Value:
        if node.word in _QUANTILES:
            raise QueryError(_no_quantile(node))
        if node.word == "vector" and node.parts:
            return self.value(node.parts[0])
        if node.word in _PASSING and node.parts:
            return self.value(node.parts[0])
        if node.word in _NAMING and node.parts and node.parts[0].aggregates():
            return self.value(node.parts[0])
        if node.word == "histogram_avg" and node.parts:
            sums, counts = (self._histogram(part, node.parts[0]) for part in ("histogram_sum", "histogram_count"))
            return _over(sums, counts, node)
        if node.word in ("histogram_sum", "histogram_count") and node.parts:
            return self._histogram(node.word, node.parts[0])
        _refuse_quantiles(node)
        if not read_parts(node.text).selectors:
            raise QueryError(f"{node.text} has no labels, and nothing can be told apart; {_INSTEAD}")
        if not node.aggregates():
            return _Value(terms=(Term(1.0, node.text),))
        what = "a subquery" if node.word == "subquery" or "subquery" in node.words() else f"{node.word}()"
        raise QueryError(f"{what} of what is aggregated cannot be divided among labels; ask for what is inside it")

    def _histogram(self, function: str, inside: Node) -> _Value:
        """The sum or count of native histograms that may be aggregated themselves."""
        found = self.value(inside)
        if found.below or found.constant or any(term.counts for term in found.terms):
            raise QueryError(f"{function}() of what is no sum of histograms; {_INSTEAD}")
        return found._replace(terms=tuple(t._replace(inner=f"{function}({t.inner})") for t in found.terms))

    def _binary(self, node: Node) -> _Value:
        left, right = node.parts
        if node.word in COMPARISONS and node.aggregates() and not node.bool_modifier:
            threshold, asked = (right, left) if left.aggregates() else (left, right)
            if not threshold.aggregates() and not self.value(threshold).terms:
                said = f"{node.word} {threshold.text}"
                self.notices[f"'{said}' is left out: its change is explained whether it holds or not"] = None
                return self.value(asked)
        if node.word in ("and", "unless") and node.aggregates():
            self.notices[f"what follows '{node.word}' is left out"] = None
            return self.value(left)
        if node.word == "or" and node.aggregates():
            return self._or(node)
        if node.word in ("+", "-", "/") or (
            node.word == "*" and (node.aggregates() or "number" in (left.kind, right.kind))
        ):
            return self._arithmetic(node)
        _refuse_quantiles(node)
        if not node.aggregates():
            return _Value(terms=(Term(1.0, node.text),))
        raise QueryError(f"'{node.word}' between aggregated values cannot be divided among labels; {_INSTEAD}")

    def _or(self, node: Node) -> _Value:
        """A sum and what stands for it where it has no series: nothing, or else it cannot be told."""
        left, right = (self.value(part) for part in node.parts)
        if right.constant == 0 and all(term.factor == 0 for term in right.terms):
            return left
        raise QueryError("'or' between two sums cannot be divided among labels; ask for one of them")

    def _arithmetic(self, node: Node) -> _Value:
        left, right = (self.value(part) for part in node.parts)
        if node.word == "*":
            if not left.terms or not right.terms:
                constant, other = (left, right) if not left.terms else (right, left)
                return other.times(constant.constant)
            raise QueryError(f"the product of two sums cannot be divided among labels; {_INSTEAD}")
        if node.word == "/":
            return _over(left, right, node)
        return _plus(left, right.times(-1.0 if node.word == "-" else 1.0))


def _over(left: _Value, right: _Value, node: Node) -> _Value:
    if not right.terms:
        if right.constant == 0:
            raise QueryError(f"'{node.text}' divides by 0")
        return left.times(1 / right.constant)
    if left.below or right.below or right.constant or not left.terms:
        raise QueryError(f"'{node.text}' is more than one ratio of sums; {_INSTEAD}")
    if left.constant:
        raise QueryError(f"'{node.text}' adds a constant above the line; {_INSTEAD}")
    if all(term.factor < 0 for term in left.terms):
        return _Value(0.0, left.times(-1).terms, right.terms, -1.0)
    return left._replace(below=right.terms)


def _plus(left: _Value, right: _Value) -> _Value:
    constant = left.constant + right.constant
    if not right.terms:
        return left._replace(constant=constant)
    if not left.terms:
        return right._replace(constant=constant)
    if left.below != right.below:
        raise QueryError(f"two ratios over different sums cannot be added up; {_INSTEAD}")
    scaled = [_scaled(one) for one in (left, right)]
    return _Value(constant, (*scaled[0].terms, *scaled[1].terms), left.below)


def _scaled(value: _Value) -> _Value:
    terms = tuple(term._replace(factor=term.factor * value.factor) for term in value.terms)
    return value._replace(terms=terms, factor=1.0)


def _refuse_quantiles(node: Node) -> None:
    if node.word in _QUANTILES:
        raise QueryError(_no_quantile(node))
    for part in node.parts:
        _refuse_quantiles(part)


def _no_quantile(node: Node) -> str:
    """Why not, and the same metric's mean, or its share beyond a bound."""
    buckets = next((one for one in read_parts(node.text).selectors if one.metric.endswith("_bucket")), None)
    base = buckets.metric.removesuffix("_bucket") if buckets else "x_seconds"
    span = buckets.range if buckets else "5m"
    kept = f"{{{buckets.matchers}}}" if buckets and buckets.matchers else ""
    slow = f'{{{buckets.matchers}, le="1"}}' if kept and buckets else '{le="1"}'
    return (
        "quantiles of label values do not add up to the quantile of all; ask for the mean, "
        f"'sum(rate({base}_sum{kept}[{span}])) / sum(rate({base}_count{kept}[{span}]))', or for the share within a "
        f"bound, 'sum(rate({base}_bucket{slow}[{span}])) / sum(rate({base}_count{kept}[{span}]))'"
    )
