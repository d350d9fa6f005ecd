"""A causal graph in a file of its own."""

import pytest

from datasource.settings import SettingsError, parse_rule
from datasource.settings.graph_file import load_graph


def graph(tmp_path, text):
    path = tmp_path / "graph.yaml"
    path.write_text(text)
    return load_graph(path)


def test_it_may_name_what_nobody_measures(tmp_path):
    found = graph(tmp_path, "unmeasured: [U]\nedges: [U -> x, U -> y, x -> y]")
    assert found.unmeasured == {"U": ""}
    assert [str(rule) for rule in found.templates] == ["U -> x", "U -> y", "x -> y"]


def test_an_arrow_with_two_heads_is_a_common_cause(tmp_path):
    (rule,) = graph(tmp_path, "- x <-> y (lag 0..2)").templates
    assert rule.common_cause
    assert rule.lags == (0, 1, 2)
    assert parse_rule(str(rule)) == rule


def test_what_one_end_names_with_an_entity_is_a_single_edge(tmp_path):
    found = graph(tmp_path, "unmeasured: {release: all}\ntemplates: [release -> web.latency, release -> cpu]")
    assert [str(rule) for rule in found.edges] == ["release -> web.latency"]
    assert [str(rule) for rule in found.templates] == ["release -> cpu"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("unmeasured: [a b]", "'a b' is not a name"),
        ("unmeasured: 3", "unmeasured"),
        ("unmeasurd: [U]", "'unmeasurd' is no block of a graph"),
        ("- x < y", "is not a cause and an effect"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, words):
    with pytest.raises(SettingsError) as error:
        graph(tmp_path, text)
    assert words in str(error.value)
    assert "unmeasured" in str(error.value)
