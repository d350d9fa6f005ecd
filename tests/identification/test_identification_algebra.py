"""What identification promises is true of the exact covariances of linear systems over random graphs."""

from collections import Counter
from itertools import combinations

import networkx as nx
import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as some
from linear_system import OUTCOME, LinearSystem, causes, joint, variable

from datasource.identification.identify import ADJUSTMENT, FRONT_DOOR, INSTRUMENT, NO_PATH, NOT_IDENTIFIED, identify

X, Y = variable("x"), variable("y")
WAYS = (ADJUSTMENT, INSTRUMENT, FRONT_DOOR, NOT_IDENTIFIED, "conditional instrument", "conditional front door")
quick = settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
HIDDEN = [("x", "y"), ("x", "a"), ("a", "y"), ("m", "y"), ("b", "x"), ("a", "b")]


BASES = {
    "anything": "x y",
    "hidden": "x y, u0 x, u0 y",
    "instrument": "x y, u0 x, u0 y, a x",
    "conditional instrument": "x y, u0 x, u0 y, a x, b a, b y",
    "proxy of an instrument": "x y, u0 x, u0 y, u1 x, u1 a",
    "front door": "x m, m y, u0 x, u0 y",
    "conditional front door": "x m, m y, u0 x, u0 y, a x, a m",
    "two mediators": "x m, m y, x c, c y, u0 x, u0 y",
}


@some.composite
def graphs(draw, lagged=True):
    """A textbook structure, and up to four further edges, lagged ones and an unmeasured common cause among them."""
    edges = {(*pair.split(), 0) for pair in BASES[draw(some.sampled_from(sorted(BASES)))].split(", ")}
    order = ["b", "a", "x", *draw(some.permutations(["c", "m"])), "y", "d"]
    edges |= {(*pair, 0) for pair in draw(some.lists(some.sampled_from([*combinations(order, 2)]), max_size=3))}
    if draw(some.booleans()):
        edges |= {("u2", end, 0) for end in draw(some.sampled_from(HIDDEN))}
    if lagged:
        lasting = sorted({cause for cause, _, _ in edges if cause[0] == "u"} & draw(some.sets(some.just("u0"))))
        later = some.tuples(some.sampled_from(order), some.sampled_from(order), some.integers(1, 2))
        edges |= {(one, one, 1) for one in lasting} | set(draw(some.lists(later, max_size=1)))
    return causes(*edges)


@given(graphs(), some.integers(0, 2), some.integers(0, 2**31))
@quick
def test_what_identifies_an_effect_gives_the_effect(graph, lags, seed):
    found = identify(graph, X, Y, lags, also=True)
    every = [one for one in (found, *found.alternatives) if one.identified]
    deepest = max((node.lag for one in every for node in (*one.adjustment_set, *one.instruments)), default=0)
    system = LinearSystem(graph, deepest + lags + 6, seed)
    treatments = joint(lags)
    truth = system.effects(treatments, OUTCOME)
    for one in every:
        ours = system.estimated(one, treatments, OUTCOME)
        np.testing.assert_allclose(ours, truth, atol=1e-8, err_msg=f"{one.identified_by} in {graph.edges}")


@given(graphs(), some.integers(0, 2))
@quick
def test_nothing_after_a_treatment_and_nothing_unmeasured_is_used(graph, lags):
    found = identify(graph, X, Y, lags, window=2, also=True)
    for one in (found, *found.alternatives):
        if not one.identified:
            continue
        used = (*one.adjustment_set, *one.instruments, *one.mediators)
        assert not graph.unmeasured & {moment.variable for moment in used}
        deep = LinearSystem(graph, max([moment.lag for moment in used], default=0) + lags + 1, 0).unrolled
        after = set().union(*(nx.descendants(deep, x) | {x} for x in joint(lags)))
        assert not after & {*one.adjustment_set, *one.instruments}
        assert set(one.mediators) <= after & nx.ancestors(deep, OUTCOME)
        assert set(one.required) <= set(one.adjustment_set)


def regression_finds_it(system, candidates):
    """Whether adjusting for any of these sets would do."""
    truth = system.effects(joint(0), OUTCOME)
    sets = (chosen for size in range(len(candidates) + 1) for chosen in combinations(candidates, size))
    return any(abs(system.regression([OUTCOME], joint(0), list(one))[0] - truth) < 1e-9 for one in sets)


@given(graphs(lagged=False), some.integers(0, 2**31))
@quick
def test_where_adjustment_is_given_up_no_set_would_do(graph, seed):
    found = identify(graph, X, Y, 0)
    assume(found.identified_by not in (NO_PATH, ADJUSTMENT))
    system = LinearSystem(graph, 0, seed)
    before = set(system.unrolled) - nx.descendants(system.unrolled, joint(0)[0]) - {*joint(0), OUTCOME}
    assert not regression_finds_it(system, [node for node in before if node.variable not in graph.unmeasured])
    # and what is to be measured helps, which nothing else does
    helpful = {one for one in graph.unmeasured if any(f"measure {one}:" in text for text in found.measure)}
    for one in graph.unmeasured:
        known = [node for node in before if node.variable not in graph.unmeasured - {one}]
        assert regression_finds_it(system, known) == (one in helpful)


def test_every_way_is_met_by_these_graphs():
    met = Counter()

    @given(graphs(), some.integers(0, 2))
    @quick
    def count(graph, lags):
        found = identify(graph, X, Y, lags, also=True)
        met.update([found.identified_by, *(f"also {one.identified_by}" for one in found.alternatives)])
        for way, name in ((INSTRUMENT, "conditional instrument"), (FRONT_DOOR, "conditional front door")):
            met[name] += bool(found.by(way) and found.by(way).adjustment_set)

    count()
    print(dict(met))
    assert min(met[way] for way in WAYS) >= 1
