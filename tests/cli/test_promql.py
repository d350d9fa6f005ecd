"""Selectors and grouping labels are seen in any query."""

import pytest

from datasource.demo import __file__ as demo
from datasource.settings import load_settings
from datasource.settings.promql import Selector, read_parts

DOTTED = ("service.name", "job")


@pytest.mark.parametrize(
    ("query", "selectors", "grouping"),
    [
        ("up", ["up"], ()),
        ("job:hits:rate5m", ["job:hits:rate5m"], ()),
        ("histogram_quantile(0.95, sum by (service, le) (rate(x_bucket[5m])))", ["x_bucket"], ("service", "le")),
        ("sum(rate(x{a=\"b}\", c='d'}[5m])) by (job)", ["x{a=\"b}\", c='d'}"], ("job",)),
        ("a / on (job) group_left (team) b offset 5m", ["a", "b"], ()),
        ("sum without (pod) (a) or 0 * sum by(x)(b unless c)", ["a", "b", "c"], ("x",)),
        ("max_over_time(rate(x[5m])[1h:1m]) > bool 3e5 # up", ["x"], ()),
        ('count_values by (job) ("version", build_info) * Inf', ["build_info"], ("job",)),
        ('sum by ("service.name", job) (rate({"http.calls", code="5"}[5m]))', ['{"http.calls", code="5"}'], DOTTED),
        ("{__name__=~'a|b'} + {__name__='up', job='a',}", ["up{job='a'}"], ()),
        ('x{"service.name"="a, b"}', ['x{"service.name"="a, b"}'], ()),
        ("sum by (", [], ()),
        ("x{", ["x"], ()),
        ("", [], ()),
    ],
)
def test_parts(query, selectors, grouping):
    parts = read_parts(query)
    assert list(map(str, parts.selectors)) == selectors
    assert parts.grouping == grouping


def test_ranges():
    assert read_parts("rate(x[5m]) + y[1h:1m]").selectors == (Selector("x", "", "5m"), Selector("y", "", "1h"))


def test_the_demo_needs_no_understanding():
    settings, _ = load_settings(demo.replace("__init__.py", "settings.yaml"))
    for signal in settings.signals.values():
        assert [selector.metric for selector in read_parts(signal.query).selectors] == [signal.query]
