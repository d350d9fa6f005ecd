"""Lags are chosen from the data: none is missed that matters, none is made up."""

import numpy as np
import pytest

from datasource.anomaly import fit_mechanisms
from datasource.causes import root_causes
from datasource.data import Entity, Floats, Matrix, Roles, Variable
from datasource.graph import CausalGraph, Edge
from datasource.replay import evaluate_matrix
from datasource.settings import Loaded, Settings, Signal

SIGNALS = {
    "requests": Signal(entity="service", query="q", window=30, role="load"),
    "cpu": Signal(entity="service", query="q", window=30, role="saturation"),
    "latency": Signal(entity="service", query="q", window=30, role="latency"),
}
WEB, DB = (Entity("service", (("service", name),)) for name in ("web", "db"))
REQUESTS, CPU = Variable(WEB, "requests"), Variable(WEB, "cpu")
N = 2880


def lags(rows: dict[Variable, Floats], *edges: Edge) -> dict[Variable, list[int]]:
    matrix = Matrix(tuple(rows), 0, 30, np.stack(list(rows.values())))
    found = fit_mechanisms(matrix, CausalGraph(matrix.variables, edges), Roles(SIGNALS), longest_lag=120)
    return {v: [parent.lag for parent in mechanism.parents] for v, mechanism in found.causal.items()}


def ar(rng: np.random.Generator, memory: float, size: float = 1.0) -> Floats:
    noise = rng.normal(0, size, N)
    for i in range(1, N):
        noise[i] += memory * noise[i - 1]
    return noise


@pytest.mark.parametrize("delay", [1, 2, 4])
def test_a_delay_that_the_graph_does_not_know_is_found(delay: int) -> None:
    rng = np.random.default_rng(5)
    load = 100 + 10 * ar(rng, 0.5)
    cpu = 0.1 * np.concatenate([np.full(delay, 100.0), load[:-delay]]) + ar(rng, 0.7, 0.2)
    assert delay in lags({REQUESTS: load, CPU: cpu}, Edge(REQUESTS, CPU, 0))[CPU]


def test_no_lag_is_made_up_where_both_have_a_long_memory() -> None:
    made_up = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        load, cpu = 100 + ar(rng, 0.95), 5 + ar(rng, 0.95)
        made_up += lags({REQUESTS: load, CPU: cpu}, Edge(REQUESTS, CPU, 0))[CPU] != [0]
    assert made_up <= 2


def test_an_incident_in_the_baseline_adds_no_lag() -> None:
    rng = np.random.default_rng(5)
    load, cpu = 100 + 5 * ar(rng, 0.5), 5 + ar(rng, 0.5, 0.1)
    load[500:520] += 500
    cpu[503:523] += 50
    assert lags({REQUESTS: load, CPU: cpu}, Edge(REQUESTS, CPU, 0))[CPU] == [0]


def test_a_callee_never_takes_slowness_away_from_its_caller() -> None:
    rng = np.random.default_rng(5)
    ours, theirs = Variable(WEB, "latency"), Variable(DB, "latency")
    slow = 0.1 + np.abs(rng.normal(0, 0.02, N))
    matrix = Matrix((theirs, ours), 0, 30, np.stack([slow, 0.5 - slow]))
    edge = Edge(theirs, ours, 0, "calls")
    found = fit_mechanisms(matrix, CausalGraph((theirs, ours), (edge,)), Roles(SIGNALS))
    assert found.causal[ours].slope(theirs) == 0


def test_an_own_fault_is_named_before_the_delay_of_a_cause_is_over_by_judgement_and_panel() -> None:
    rng = np.random.default_rng(5)
    load = 100 + 10 * ar(rng, 0.5)
    load[-11:] = 100
    cpu = 0.1 * np.concatenate([np.full(6, 100.0), load[:-6]]) + rng.normal(0, 0.02, N)
    cpu[-5:] = 11.0  # no higher than with the highest load
    settings = Settings.model_validate(
        {
            "prometheus": {"url": "http://prometheus.test"},
            "step": 30,
            "entities": {"service": {"labels": ["service"]}},
            "signals": SIGNALS,
            "graph": {"templates": ["requests -> cpu (lag 6)"]},
        }
    )
    snapshot = evaluate_matrix(Loaded(settings, "test"), Matrix((REQUESTS, CPU), 0, 30, np.stack([load, cpu])))
    assert snapshot.judgement
    assert snapshot.recent
    (verdict,) = snapshot.judgement.verdicts
    assert [one for one, _ in verdict.causes.likely] == [WEB], "though no cpu is higher than it ever was"
    (named,) = root_causes(snapshot.recent, CPU, snapshot.judgement.confidence).contributions
    assert named == verdict.causes.contributions[0]
