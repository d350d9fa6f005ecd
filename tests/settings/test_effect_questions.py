"""What effects and impacts may ask for, and what a wrong question is told."""

import pytest

from datasource.settings import Settings, SettingsError, parse_settings

TEXT = """
prometheus: {{url: http://localhost:9090}}
entities:
  service: {{labels: [namespace, service]}}
  node: {{labels: [node]}}
signals:
  restarts: {{entity: service, query: a, window: 30s, kind: event}}
  latency: {{entity: service, query: b, window: 30s}}
  load: {{entity: node, query: c, window: 30s}}
{asked}
"""


def settings(asked: str) -> Settings:
    return parse_settings(TEXT.format(asked=asked))


def test_a_method_is_found_by_its_last_part():
    asked = settings("effects: [{treatment: restarts, outcome: latency, method: LinearDML}]")
    assert asked.effects[0].method == "backdoor.econml.dml.LinearDML"


def test_modifiers_and_strata_may_be_labels_of_the_entity():
    asked = settings("effects: [{treatment: restarts, outcome: latency, modifiers: [namespace], strata: service}]")
    assert asked.effects[0].modifiers == ("namespace",)


def test_an_impact_compares_with_all_others_by_differences_in_differences():
    impact = settings("impacts: [{outcome: latency, treated: shop/web, at: restarts}]").impacts[0]
    assert (impact.controls, impact.method) == ((), "difference_in_differences")


@pytest.mark.parametrize("controls", ["causes", "[causes]", "[causes, shop/web]"])
def test_an_impact_against_own_causes_is_a_counterfactual_regression(controls):
    text = f"impacts: [{{outcome: latency, treated: shop/api, at: restarts, until: restarts, controls: {controls}}}]"
    impact = settings(text).impacts[0]
    assert impact.controls[0] == "causes"
    assert (impact.until, impact.method) == ("restarts", "counterfactual_regression")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("effects: [{treatment: restarts, outcome: latency, method: magic}]", "'magic' is no method; known are:"),
        ("effects: [{treatment: restarts, outcome: latency, instruments: [flag]}]", "no signal 'flag'"),
        ("effects: [{treatment: restarts, outcome: latency, modifiers: [zone]}]", "no signal 'zone'; known are"),
        ("effects: [{treatment: restarts, outcome: latency, strata: node}]", "no signal 'node'"),
        ("effects: [{treatment: load, outcome: latency}]", "is measured per node"),
        ("effects: [{treatment: a/b.restarts, outcome: a/b.latency, pooled: true}]", "two variables are one pair"),
        ("effects: [{treatment: restarts, outcome: latency, method: did}]", "ask for it under 'impacts'"),
        ("effects: [{treatment: restarts, outcome: latency, method: its}]", "ask for it under 'impacts'"),
        ("effects: [{treatment: restarts, outcome: latency, method: rdd}]", "needs a cutoff"),
        ("impacts: [{outcome: latancy, treated: shop/web, at: restarts}]", "did you mean 'latency'?"),
        ("impacts: [{outcome: latency, treated: web, controls: [web], at: restarts}]", "cannot be its own control"),
        (
            "impacts: [{outcome: latency, treated: web, at: restarts, controls: causes, method: synthetic_control}]",
            "synthetic_control compares entities, not causes",
        ),
        ("impacts: [{outcome: latency, treated: web, at: restarts, method: magic}]", "'magic' is none of"),
    ],
)
def test_a_question_that_cannot_be_asked_is_told_why(asked: str, told: str):
    with pytest.raises(SettingsError) as error:
        settings(asked)
    assert told in str(error.value)
