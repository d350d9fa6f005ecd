"""Discovery along the relations: every neighbourhood alone, put together as if it had been one."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from datasource.data import Entity, Matrix, Variable
from datasource.discovery import Prior, Proposal, ProposedEdge, find_method, prior_of_graph
from datasource.discovery.neighbourhoods import discover
from datasource.graph import CausalGraph, Evidence, build_graph
from datasource.service.jobs import spread_over
from datasource.settings import parse_settings
from datasource.topology import EntityRelation, Topology

TEXT = """
prometheus: {url: 'http://p:9090'}
step: 60s
entities:
  service: {labels: [service]}
signals:
  requests: {entity: service, query: a, window: 1m, role: load}
  cpu: {entity: service, query: b, window: 1m, role: saturation}
  latency: {entity: service, query: c, window: 1m, role: latency}
relations:
  calls: {source: list, pairs: ['a -> b']}
graph:
  templates:
    - requests -> latency
    - latency -> latency along calls from server to client
"""
SETTINGS = parse_settings(TEXT)


def entity(name: str) -> Entity:
    return Entity("service", (("service", name),))


def tie_of(client: str, server: str) -> EntityRelation:
    return EntityRelation("calls", (("client", entity(client)), ("server", entity(server))))


def calls(*pairs: str) -> Topology:
    return Topology(tuple(tie_of(*pair) for pair in pairs))


def variable(name: str, signal: str = "latency") -> Variable:
    return Variable(entity(name), signal)


def chain(names: str = "abcd", times: int = 900) -> Matrix:
    """Each calls the next: load goes down, makes cpu, which makes latency, which comes back up."""
    rng = np.random.default_rng(0)
    rows: dict[Variable, np.ndarray] = {}
    load = rng.gamma(9.0, 3.0, size=times)
    for name in names:
        load = load + rng.normal(0, 4, size=times)
        rows[variable(name, "requests")] = load
        rows[variable(name, "cpu")] = load + rng.normal(0, 6, size=times)
    below = np.zeros(times)
    for name in reversed(names):
        below = 0.7 * rows[variable(name, "cpu")] + 0.6 * below + rng.normal(0, 5, size=times)
        rows[variable(name)] = below
    variables = tuple(sorted(rows))
    return Matrix(variables, 0, 60, np.array([rows[one] for one in variables]))


CHAIN = chain()
TIES = calls("ab", "bc", "cd")
KNOWN = build_graph(SETTINGS, CHAIN.variables, TIES).graph
NOTHING = CausalGraph((), ())


def learnt(graph: CausalGraph, method: str = "hybrid", **options: object) -> Proposal:
    def prior_of(part: Matrix) -> Prior:
        return prior_of_graph(SETTINGS, part, TIES, graph)

    return discover(find_method(method), CHAIN, prior_of, TIES, graph.edges, **options)  # type: ignore[arg-type]


def said(proposal: Proposal) -> set[tuple[str, str, int, bool, str]]:
    return {(str(e.cause), str(e.effect), e.lag, e.oriented, e.doubt) for e in proposal.edges}


def scripted(*found: tuple[str, str, str, float]) -> Callable[[Matrix, Prior], Proposal]:
    """A method that finds cause -> effect (or cause -- effect), so steady, wherever it sees both."""

    def fit(matrix: Matrix, prior: Prior) -> Proposal:
        edges = [
            ProposedEdge(
                variable(cause), variable(effect), 0, 0.5, steady, arrow == "->", (Evidence("discovered", "scripted"),)
            )
            for cause, arrow, effect, steady in found
            if {variable(cause), variable(effect)} <= set(matrix.variables)
        ]
        return Proposal("scripted", matrix.variables, tuple(edges))

    return fit


def scripted_of(fit: Callable[[Matrix, Prior], Proposal], ties: Topology, **options: object) -> Proposal:
    names = sorted({str(one) for tie in ties.ties for _, one in tie.ends})
    matrix = Matrix(tuple(variable(name) for name in names), 0, 60, np.zeros((len(names), 50)))
    blind = Prior(matrix.variables)
    return discover(fit, matrix, lambda part: blind, ties, together=0, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["hybrid", "pc", "lagged_pc"])
def test_what_fits_in_one_piece_is_what_the_method_says(method: str) -> None:
    whole = find_method(method)(CHAIN, prior_of_graph(SETTINGS, CHAIN, TIES, KNOWN))
    assert repr(learnt(KNOWN, method)) == repr(whole)


def test_a_known_graph_is_repaired_as_in_one_piece() -> None:
    whole, split = learnt(KNOWN), learnt(KNOWN, together=0)
    assert any("neighbourhoods" in notice for notice in split.notices)
    assert said(split) == said(whole)
    assert {edge.cause.signal for edge in split.proposed} == {"requests", "cpu"}
    strengths = [{(e.cause, e.effect): e.strength for e in one.edges} for one in (whole, split)]
    assert all(strengths[1][pair] == pytest.approx(value, abs=1e-6) for pair, value in strengths[0].items())


def test_without_a_known_graph_the_same_edges_are_found_as_in_one_piece() -> None:
    whole, split = learnt(NOTHING), learnt(NOTHING, together=0)
    assert {(e.cause, e.effect) for e in split.edges} == {(e.cause, e.effect) for e in whole.edges}


def test_a_rule_is_doubted_by_all_its_places_together() -> None:
    wrong = parse_settings(TEXT + "    - latency -> cpu along calls from server to client\n")
    graph = build_graph(wrong, CHAIN.variables, TIES).graph
    whole, split = learnt(graph), learnt(graph, together=0)
    doubts = {edge.doubt for edge in split.doubtful}
    assert doubts == {edge.doubt for edge in whole.doubtful}
    assert any("3 places" in doubt for doubt in doubts)


def test_a_rule_some_of_whose_places_were_not_looked_at_is_not_doubted(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("datasource.discovery.neighbourhoods.time.monotonic", lambda: now[0])
    wrong = parse_settings(TEXT + "    - latency -> cpu along calls from server to client\n")
    graph = build_graph(wrong, CHAIN.variables, TIES).graph

    def slow(part: Matrix, prior: Prior) -> Proposal:
        now[0] += 1.0
        return find_method("hybrid")(part, prior)

    def found(seconds: float) -> Proposal:
        now[0] = 0.0
        prior_of = partial(prior_of_graph, SETTINGS, topology=TIES, graph=graph)
        return discover(slow, CHAIN, prior_of, TIES, graph.edges, together=0, seconds=seconds)

    assert found(99.0).doubtful
    hurried = found(4.0)
    assert 0 < len(hurried.unseen) < 4
    assert hurried.doubtful == ()


def test_several_processes_find_the_same() -> None:
    assert repr(learnt(KNOWN, together=0, spread=partial(spread_over, 2))) == repr(learnt(KNOWN, together=0))


def test_without_relations_nothing_is_split() -> None:
    found = discover(scripted(("a", "->", "b", 1.0)), CHAIN, lambda part: Prior(part.variables), Topology(), together=0)
    assert found.variables == CHAIN.variables


def test_an_edge_is_taken_from_the_neighbourhood_of_its_effect() -> None:
    # a -> c is seen where b's neighbourhood is learnt, and is an edge of nobody there
    found = scripted_of(scripted(("a", "->", "b", 1.0), ("a", "->", "c", 1.0)), calls("ab", "bc"))
    assert [(str(e.cause), str(e.effect)) for e in found.edges] == [("a.latency", "b.latency")]


def test_an_edge_without_direction_is_taken_where_both_ends_have_it() -> None:
    line = scripted(("a", "--", "b", 1.0))

    def parted_by_c(matrix: Matrix, prior: Prior) -> Proposal:
        return scripted()(matrix, prior) if variable("c") in matrix.variables else line(matrix, prior)

    assert [edge.oriented for edge in scripted_of(line, calls("ab", "bc")).edges] == [False]
    assert scripted_of(parted_by_c, calls("ab", "bc")).edges == ()


def test_of_a_cycle_the_least_steady_edge_is_refused() -> None:
    round_ = scripted(("a", "->", "b", 0.9), ("b", "->", "c", 0.5), ("c", "->", "a", 0.8))
    found = scripted_of(round_, calls("ab", "bc", "ac"))
    assert {(str(e.cause), str(e.effect)) for e in found.edges} == {
        ("a.latency", "b.latency"),
        ("c.latency", "a.latency"),
    }
    assert [str(one.effect) for one in found.refused] == ["c.latency"]
    assert "cycle" in found.refused[0].reason


def test_what_there_was_no_time_for_is_told_and_its_known_edges_stay() -> None:
    found = learnt(KNOWN, together=0, seconds=-1.0)
    assert found.unseen == tuple(entity(name) for name in "abcd")
    assert any("no time to look at 4 of 4 entities" in notice for notice in found.notices)
    assert {(e.cause, e.effect) for e in found.edges} == {(e.cause, e.effect) for e in KNOWN.edges}
    assert found.doubtful == ()


def test_what_was_learnt_when_the_time_is_over_is_told_and_the_next_time_begins_with_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr("datasource.discovery.neighbourhoods.time.monotonic", lambda: now[0])
    edges = scripted(("a", "->", "b", 1.0), ("b", "->", "c", 1.0), ("c", "->", "d", 1.0))

    def slow(matrix: Matrix, prior: Prior) -> Proposal:
        now[0] += 1.0
        return edges(matrix, prior)

    ties = calls("ab", "bc", "cd")
    found = scripted_of(slow, ties, seconds=3.5)
    assert {str(e.effect) for e in found.edges} == {"b.latency", "d.latency"}
    assert found.unseen == (entity("c"),)
    now[0] = 0.0
    later = scripted_of(slow, ties, seconds=1.5, begin_with=found.unseen)
    assert {str(e.effect) for e in later.edges} == {"c.latency"}
    both = later.with_earlier(found)
    assert {str(e.effect) for e in both.edges} == {"b.latency", "c.latency", "d.latency"}


def test_around_a_hub_those_are_looked_at_that_move_with_it_and_known_causes() -> None:
    rng = np.random.default_rng(0)
    names = [f"s{number}" for number in range(20)]
    rows = rng.normal(size=(20, 400))
    rows[0] = rows[7] + rows[13] + 0.5 * rng.normal(size=400)
    matrix = Matrix(tuple(variable(name) for name in names), 0, 60, rows)
    ties = Topology(tuple(tie_of("s0", name) for name in names[1:]))
    seen: list[tuple[Variable, ...]] = []

    def fit(part: Matrix, prior: Prior) -> Proposal:
        seen.append(part.variables)
        return Proposal("scripted", part.variables, ())

    known = build_graph(SETTINGS, matrix.variables, Topology((tie_of("s0", "s19"),))).graph.edges
    found = discover(fit, matrix, lambda part: Prior(part.variables), ties, known, together=0, most=4)
    hub = next(part for part in seen if len(part) == 4)
    assert set(hub) == {variable(name) for name in ("s0", "s7", "s13", "s19")}
    assert any("s0 has 19 variables around it; the 3 that move" in notice for notice in found.notices)


def test_around_a_hub_where_nothing_moves_there_is_nothing_to_choose_by() -> None:
    names = [f"s{number}" for number in range(9)]
    matrix = Matrix(tuple(variable(name) for name in names), 0, 60, np.ones((9, 400)))
    ties = Topology(tuple(tie_of("s0", name) for name in names[1:]))

    def fit(part: Matrix, prior: Prior) -> Proposal:
        return Proposal("scripted", part.variables, ())

    found = discover(fit, matrix, lambda part: Prior(part.variables), ties, (), together=0, most=4)
    assert (found.method, found.edges, found.unseen) == ("scripted", (), ())


def test_what_the_data_of_one_neighbourhood_do_not_allow_does_not_stop_the_others() -> None:
    def fit(matrix: Matrix, prior: Prior) -> Proposal:
        if variable("c") not in matrix.variables:
            raise ValueError("too little")
        return scripted(("a", "->", "b", 1.0))(matrix, prior)

    found = scripted_of(fit, calls("ab", "bc"))
    assert [str(e.effect) for e in found.edges] == ["b.latency"]
    assert "nothing is learnt of a: too little" in found.notices
