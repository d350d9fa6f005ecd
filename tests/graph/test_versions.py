"""Versions of the graph: what changed, who changed it, why, and how two versions differ."""

from pathlib import Path

import pytest

from datasource.data import Entity, Variable
from datasource.graph import CausalGraph, Edge, Evidence, against, in_force, standing
from datasource.graph.history import KEPT, GraphHistory
from datasource.graph.versions import Accepted, Recorded, Version, difference, follow
from datasource.settings.store import Store

HOST = Entity("service", (("service", "web"),))
LOAD, CPU, LATENCY = (Variable(HOST, name) for name in ("requests", "cpu", "latency"))
RULES = ("requests -> cpu", "cpu -> latency")
CONFIRMED = Evidence("confirmed", "intervention 3", 50, 0.5, "web.latency moved when web.cpu was moved")
REFUTED = Evidence("refuted", "intervention 4", 90, 0.0, "web.latency did not move")


def edge(cause: Variable, effect: Variable, *more: Evidence, relation: str = "") -> Edge:
    return Edge(cause, effect, 0, relation, (Evidence("template", f"{cause.signal} -> {effect.signal}"), *more))


def graph(*edges: Edge) -> CausalGraph:
    return CausalGraph((LOAD, CPU, LATENCY), edges)


FIRST = graph(edge(LOAD, CPU), edge(CPU, LATENCY))


def after(
    *steps: tuple[CausalGraph, tuple[str, ...]], accepted: Accepted | None = None
) -> tuple[list[Version], Recorded | None]:
    """The versions that graphs make one after the other, a minute apart."""
    versions, before = [], None
    for number, (one, rules) in enumerate(steps):
        found = follow(before, one, rules, 60 * number, accepted)
        if found:
            versions.append(found[0])
            before = found[1]
    return versions, before


def test_the_same_graph_is_no_new_version() -> None:
    versions, _ = after((FIRST, RULES), (FIRST, RULES))
    assert [(one.number, one.author) for one in versions] == [(1, "settings")]
    assert versions[0].reason == "the first graph: 2 edges by 2 rules"


def test_a_rule_that_was_written_names_the_settings_or_who_accepted_it() -> None:
    wider, rules = graph(*FIRST.edges, edge(LOAD, LATENCY)), (*RULES, "requests -> latency")
    by_hand, _ = after((FIRST, RULES), (wider, rules))
    assert by_hand[1].author == "settings"
    assert by_hand[1].reason == "rules: new requests -> latency"
    accepted = Accepted(("requests -> latency",), "ann", "found in the spring")
    by_ann, _ = after((FIRST, RULES), (wider, rules), accepted=accepted)
    assert (by_ann[1].author, by_ann[1].added) == ("ann", ("web.requests -> web.latency",))
    assert by_ann[1].reason.startswith("found in the spring")


def test_edges_without_a_new_rule_come_from_who_is_measured_and_tied() -> None:
    wider = graph(*FIRST.edges, edge(LOAD, LATENCY, relation="calls"))
    versions, _ = after((FIRST, RULES), (wider, RULES), (FIRST, RULES))
    assert [one.author for one in versions[1:]] == ["topology", "topology"]
    assert "1 edges new along calls: web.requests -> web.latency" in versions[1].reason
    assert versions[2].removed == ("web.requests -> web.latency",)


def test_a_verdict_names_its_intervention_and_how_long_it_stands() -> None:
    judged = graph(edge(LOAD, CPU), edge(CPU, LATENCY, CONFIRMED))
    versions, now = after((FIRST, RULES), (judged, RULES))
    assert versions[1].author == "intervention 3"
    assert versions[1].reason == (
        "web.cpu -> web.latency is confirmed, was template: "
        "confirmed (intervention 3: web.latency moved when web.cpu was moved)"
    )
    assert now is not None
    assert now.seen["web.cpu -> web.latency"] == ("confirmed", 60, 0)


def test_two_versions_differ_by_what_is_left_of_all_changes_between() -> None:
    judged = graph(edge(LOAD, CPU, Evidence("doubtful", "falsification", why="explains nothing")), edge(LOAD, LATENCY))
    versions, _ = after((FIRST, RULES), (graph(*FIRST.edges, edge(LOAD, LATENCY)), RULES), (judged, RULES))
    found = difference(versions[1:])
    assert found.added == ("web.requests -> web.latency",)
    assert found.removed == ("web.cpu -> web.latency",)
    assert found.changed == (("web.requests -> web.cpu", "template", "doubtful"),)
    back, _ = after((FIRST, RULES), (graph(), RULES), (FIRST, RULES))
    assert not any(difference(back[1:]))


def test_what_weighs_most_is_what_an_edge_is() -> None:
    doubtful = Evidence("doubtful", "falsification", 60, 0.01, "it explains nothing")
    assert standing(edge(LOAD, CPU, doubtful)) == "doubtful"
    assert standing(edge(LOAD, CPU, doubtful, CONFIRMED)) == "confirmed"
    assert standing(edge(LOAD, CPU, REFUTED, CONFIRMED)) == "refuted"
    assert against(edge(LOAD, CPU, doubtful)) == "doubtful (falsification: it explains nothing)"


def test_only_refuted_edges_are_left_out_of_what_explains() -> None:
    doubtful = Evidence("doubtful", "falsification")
    whole = graph(edge(LOAD, CPU, doubtful), edge(CPU, LATENCY, REFUTED))
    assert [str(one) for one in in_force(whole).edges] == ["web.requests -> web.cpu"]
    assert in_force(FIRST) is FIRST


@pytest.fixture
def history(tmp_path: Path) -> GraphHistory:
    return GraphHistory(Store(directory=tmp_path))


def test_versions_outlive_the_process(history: GraphHistory, tmp_path: Path) -> None:
    history.record(FIRST, RULES, 0)
    _, none = history.record(FIRST, RULES, 60)
    history.accept(("requests -> latency",), "ann", "found in the spring")
    wider = graph(*FIRST.edges, edge(LOAD, LATENCY, CONFIRMED))
    later = GraphHistory(Store(directory=tmp_path))
    now, new = later.record(wider, (*RULES, "requests -> latency"), 120)
    assert none is None
    assert new is not None
    assert (new.number, new.author, now.number) == (2, "ann", 2)
    assert later.versions() == (new, *history.versions()[1:])
    assert later.now() == now
    # What somebody accepted is said of one version alone.
    later.record(FIRST, RULES, 180)
    assert later.record(wider, (*RULES, "requests -> latency"), 240)[1] == Version(
        4,
        240,
        "settings",
        "rules: new requests -> latency",
        (*RULES, "requests -> latency"),
        3,
        ("web.requests -> web.latency",),
    )


def test_only_the_newest_versions_are_kept(history: GraphHistory, monkeypatch: pytest.MonkeyPatch) -> None:
    assert KEPT >= 1000
    monkeypatch.setattr("datasource.graph.history.KEPT", 3)
    for number in range(5):
        history.record(graph(*FIRST.edges[: number % 2 + 1]), RULES, number)
    assert [one.number for one in history.versions()] == [5, 4, 3]
