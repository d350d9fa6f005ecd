"""The textbook structures: how each effect is identified, on which assumptions, and what to measure where it is not."""

import networkx as nx
import numpy as np
import pytest
from linear_system import OUTCOME, LinearSystem, causes, joint, variable

from datasource.graph import CausalGraph
from datasource.identification.identify import ADJUSTMENT, FRONT_DOOR, INSTRUMENT, NO_PATH, NOT_IDENTIFIED, identify

HIDDEN = "u x, u y"
TEXTBOOK = {
    "confounder": ("z x, z y, x y", ADJUSTMENT, "z", "", ""),
    "mediator": ("x m, m y", ADJUSTMENT, "", "", ""),
    "collider": ("x y, x c, y c", ADJUSTMENT, "", "", ""),
    "M-bias": ("u1 x, u1 z, u2 z, u2 y, x y", ADJUSTMENT, "", "", ""),
    "proxy of the way in": (f"u z, z x, {HIDDEN[5:]}, x y", ADJUSTMENT, "z", "", ""),
    "instrument": (f"z x, {HIDDEN}, x y", INSTRUMENT, "", "z", ""),
    "confounded instrument": (f"w z, w y, z x, {HIDDEN}, x y", INSTRUMENT, "w", "z", ""),
    "proxy of an instrument": (f"u2 z, u2 x, {HIDDEN}, x y", INSTRUMENT, "", "z", ""),
    "front door": (f"x m, m y, {HIDDEN}", FRONT_DOOR, "", "", "m"),
    "two mediators": (f"x m, m y, x n, n y, {HIDDEN}", FRONT_DOOR, "", "", "m n"),
    "bow": (f"{HIDDEN}, x y", NOT_IDENTIFIED, None, "", ""),
    "reaching around": (f"z x, z y, {HIDDEN}, x y", NOT_IDENTIFIED, None, "", ""),
    "no way": (HIDDEN, NO_PATH, "", "", ""),
}


def structure(text: str) -> CausalGraph:
    return causes(*((*pair.split(), 0) for pair in text.split(", ")))


def found(graph, lags=0, **options):
    return identify(graph, variable("x"), variable("y"), lags, **options)


def names(moments) -> str | None:
    return None if moments is None else " ".join(str(moment).removeprefix("shop.") for moment in moments)


@pytest.mark.parametrize("name", TEXTBOOK)
def test_the_textbook_structures(name):
    text, way, adjustment_set, instruments, mediators = TEXTBOOK[name]
    answer = found(structure(text))
    assert answer.identified_by == way
    assert names(answer.adjustment_set) == adjustment_set
    assert (names(answer.instruments), names(answer.mediators)) == (instruments, mediators)
    assert bool(answer.assumptions) == (way != NOT_IDENTIFIED)


def test_a_mediator_with_a_confounder_of_its_own_is_a_front_door_once_that_is_adjusted_for():
    answer = found(structure(f"x m, m y, w x, w m, w y, {HIDDEN}"))
    assert (answer.identified_by, names(answer.adjustment_set), names(answer.mediators)) == (FRONT_DOOR, "w", "m")


def test_assumptions_name_the_variables():
    assert found(structure(f"z x, {HIDDEN}, x y")).assumptions == (
        "shop.z moves shop.x",
        "shop.z reaches shop.y only through shop.x",
        "nothing that is not in the graph moves both shop.z and shop.y",
    )
    assert found(structure(f"x m, m y, {HIDDEN}")).assumptions[0] == "shop.x reaches shop.y only through shop.m"
    assert found(structure("z x, z y, x y")).assumptions == (
        "nothing that is not in the graph moves both shop.x and shop.y",
    )


def test_the_bow_says_what_is_in_the_way_and_what_to_measure():
    answer = found(structure(f"{HIDDEN}, x y"))
    assert answer.reason == (
        "shop.u is not measured and leaves a way open between shop.x and shop.y: shop.x <- shop.u -> shop.y"
    )
    assert answer.measure == ("measure shop.u: with it the effect is identified by adjustment",)


