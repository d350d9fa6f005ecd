"""Discovery beside the clock: off by default, within its time, proposed and never adopted."""

from concurrent.futures import Future
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from discovered import HOST

from datasource.data import Entity, Matrix, Variable
from datasource.discovery import METHODS, Proposal
from datasource.discovery.neighbourhoods import discover
from datasource.graph import build_graph
from datasource.service.discovering import Discovering, count
from datasource.settings import Settings, SettingsError, parse_settings
from datasource.topology import EntityRelation, Topology

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


def begin(discovering: Discovering, settings: Settings, measured: Matrix) -> None:
    graph = build_graph(settings, measured.variables, Topology()).graph
    discovering.ask(measured.end, settings, measured, graph, Topology())


def discovering(text: str, workers: Workers) -> tuple[Discovering, Settings]:
    settings = parse_settings(text)
    return Discovering(settings, workers), settings  # type: ignore[arg-type]


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


@pytest.mark.parametrize("method", METHODS)
def test_the_settings_know_every_method(method: str) -> None:
    asked = parse_settings(SETTINGS + f"  discover: {{method: {method}}}\n").graph.discover
    assert asked is not None
    assert asked.method == method


def test_a_method_that_nobody_knows_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(SettingsError, match=r"graph\.discover\.method.*'ouija' is unknown; known are: hybrid"):
        parse_settings(SETTINGS + "  discover: {method: ouija}\n")


def several(count: int = 3) -> tuple[Matrix, Topology]:
    """The same in several services, each calling the next."""
    one = matrix()
    hosts = [Entity("service", (("service", f"s{place}"),)) for place in range(count)]
    variables = tuple(variable._replace(entity=host) for host in hosts for variable in one.variables)
    ties = [EntityRelation("calls", (("client", a), ("server", b))) for a, b in pairwise(hosts)]
    return Matrix(variables, 0, 60, np.vstack([one.values] * count)), Topology(tuple(ties))


def test_what_there_was_no_time_for_is_told_comes_first_next_time_and_keeps_what_was_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("datasource.service.discovering.discover", partial(discover, together=0))
    found, settings = discovering(ON, Workers())
    measured, topology = several()
    graph = build_graph(settings, measured.variables, topology).graph
    found.ask(0, settings, measured, graph, topology)
    found.collect()
    assert found.found is not None
    everything = {(edge.cause, edge.effect) for edge in found.found.proposed}
    assert {str(effect.entity) for _, effect in everything} == {"s0", "s1", "s2"}
    begun: list[tuple[Entity, ...]] = []

    def hurried(*arguments: Any, begin_with: tuple[Entity, ...], **options: Any) -> Proposal:
        begun.append(tuple(begin_with))
        return discover(*arguments, together=0, begin_with=begin_with, **{**options, "seconds": -1.0})

    monkeypatch.setattr("datasource.service.discovering.discover", hurried)
    for time in (3600, 7200):
        found.ask(time, settings, measured, graph, topology)
        found.collect()
    assert any("no time to look at 3 of 3 entities" in notice for notice in found.found.notices)
    assert {(edge.cause, edge.effect) for edge in found.found.proposed} == everything
    assert begun == [(), tuple(sorted({variable.entity for variable in measured.variables}))]


def test_how_far_it_is_is_told() -> None:
    found, settings = discovering(ON, Workers(ends=False))
    begin(found, settings, matrix())
    assert found._progress is not None
    assert found._progress.path is not None
    for _ in range(2):
        count(found._progress.path, 3)
    assert found.notices[0].startswith("edges are being discovered, 2 of 3 entities looked at; it ends within")


def test_neighbourhoods_are_counted_as_they_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasource.service.discovering.discover", partial(discover, together=0))
    found, settings = discovering(ON, Workers())
    measured, topology = several()
    found.ask(0, settings, measured, build_graph(settings, measured.variables, topology).graph, topology)
    assert found._progress is not None
    assert found._progress.told() == "3 of 3 entities looked at"
