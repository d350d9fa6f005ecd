"""The graph of a running service: evidence, falsification, versions, and what a refuted edge does not do."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from worlds import SETTINGS, World, half_a_day

from datasource.data import Variable
from datasource.effects.result import Estimate
from datasource.graph import Edge, standing
from datasource.graph.history import GraphHistory
from datasource.interventions import InterventionLog
from datasource.interventions.verdicts import Verdict
from datasource.service import Evaluator, Snapshot
from datasource.service.memory import memory_of
from datasource.service.metrics import samples
from datasource.settings import Loaded, load_settings
from datasource.settings.store import Store
from datasource.store import to_json

WRONG = "errors -> cpu"
REFUTED = "shop/catalog.latency -> shop/web.latency"


def shop(store: Store, *wrong: str) -> Loaded:
    """The demo's settings with another store, without effects, and with rules that are not true."""
    from datasource.settings.rules import parse_rule

    loaded = half_a_day(load_settings(SETTINGS))
    graph = loaded.settings.graph
    graph = graph.model_copy(update={"templates": (*graph.templates, *(parse_rule(rule) for rule in wrong))})
    settings = loaded.settings.model_copy(update={"store": store, "effects": (), "graph": graph})
    return Loaded(settings, f"with {wrong}")


def started(loaded: Loaded) -> World:
    world = World(settings=loaded)
    world.clock.evaluator.interventions.store = loaded.settings.store
    return world


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(directory=tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def wrong(store: Store) -> Iterator[Snapshot]:
    """The shop whose graph has a rule too many."""
    world = started(shop(store, WRONG))
    yield world.tick()
    world.clock.evaluator.stop()


def edge_of(snapshot: Snapshot, name: str) -> Edge:
    return next(edge for edge in snapshot.graph.edges if str(edge) == name)


def test_a_rule_that_is_not_true_is_doubtful_and_stays(wrong: Snapshot) -> None:
    doubtful = {edge for edge in wrong.graph.edges if standing(edge) == "doubtful"}
    assert len(doubtful) == 10
    assert {(edge.cause.signal, edge.effect.signal) for edge in doubtful} == {("errors", "cpu")}
    (said,) = (one for edge in list(doubtful)[:1] for one in edge.evidence if one.kind == "doubtful")
    assert (said.by, said.at) == ("falsification", wrong.time)
    assert "'errors -> cpu' explains at most" in said.why


def test_what_the_graph_implies_is_tested_on_what_was_read(wrong: Snapshot) -> None:
    tested = wrong.falsification
    assert tested is not None
    assert tested.tested > 200
    assert len(tested.contradictions) < 0.1 * tested.tested
    assert "better than chance" in tested.verdict
    assert wrong.tested_at == wrong.time
    values = {one.name: one.value for one in samples(wrong) if not one.labels}
    assert values["causal_graph_contradictions"] == len(tested.contradictions)
    assert values["causal_graph_independences"] == tested.tested
    assert values["causal_graph_version"] == 1
    edges = {one.labels["standing"]: one.value for one in samples(wrong) if one.name == "causal_graph_edges"}
    assert (edges["doubtful"], sum(edges.values())) == (10, len(wrong.graph.edges))


def test_versions_say_who_changed_the_graph_and_a_restart_is_no_change(wrong: Snapshot, store: Store) -> None:
    """Under the same settings, going on from what was kept; then without the wrong rule."""
    (first,) = wrong.history.versions
    assert (first.number, first.author, first.at) == (1, "settings", wrong.time)
    memory = memory_of(wrong)
    assert memory is not None
    again = started(shop(store, WRONG))
    again.clock.evaluator.resume(memory)
    resumed = again.tick()
    assert resumed.history.versions == wrong.history.versions
    right = started(shop(store))
    after = right.tick()
    newest = after.history.versions[0]
    assert (newest.number, newest.author.partition(",")[0]) == (2, "settings")
    assert newest.reason.startswith("rules: gone errors -> cpu")
    assert len(newest.removed) == 10
    assert after.history.seen["shop/web.requests -> shop/web.cpu"].since == first.at


def test_a_refuted_edge_stays_in_the_graph_and_explains_nothing(wrong: Snapshot, tmp_path: Path) -> None:
    """The verdict of an intervention, kept before a restart."""
    store, plain = Store(directory=tmp_path), wrong
    loaded = shop(store, WRONG)
    names = REFUTED.split(" -> ")
    cause, effect = (next(v for v in plain.matrix.variables if str(v) == name) for name in names)
    assert plain.mechanisms is not None
    assert cause in {parent.variable for parent in plain.mechanisms.causal[effect].parents}
    _keep(store, cause, effect)
    world = started(loaded)
    memory = memory_of(plain)
    assert memory is not None
    world.clock.evaluator.resume(memory)
    snapshot = world.tick()
    assert standing(edge_of(snapshot, REFUTED)) == "refuted"
    assert snapshot.mechanisms is not None
    assert cause not in {parent.variable for parent in snapshot.mechanisms.causal[effect].parents}
    assert snapshot.structural is not None
    assert edge_of(snapshot, REFUTED) not in snapshot.structural.graph.edges
    GraphHistory(store).record(plain.graph, (), 0)
    assert GraphHistory(store).versions(1)[0].changed == ((REFUTED, "refuted", "template"),)


def _keep(store: Store, cause: Variable, effect: Variable) -> None:
    moved = Estimate(0.1, 0.09, 0.11)
    why = f"{effect} did not move as far as the graph says that {cause} moves it"
    verdict = Verdict(7, 1_700_000_000, cause, effect, "refuted", moved, Estimate(0.0, -0.001, 0.001), moved, why)
    log = InterventionLog(store)
    log.remember("verdicts on edges", to_json((verdict,)))
    log.close()


def test_without_falsification_there_is_a_version_and_nothing_is_doubted(tmp_path: Path) -> None:
    loaded = shop(Store(directory=tmp_path), WRONG)
    graph = loaded.settings.graph.model_copy(update={"falsify": None})
    world = started(loaded._replace(settings=loaded.settings.model_copy(update={"graph": graph})))
    snapshot = world.tick()
    assert snapshot.falsification is None
    assert {standing(edge) for edge in snapshot.graph.edges} <= {"template", "confirmed"}
    assert snapshot.history.versions[0].number == 1


def test_a_store_that_cannot_be_used_is_told_and_judging_goes_on(tmp_path: Path) -> None:
    loaded = shop(Store(directory=tmp_path / "none"))
    (tmp_path / "none").write_text("a file where the directory should be")
    snapshot = started(loaded).tick()
    assert snapshot.judgement is not None
    assert any(notice.startswith("versions of the graph are not kept") for notice in snapshot.notices)


def test_an_evaluator_knows_no_version_before_the_first_fit() -> None:
    assert Evaluator(load_settings(SETTINGS)).falsifying.settled is False