def test_one_of_two_may_be_enough_and_both_may_be_needed():
    either = found(structure("u1 x, u1 z, u2 z, u2 y, z x, z y, x y"))
    assert [text.partition(":")[0] for text in either.measure] == ["measure shop.u1", "measure shop.u2"]
    both = found(structure("u1 x, u1 y, u2 x, u2 y, x y"))
    assert both.measure == ("measure shop.u1 and shop.u2: with them the effect is identified by adjustment",)
    three = found(structure("u1 x, u1 y, u2 x, u2 y, u3 x, u3 y, x y"))
    assert three.measure[0].startswith("measure shop.u1, shop.u2 and shop.u3: with them")


def test_where_measuring_does_not_help_nothing_is_to_be_measured():
    graph = causes(("x", "u", 0), ("u", "y", 0), ("u", "y", 1), ("u", "x", 1))
    answer = found(graph, lags=1)
    assert answer.identified_by == NOT_IDENTIFIED
    assert answer.measure == ()
    assert "not measured" in answer.reason


def test_a_treatment_that_nobody_measures_is_named():
    graph = causes(("u", "y", 0), ("u", "x", 0))
    answer = identify(graph, variable("u"), variable("y"), 0)
    assert (answer.identified_by, answer.reason) == (NOT_IDENTIFIED, "shop.u is not measured")


def test_other_ways_are_listed_when_they_are_asked_for():
    graph = structure("z x, w x, w y, x m, m y")
    assert found(graph).alternatives == ()
    answer = found(graph, also=True)
    assert answer.identified_by == ADJUSTMENT
    assert names(answer.by(INSTRUMENT).instruments) == "z"
    assert names(answer.by(FRONT_DOOR).mediators) == "m"
    assert answer.by(NOT_IDENTIFIED) is None


def test_a_joint_treatment_needs_an_instrument_for_each_of_its_steps():
    edges = [("u", "x", 0), ("u", "y", 0), ("u", "u", 1), ("x", "y", 0), ("x", "y", 1)]
    one = found(causes(*edges, ("z", "x", 0)), lags=1)
    assert names(one.instruments) == "z z@-1"
    delayed = found(causes(*edges, ("z", "x", 1)), lags=1)
    assert names(delayed.instruments) == "z@-1 z@-2"
    constant = found(causes(*edges, ("z", "z", 1), ("z", "x", 0)), lags=1)
    assert constant.identified_by == INSTRUMENT


def test_the_past_of_the_treatment_is_no_instrument():
    assert found(structure(f"{HIDDEN}, x y")).identified_by == NOT_IDENTIFIED
    remembering = causes(("u", "x", 0), ("u", "y", 0), ("x", "x", 1), ("x", "y", 0))
    assert found(remembering).identified_by == NOT_IDENTIFIED


def test_a_lasting_hidden_cause_and_a_lasting_mediator_need_the_mediators_past():
    graph = causes(("u", "x", 0), ("u", "y", 0), ("u", "u", 1), ("x", "m", 0), ("m", "m", 1), ("m", "y", 0))
    answer = found(graph, lags=2)
    assert (names(answer.mediators), names(answer.adjustment_set)) == ("m m@-1 m@-2", "m@-3")
    system = LinearSystem(graph, 40, 1)
    assert system.estimated(answer, joint(2), OUTCOME) == pytest.approx(system.effects(joint(2), OUTCOME), abs=1e-8)


def test_what_dowhy_finds_we_find():
    from dowhy.causal_identifier.auto_identifier import identify_frontdoor
    from dowhy.graph import get_instruments

    rng = np.random.default_rng(0)
    order = ["a", "b", "x", "m", "c", "y"]
    agreed = {INSTRUMENT: 0, FRONT_DOOR: 0}
    for _ in range(150):
        pairs = {(one, two) for i, one in enumerate(order) for two in order[i + 1 :] if rng.random() < 0.2}
        graph = causes(*((*pair, 0) for pair in pairs | {("u", "x"), ("u", "y"), ("x", "m"), ("m", "y")}))
        plain = nx.DiGraph([(edge.cause.signal, edge.effect.signal) for edge in graph.edges])
        answer = found(graph, also=True)
        if set(get_instruments(plain, ["x"], ["y"])) - {"u"}:
            assert answer.by(INSTRUMENT)
            agreed[INSTRUMENT] += 1
        if identify_frontdoor(plain, ["x"], ["y"], sorted(set(plain) - {"u"})):
            assert answer.by(FRONT_DOOR)
            agreed[FRONT_DOOR] += 1
    assert min(agreed.values()) >= 20
