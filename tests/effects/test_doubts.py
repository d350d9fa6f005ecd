"""Effects and what-if over edges that are refuted or doubtful say so."""

from dataclasses import replace

import numpy as np
from discovered import HOST, matrix_of

from datasource.data import Matrix, Variable
from datasource.effects import analyse_effect, fit_structural
from datasource.effects.what_if import what_if
from datasource.graph import CausalGraph, Edge, Evidence, in_force
from datasource.identification import EffectQuestion
from datasource.settings import Signal

LOAD, CPU, LATENCY = (Variable(HOST, name) for name in ("requests", "cpu", "latency"))
SIGNALS = {name: Signal(entity="service", query="q", window=60) for name in ("requests", "cpu", "latency")}


def graph(*evidence: Evidence) -> CausalGraph:
    return CausalGraph((LOAD, CPU, LATENCY), (Edge(LOAD, CPU, 0), Edge(CPU, LATENCY, 0, "", evidence)))


def matrix() -> Matrix:
    rng = np.random.default_rng(0)
    load = rng.gamma(9.0, 3.0, size=800)
    cpu = load + rng.normal(0, 4, size=800)
    return matrix_of({"requests": load, "cpu": cpu, "latency": cpu + rng.normal(0, 4, size=800)})


def test_an_effect_says_which_edges_on_its_way_are_in_doubt() -> None:
    question = EffectQuestion(LOAD, LATENCY, 120)
    refuted = Evidence("refuted", "intervention 7", 60, 0.0, "latency did not move")
    (said,) = (
        notice
        for notice in analyse_effect(question, matrix(), graph(refuted), SIGNALS, checked=False).notices
        if "on the way" in notice
    )
    assert said == ("the edge host.cpu -> host.latency, on the way, is refuted (intervention 7: latency did not move)")
    plain = analyse_effect(question, matrix(), graph(), SIGNALS, checked=False)
    assert not any("on the way" in notice for notice in plain.notices)


def test_what_if_goes_over_a_doubtful_edge_and_says_so_and_not_over_a_refuted_one() -> None:
    doubtful = graph(Evidence("doubtful", "falsification", 60, 0.0, "it explains nothing"))
    model = fit_structural(matrix(), in_force(doubtful), SIGNALS)
    (found,) = what_if(model, LOAD, 60.0, [LATENCY])
    assert found.change.value > 10
    assert any("doubtful (falsification: it explains nothing)" in notice for notice in found.notices)
    refuted = replace(doubtful, edges=graph(Evidence("refuted", "intervention 7")).edges)
    (gone,) = what_if(fit_structural(matrix(), in_force(refuted), SIGNALS), LOAD, 60.0, [LATENCY])
    assert gone.change.value == 0
