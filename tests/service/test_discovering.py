"""Discovery beside the clock: off by default, within its time, proposed and never adopted."""

from concurrent.futures import Future
from typing import Any, get_args

import numpy as np
import pytest
from discovered import HOST

from datasource.data import Matrix, Variable
from datasource.discovery import METHODS, Proposal
from datasource.graph import build_graph
from datasource.service.background import Background
from datasource.service.discovering import discovering as background
from datasource.service.discovering import discovery_job
from datasource.settings import Settings, parse_settings
from datasource.settings.model import DiscoveryMethod
from datasource.topology import Topology

SETTINGS = """
prometheus: {url: 'http://p:9090'}
step: 60s
entities:
  service: {labels: [service]}
signals:
  requests: {entity: service, query: requests, window: 1m, role: load}
  cpu: {entity: service, query: cpu, window: 1m, role: saturation}
  latency: {entity: service, query: latency, window: 1m, role: latency}
graph:
  templates: [cpu -> latency]
"""
ON = SETTINGS + "  discover: {every: 1h, time_budget: 10s}\n"


class Workers:
    """Works at once, or never ends."""

    def __init__(self, ends: bool = True) -> None:
        self.ends, self.started, self.stopped = ends, 0, 0

    def submit(self, job: Any, *arguments: Any) -> "Future[Any]":
        self.started += 1
        future: Future[Any] = Future()
        if self.ends:
            future.set_result(job(*arguments))
        return future

    def stop(self) -> None:
        self.stopped += 1


def matrix(start: int = 0) -> Matrix:
    rng = np.random.default_rng(0)
    load = rng.gamma(9.0, 3.0, size=800)
    cpu = load + rng.normal(0, 4, size=800)
    values = np.array([load, cpu, cpu + rng.normal(0, 4, size=800)])
    return Matrix(tuple(Variable(HOST, name) for name in ("requests", "cpu", "latency")), start, 60, values)


def begin(discovering: Background[Proposal], settings: Settings, measured: Matrix) -> None:
    graph = build_graph(settings, measured.variables, Topology()).graph
    discovering.begin(measured.end, discovery_job, settings, measured, graph, Topology())


def discovering(text: str, workers: Workers) -> tuple[Background[Proposal], Settings]:
    settings = parse_settings(text)
    return background(settings, workers), settings  # type: ignore[arg-type]


def test_it_is_off_unless_the_settings_turn_it_on() -> None:
    workers = Workers()
    off, settings = discovering(SETTINGS, workers)
    begin(off, settings, matrix())
    off.collect()
    assert (workers.started, off.found, off.notices) == (0, None, ())


def test_the_missing_edge_is_proposed_and_known_ones_stay() -> None:
    found, settings = discovering(ON, Workers())
    begin(found, settings, matrix())
    found.collect()
    assert isinstance(found.found, Proposal)
    assert [(edge.cause.signal, edge.effect.signal) for edge in found.found.proposed] == [("requests", "cpu")]
    assert {(edge.cause.signal, edge.effect.signal) for edge in found.found.edges} > {("cpu", "latency")}


def test_it_looks_again_only_when_it_is_due() -> None:
    workers = Workers()
    found, settings = discovering(ON, workers)
    for start in (0, 60, 3540, 3600):
        begin(found, settings, matrix(start))
        found.collect()
    assert workers.started == 2


def test_what_takes_longer_than_its_budget_is_given_up_with_a_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    workers = Workers(ends=False)
    found, settings = discovering(ON, workers)
    begin(found, settings, matrix())
    found.collect()
    assert found.notices[0].startswith("edges are being discovered")
    monkeypatch.setattr("datasource.service.background.time.monotonic", lambda: 1e12)
    found.collect()
    assert workers.stopped == 1
    assert "given up after 10s" in found.notices[0]


def test_the_settings_know_every_method() -> None:
    assert get_args(DiscoveryMethod) == METHODS
