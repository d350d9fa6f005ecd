"""What may be listed as a remedy, and what a wrong one is told."""

import doctest
from pathlib import Path

import pytest

from datasource.settings import Settings, SettingsError, parse_settings, remedies
from datasource.settings.remedies import Remedy, parse_target

TEXT = """\
prometheus: {{url: http://localhost:9090}}
entities:
  service: {{labels: [namespace, service]}}
  node: {{labels: [node]}}
signals:
  latency: {{entity: service, query: a, window: 30s, role: latency}}
  cpu: {{entity: service, query: b, window: 30s, role: saturation}}
  replicas: {{entity: service, query: c, window: 30s}}
  rollouts: {{entity: service, query: d, window: 30s, kind: event}}
  pressure: {{entity: node, query: e, window: 30s, role: saturation}}
remedies:
  one: {remedy}
"""


def settings(remedy: str) -> Settings:
    return parse_settings(TEXT.format(remedy=remedy))


def test_a_remedy_may_say_what_it_is_against_and_what_it_changes() -> None:
    one = settings(
        "{text: 'scale {service} out', against: [latency, cpu], change: {replicas: now + 1}, where: {namespace: shop}}"
    ).remedies["one"]
    assert one.change is not None
    assert one.change.signal == "replicas"
    assert one.change.target.value(now=3.0, usual=2.0) == 4.0


def test_a_change_without_a_signal_is_that_of_the_cause_itself() -> None:
    one = settings("{text: 'roll {service} back', against: [latency], after: rollouts, change: usual}").remedies["one"]
    assert one.change is not None
    assert one.change.signal == ""
    assert one.change.target.value(now=3.0, usual=2.0) == 2.0
    assert one.within == 1800


def test_what_is_against_a_role_may_be_for_any_entity_that_has_its_labels() -> None:
    assert settings("{text: 'drain {node}', against: [saturation], change: {pressure: now - 10%}}").remedies


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("now", 8.0),
        ("usual", 5.0),
        ("now * 0.7", 5.6),
        ("now * 50%", 4.0),
        ("now + 1", 9.0),
        ("now - 25%", 6.0),
        ("usual + 10%", 5.5),
        (3, 3.0),
    ],
)
def test_a_value_is_told_from_what_is_now_and_what_is_usual(text: str | float, value: float) -> None:
    assert parse_target(text).value(now=8.0, usual=5.0) == pytest.approx(value)


@pytest.mark.parametrize(
    ("remedy", "told"),
    [
        ("{against: [cpu]}", "remedies.one.text: missing"),
        ("{text: a}", "remedies.one.against: missing"),
        ("{text: a, against: [cpu], fixes: b}", "no such key; known are: after, against, change, runbook, text"),
        ("{text: a, against: [cpus]}", "'cpus' is no signal, and no signal has it as its role; did you mean 'cpu'?"),
        ("{text: a, against: [failure]}", "'failure' is no signal, and no signal has it as its role; known are"),
        ("{text: a, against: [cpu], change: {replica: now + 1}}", "no signal 'replica'; did you mean 'replicas'?"),
        (
            "{text: a, against: [cpu], change: {pressure: usual}}",
            "'pressure' is measured per node, but the causes it is",
        ),
        ("{text: a, against: [cpu], change: {cpu: x0.7}}", "'x0.7' is not understood; write 'usual', 'now + 1'"),
        ("{text: a, against: [cpu], change: {cpu: '+1'}}", "'+1' is not understood; write 'usual', 'now + 1'"),
        ("{text: a, against: [cpu], change: {cpu: usual, replicas: now + 1}}", "names one signal and its value"),
        ("{text: a, against: [cpu], after: rollout}", "no signal 'rollout'; did you mean 'rollouts'?"),
        ("{text: a, against: [cpu], after: replicas}", "'replicas' is not of kind event; known are: rollouts"),
        ("{text: a, against: [cpu], within: 5m}", "add after, or remove within"),
        ("{text: 'roll {servce}', against: [cpu]}", "no label 'servce' at a service; did you mean 'service'?"),
        ("{text: 'roll {0.x}', against: [cpu]}", "only a label of the entity stands in braces, as {service}"),
        ("{text: 'roll {service', against: [cpu]}", "has a single brace; write {{ or }} for one that is meant so"),
        ("{text: a, against: [cpu], where: {zone: a}}", "no label 'zone' at a service; known are: namespace, service"),
        ("{text: a, against: [cpu], where: {service: '('}}", "'(' is not a regular expression"),
        ("{text: a, against: [cpu], runbook: wiki/slow}", "'wiki/slow' is no link; write it as https://"),
        ("{text: a, against: [cpu], runbook: 'https://wiki/{pod}'}", "remedies.one.runbook: no label 'pod'"),
    ],
)
def test_a_wrong_remedy_is_told_why_with_its_line(remedy: str, told: str) -> None:
    with pytest.raises(SettingsError) as error:
        settings(remedy)
    assert str(error.value).startswith("causal.yaml:12: remedies.one")
    assert told in str(error.value)


@pytest.mark.parametrize("key", Remedy.model_fields)
def test_every_key_is_documented(key: str) -> None:
    reference = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
    assert f"| `{key}` |" in reference.partition("## remedies")[2].partition("\n## ")[0]


def test_the_examples_in_the_documentation_hold() -> None:
    assert doctest.testmod(remedies).failed == 0
