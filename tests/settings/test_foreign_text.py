"""Queries copied from dashboards and rule files: what is no PromQL in them is named, with what to write instead."""

import pytest

from datasource.settings import SettingsError, parse_settings
from datasource.settings.foreign import foreign_text
from datasource.settings.packs import pack_names, read_pack


@pytest.mark.parametrize(
    ("query", "named", "write"),
    [
        ("sum(rate(x[$__rate_interval]))", "'[$__rate_interval]' is a dashboard's interval", "[2m]"),
        ("rate(x[$interval])", "'[$interval]'", "[2m]"),
        ("rate(x[${interval}])", "'[${interval}]'", "[2m]"),
        ("rate(x[[[interval]]])", "'[[[interval]]]'", "[2m]"),
        ("max_over_time(x[$__range:1m])", "'[$__range:1m]'", "[2m]"),
        ('sum(x{service=~"$service"})', "'$service' is a dashboard's variable", "leave its matcher out"),
        ('sum(x{service=~"${service:regex}"})', "'${service:regex}'", "leave its matcher out"),
        ('sum(x{service=~"[[service]]"})', "'[[service]]'", "leave its matcher out"),
        ("sum by ($group) (x)", "'$group'", "write the labels by which the entity is told apart"),
        ("rate(${metric}_total[2m])", "'${metric}'", "write the metric's name"),
        ('$metric{job="a"}', "'$metric'", "write the metric's name"),
        ("x offset $ago", "'$ago'", "write a duration, as 1d"),
        ("max_over_time(x[1h:$__interval])", "'$__interval'", "write a duration, as 1d"),
        ("topk($n, x)", "'$n'", "write what it is filled in with"),
        ('label_replace(x, "a", "$x", "b", "c")', "'$x'", "write what it is filled in with"),
        ('x{cluster="{{ .Values.cluster }}"}', "'{{ .Values.cluster }}' is a template's", "filled in with"),
        ("x{%(selector)s}", "'%(selector)s' is a mixin's", "filled in with"),
        ("x{a=\u201cb\u201d}", "typographic quote", "write"),
        ("sum(x),", "ends with ','", "leave it out"),
        ("histogram_quantile(0.9, x,)", "a comma before a closing parenthesis", "leave it out"),
        ("clamp_min(sum by (a,) (x{b='c',}), 0, )", "a comma before a closing parenthesis", "leave it out"),
    ],
)
def test_what_is_no_promql_is_named_offline_too(query, named, write):
    text = foreign_text(query)
    assert named in text
    assert write in text
    assert "or 0" not in text
    quoted = query.replace("'", "''")
    with pytest.raises(SettingsError) as error:
        parse_settings(
            "prometheus: {url: 'http://p'}\nentities: {service: {labels: [service]}}\n"
            f"signals:\n  hits: {{entity: service, window: 2m, query: '{quoted}'}}\n"
        )
    assert "causal.yaml:4: signals.hits.query: " in str(error.value)
    assert named in str(error.value)


@pytest.mark.parametrize(
    "query",
    [
        'label_replace(x, "a", "$1-${2}", "b", "(.+)/(.+)")',
        'label_replace(x, "a", "$name", "b", "(?P<name>.+)")',
        'x{a=~"^b$"}',
        'x{a="b, c",}',
        "sum by (a, b,) (rate(x{c='d',}[5m]))",
        'count_values("a", x) * on (b,) group_left (c,) y',
        'x{a="$"}',
        'x{a="(,)"}',
        "rate(x[5m] offset 1m)",
    ],
)
def test_promql_is_left_alone(query):
    assert foreign_text(query) == ""


@pytest.mark.parametrize("name", pack_names())
def test_packs_are_promql(name):
    signals = read_pack(name).settings({})["signals"].values()
    assert not [one for one in signals if "source" not in one and foreign_text(one["query"])]
