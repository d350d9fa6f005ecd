"""Which effects are asked for."""

from datasource.data import Entity, Variable
from datasource.identification import EffectQuestion, effect_questions
from datasource.settings import parse_settings

TEXT = """
prometheus: {{url: http://localhost:9090}}
step: 30s
baseline: {baseline}
entities: {{service: {{labels: [namespace, service]}}}}
signals:
  restarts: {{entity: service, query: a, window: 30s}}
  latency: {{entity: service, query: b, window: 30s}}
effects: [{effects}]
"""


def variable(service: str, signal: str) -> Variable:
    return Variable(Entity("service", (("namespace", "shop"), ("service", service))), signal)


MEASURED = [variable("web", "restarts"), variable("web", "latency"), variable("cart", "latency")]


def questions(effects: str, baseline: str = "2d"):
    return effect_questions(parse_settings(TEXT.format(effects=effects, baseline=baseline)), MEASURED)


def test_two_signals_ask_for_every_entity_that_has_both():
    found, notices = questions("{treatment: restarts, outcome: latency}")
    assert found == (EffectQuestion(variable("web", "restarts"), variable("web", "latency"), 720),)
    assert not notices


def test_two_variables_ask_for_that_pair():
    found, _ = questions("{treatment: shop/cart.latency, outcome: web.latency, window: 1h}")
    assert found == (EffectQuestion(variable("cart", "latency"), variable("web", "latency"), 120),)


def test_a_variable_that_is_not_measured_is_named():
    found, notices = questions("{treatment: shop/cart.restarts, outcome: shop/cart.latency}")
    assert not found
    assert "'shop/cart.restarts' is not measured" in notices[0]


def test_a_rolling_window_has_at_least_120_points():
    assert questions("{treatment: restarts, outcome: latency}", "2h")[0][0].window == 120


def test_the_same_question_is_asked_once():
    both = "{treatment: restarts, outcome: latency}, {treatment: web.restarts, outcome: web.latency}"
    assert len(questions(both)[0]) == 1
