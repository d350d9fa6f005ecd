"""Falsification of the demo's graph, as the service asks for it, and beside its clock."""

from concurrent.futures import Future
from typing import Any

import pytest
from worlds import SETTINGS, World

from datasource.data import Matrix, encode_events
from datasource.discovery.falsification import Falsification
from datasource.graph import CausalGraph, build_graph
from datasource.library.falsifying import holds
from datasource.service.falsifying import Falsifying, falsification_job
from datasource.settings import Settings, load_settings
from datasource.topology import Topology


@pytest.fixture(scope="module")
def day() -> tuple[Settings, Matrix, Topology]:
    """A day of the shop, and who calls whom."""
    loaded = load_settings(SETTINGS)
    world = World(steps=2880)
    evaluator = world.clock.evaluator
    history = evaluator._history
    matrix = encode_events(history.update(world.now), loaded.settings.signals, history.known)
    entities = {variable.entity for variable in matrix.variables}
    topology = evaluator._topology_reader.read(evaluator.reader.client, entities, matrix.start, matrix.end)
    return loaded.settings, matrix, topology


def without(day: tuple[Settings, Matrix, Topology], rule: str) -> Falsification:
    """What is found where the graph lacks a rule; an empty one leaves it whole."""
    settings, matrix, topology = day
    kept = tuple(one for one in settings.graph.templates if str(one) != rule)
    assert len(kept) == len(settings.graph.templates) - bool(rule)
    settings = settings.model_copy(update={"graph": settings.graph.model_copy(update={"templates": kept})})
    return falsification_job(settings, matrix, build_graph(settings, matrix.variables, topology).graph, topology)


def test_the_true_graph_holds(day: tuple[Settings, Matrix, Topology]) -> None:
    found = without(day, "")
    assert found.tested > 500
    assert len(found.contradictions) < 0.03 * found.tested
    assert holds(len(found.contradictions) / found.tested, len(found.idle), 0.0)
    assert any("is measured at its server" in reason for _, reason in found.left_out)


@pytest.mark.parametrize("rule", ["requests -> cpu", "requests -> errors", "cpu -> latency"])
def test_a_graph_that_lacks_a_rule_does_not_hold(day: tuple[Settings, Matrix, Topology], rule: str) -> None:
    found = without(day, rule)
    assert not holds(len(found.contradictions) / found.tested, 0, 0.0)
    pairs = {frozenset((one.variable.signal, one.effect.signal)) for one in found.contradictions}
    assert frozenset(rule.split(" -> ")) in pairs


class Workers:
    """Jobs that a test ends."""

    def __init__(self) -> None:
        self.jobs: list[Future[Any]] = []

    def submit(self, job: Any, *arguments: Any) -> "Future[Any]":
        self.jobs.append(Future())
        return self.jobs[-1]

    def stop(self) -> None:
        pass


def test_it_is_tested_anew_when_it_is_due_and_a_failure_is_told(day: tuple[Settings, Matrix, Topology]) -> None:
    settings, matrix, topology = day
    workers = Workers()
    falsifying = Falsifying(settings, workers)  # type: ignore[arg-type]
    falsifying.begin(matrix.end, falsification_job, settings, matrix, CausalGraph((), ()), topology)
    falsifying.begin(matrix.end, falsification_job, settings, matrix, CausalGraph((), ()), topology)
    falsifying.collect()
    assert (len(workers.jobs), falsifying.settled) == (1, False)
    workers.jobs[0].set_exception(MemoryError("no room"))
    falsifying.collect()
    assert falsifying.settled
    assert falsifying.notices == ("the graph could not be tested: no room",)
    falsifying.begin(matrix.end, falsification_job, settings, matrix, CausalGraph((), ()), topology)
    assert len(workers.jobs) == 1
    later = Matrix(matrix.variables, matrix.start + 3600, matrix.step, matrix.values)
    falsifying.begin(later.end, falsification_job, settings, later, CausalGraph((), ()), topology)
    workers.jobs[1].set_result(Falsification(tested=3))
    falsifying.collect()
    assert falsifying.found == Falsification(tested=3)
    assert (falsifying.found_at, falsifying.notices) == (later.end, ())


def test_what_changes_from_test_to_test_is_not_doubted_to_and_fro(day: tuple[Settings, Matrix, Topology]) -> None:
    """Idle or not, test by test, and whether the edge is doubtful after each."""
    settings, matrix, topology = day
    pair = matrix.variables[0], matrix.variables[1]
    for idle, doubtful in (("1", "1"), ("0101", "0000"), ("011", "001"), ("101", "111"), ("1001", "1100")):
        workers = Workers()
        falsifying = Falsifying(settings, workers)  # type: ignore[arg-type]
        said = ""
        for number, one in enumerate(idle):
            at = Matrix(matrix.variables, matrix.start + 3600 * number, matrix.step, matrix.values)
            falsifying.begin(at.end, falsification_job, settings, at, CausalGraph((), ()), topology)
            workers.jobs[-1].set_result(Falsification(tested=1, idle={pair: "idle"} if one == "1" else {}))
            falsifying.collect()
            assert falsifying.found is not None
            said += str(int(pair in falsifying.found.idle))
        assert said == doubtful, idle
