"""The simulated shop, its faults included: a dashboard misleads, the effect's interval covers the truth."""

import numpy as np
from simulated import covers

from datasource.data import Entity, Matrix, Variable
from datasource.demo.series import SERIES
from datasource.demo.services import CALLS, SERVICES
from datasource.demo.shop import Shop
from datasource.effects import analyse_effect
from datasource.graph import CausalGraph, Edge
from datasource.identification import EffectQuestion
from datasource.settings import Signal

SIGNALS = {
    "requests": "service:requests:rate30s",
    "cpu": "service:cpu_cores:rate30s",
    "restarts": "service:restarts:increase30s",
    "latency": "service:latency_seconds:mean30s",
}
NAMESPACES = {service.name: service.namespace for service in SERVICES}


def variable(service: str, signal: str) -> Variable:
    return Variable(Entity("service", (("namespace", NAMESPACES[service]), ("service", service))), signal)


def causes() -> CausalGraph:
    edges = []
    for name in NAMESPACES:
        for cause, effect, lags in (
            ("requests", "cpu", 1),
            ("requests", "restarts", 1),
            ("cpu", "latency", 1),
            ("restarts", "latency", 2),
        ):
            edges += [Edge(variable(name, cause), variable(name, effect), lag) for lag in range(lags)]
    for call in CALLS:
        ends = variable(call.client, "requests"), variable(call.server, "requests")
        edges += [Edge(*ends, lag) for lag in range(2)]
        if not call.queue:
            edges.append(Edge(variable(call.server, "latency"), variable(call.client, "latency"), 0))
    return CausalGraph(tuple(sorted({end for edge in edges for end in edge[:2]})), tuple(sorted(edges)))


def history(shop: Shop) -> Matrix:
    steps = shop.history()
    signals = {metric: signal for signal, metric in SIGNALS.items()}
    rows = {
        variable(dict(series.labels)["service"], signals[series.name]): place
        for place, series in enumerate(SERIES)
        if series.name in signals
    }
    values = np.array([step.values for step in steps]).T
    return Matrix(tuple(rows), 1_700_000_010, 30, values[list(rows.values())])


def test_effects_in_the_shop_are_covered_and_the_associations_are_not():
    signals = {name: Signal(entity="service", query="q", window=30) for name in SIGNALS}
    inside = asked = 0
    for seed in range(1, 4):
        shop = Shop(seed)
        matrix, truth = history(shop), shop.truth()
        questions = {
            (variable(name, "restarts"), variable(name, "latency")): truth.restarts_on_latency for name in NAMESPACES
        }
        questions[variable("inventory", "latency"), variable("web", "latency")] = truth.inventory_on_web
        for (treatment, outcome), effect in questions.items():
            result = analyse_effect(EffectQuestion(treatment, outcome, 5760), matrix, causes(), signals, checked=False)
            assert not covers(result.association, effect)
            inside += covers(result.effect, effect)
            asked += 1
    print(f"coverage in the shop {inside}/{asked}")
    assert inside / asked >= 0.85
