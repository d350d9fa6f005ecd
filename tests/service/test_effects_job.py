"""The effects of a refit are the same from one process and from several."""

import numpy as np

from datasource.data import Entity, Matrix, Variable
from datasource.graph import build_graph
from datasource.identification import effect_questions
from datasource.service.jobs import effects_job
from datasource.settings import parse_settings
from datasource.topology import Topology

SETTINGS = """
prometheus: {url: http://localhost:9090}
step: 1m
baseline: 10h
entities: {service: {labels: [service]}}
signals:
  cpu: {entity: service, query: cpu, window: 1m, role: saturation}
  latency: {entity: service, query: latency, window: 1m, unit: s, role: latency}
graph: {templates: [cpu -> latency]}
effects: [{treatment: cpu, outcome: latency}]
evaluation: {workers: WORKERS}
"""


def answered(workers: int, again: bool = False):
    settings = parse_settings(SETTINGS.replace("WORKERS", str(workers)))
    rng = np.random.default_rng(1)
    cpu = rng.normal(size=(3, 400))
    rows = np.vstack([cpu, 2 * cpu + rng.normal(size=(3, 400))])
    entities = [Entity("service", (("service", name),)) for name in "abc"]
    variables = tuple(Variable(one, signal) for signal in ("cpu", "latency") for one in entities)
    matrix = Matrix(variables, 0, 60, rows)
    graph = build_graph(settings, variables, Topology(())).graph
    questions, _ = effect_questions(settings, variables)
    return effects_job(settings, matrix, graph, questions, checked=True, again=again)


def test_the_effects_of_several_processes_are_those_of_one():
    one, two = answered(1), answered(2)
    assert [result.effect for result in one.effects] == [result.effect for result in two.effects]
    assert [result.checks for result in one.effects] == [result.checks for result in two.effects]
    assert len(one.effects) == 3
    assert one.structural is not None


def test_asked_again_with_checks_only_the_effects_are_computed():
    found = answered(1, again=True)
    assert len(found.effects) == 3
    assert found.structural is None
