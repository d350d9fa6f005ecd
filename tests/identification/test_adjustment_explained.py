"""What is wrong with an adjustment set that somebody names himself."""

from itertools import combinations

import numpy as np
import pytest
from linear_system import OUTCOME, LinearSystem, causes, joint, variable

from datasource.graph import LaggedVariable
from datasource.identification.explain import explain


def said(text: str, named: str = "", lags: int = 0) -> tuple[str, ...]:
    graph = causes(*((*pair.split(), 0) for pair in text.split(", ")))
    return explain(graph, variable("x"), variable("y"), [variable(name) for name in named.split()], lags)


def test_a_good_set_needs_no_words():
    assert said("z x, z y, x y", "z") == ()
    assert said("x m, m y") == ()


@pytest.mark.parametrize(
    ("structure", "named", "words"),
    [
        ("x m, m y", "m", "shop.m comes after the treatment: adjusting for it takes part of the effect away"),
        ("x m, m y, m k", "k", "shop.k comes after the treatment: adjusting for it takes part of the effect away"),
        ("x y, x c, y c", "c", "shop.c follows from shop.x and shop.y, it is a collider: adjusting for it opens"),
        ("x y, y k", "k", "it is a collider"),
        ("z x, z y, x y", "", "shop.z is left open: shop.x <- shop.z -> shop.y"),
        ("u x, u y, x y", "", "shop.u is left open and is not measured: shop.x <- shop.u -> shop.y"),
        (
            "u1 x, u1 z, u2 z, u2 y, x y",
            "z",
            "shop.z is a collider: adjusting for it opens a way, shop.x <- shop.u1 ->",
        ),
        ("x y, x c, u c, u y", "c", "shop.c is a collider: adjusting for it opens a way, shop.x -> shop.c <- shop.u"),
        ("x y, z x, z y", "x z", "shop.x is the treatment itself"),
        ("x y, z x, z y", "y z", "shop.y is the outcome itself"),
        ("x y", "k", "shop.k is not in the graph"),
        ("u x, u y, x y", "u", "shop.u is not measured and cannot be adjusted for"),
    ],
)
def test_what_is_wrong_is_said(structure, named, words):
    assert words in said(structure, named)[0]


def test_each_confounder_is_named():
    texts = said("a x, a y, b x, b y, u x, u y, x y", "a")
    assert len(texts) == 2
    assert texts[0].startswith("shop.b is left open:")
    assert texts[1].startswith("shop.u is left open and is not measured:")


def test_lagged_confounders_are_closed_by_lagged_values():
    graph = causes(("z", "x", 0), ("z", "y", 1), ("x", "y", 1))
    now, before = LaggedVariable(variable("z"), 0), LaggedVariable(variable("z"), 1)
    assert explain(graph, variable("x"), variable("y"), [before], 1) == ()
    assert "shop.z" in explain(graph, variable("x"), variable("y"), [now], 1)[0]


def test_nothing_is_said_exactly_where_regression_finds_the_effect():
    rng = np.random.default_rng(0)
    order = ["a", "b", "x", "m", "y", "c"]
    sound = 0
    for seed in range(60):
        pairs = {(one, two) for i, one in enumerate(order) for two in order[i + 1 :] if rng.random() < 0.4}
        hidden = {("u", str(end)) for end in rng.choice(order, 2, replace=False)}
        graph = causes(*((*pair, 0) for pair in pairs | hidden | {("x", "y")}))
        system = LinearSystem(graph, 0, seed)
        truth = system.effects(joint(0), OUTCOME)[0]
        there = [name for name in "abmc" if variable(name) in graph.variables]
        for chosen in (one for size in range(3) for one in combinations(there, size)):
            fixed = [LaggedVariable(variable(name), 0) for name in chosen]
            right = abs(system.regression([OUTCOME], joint(0), fixed)[0, 0] - truth) < 1e-9
            texts = explain(graph, variable("x"), variable("y"), fixed)
            assert (texts == ()) == right, (chosen, texts, graph.edges)
            sound += right
    assert sound > 30
