"""What comparing says of edges: doubtful where they break, and no more once they hold again."""

from dataclasses import replace

from mechanisms_apart import variable

from datasource.data import Environment
from datasource.graph import CausalGraph, Edge, Evidence
from datasource.invariance import EdgeShift, Invariance, with_shifts
from datasource.numerics import Interval

KNOWN = Evidence("expert", "x1 -> y")
EDGE = Edge(variable("x1"), variable("y"), 0, "", (KNOWN,))
GRAPH = CausalGraph((EDGE.cause, EDGE.effect), (EDGE,))


def slope(value: float, elsewhere: float, score: float) -> EdgeShift:
    own, others = (Interval(one, one - 0.1, one + 0.1) for one in (value, elsewhere))
    return EdgeShift(EDGE._replace(evidence=()), Environment((("cluster", "us"),)), own, others, score, 0.0)


def test_an_edge_that_breaks_says_where_and_keeps_what_speaks_for_it() -> None:
    (edge,) = with_shifts(GRAPH, Invariance(7, edges=(slope(0.0, 1.0, 3.0),))).edges
    doubt = Evidence("doubtful", "invariance: breaks in cluster=us, holds elsewhere (1 [0.9, 1.1])", 7, 3.0)
    assert edge.evidence == (KNOWN, doubt)


def test_what_an_incident_does_to_a_mechanism_is_no_reason_to_doubt_the_edge() -> None:
    broke = slope(0.0, 1.0, 3.0)._replace(environment=Environment((), "since incident web-1"))
    assert broke.breaks
    assert with_shifts(GRAPH, Invariance(7, edges=(broke,))) == GRAPH


def test_the_doubt_goes_when_the_edge_holds_again_and_stays_while_nothing_is_compared() -> None:
    doubted = with_shifts(GRAPH, Invariance(7, edges=(slope(0.0, 1.0, 3.0),)))
    assert with_shifts(doubted, Invariance(8, edges=(slope(1.0, 1.0, 0.2),))).edges == (EDGE,)
    assert with_shifts(doubted, Invariance(8, edges=(slope(0.0, 1.0, 4.0),))).edges[0].evidence[-1].at == 8
    assert with_shifts(doubted, None) == doubted
    assert with_shifts(doubted, None).version == GRAPH.version


def test_what_is_smaller_or_not_told_apart_does_not_break() -> None:
    assert not slope(0.5, 1.0, 3.0).breaks  # another one, and still there
    assert not slope(0.0, 1.0, 0.9).breaks  # by chance
    assert not slope(0.0, 0.05, 3.0).breaks  # nor does it hold elsewhere
    assert slope(-1.0, 1.0, 3.0).breaks
    assert replace(Invariance(1), edges=(slope(0.2, 1.0, 3.0),)).broken
