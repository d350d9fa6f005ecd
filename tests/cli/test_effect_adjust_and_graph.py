"""With --graph and --adjust the user's columns are adjusted for, and the graph says what is wrong with them."""

import asking_effects as asking
import numpy as np
import pytest

N = 800
CONFOUNDED = "z -> x", "z -> y", "x -> y", "x -> m", "m -> y", "x -> c", "y -> c"


@pytest.fixture
def study(tmp_path):
    """A confounder z, a mediator m and a collider c; the whole effect is 3."""
    z, e, f, g, h = np.random.default_rng(1).normal(size=(5, N))
    x = z + e
    m = x + f
    y = x + 2 * m + 3 * z + g
    path = asking.write(tmp_path / "d.csv", x=x, y=y, z=z, m=m, c=x + y + h)
    graph = tmp_path / "graph.yaml"
    graph.write_text("".join(f"- {rule}\n" for rule in CONFOUNDED))
    return path, graph


def verdict(study, *names):
    path, graph = study
    answer = asking.effect(path, "x", "y", "--graph", graph, "--adjust", ",".join(names))
    assert answer["adjustment_set"] == list(names)
    (found,) = (check for check in answer["checks"] if check["name"] == "adjustment set")
    return answer, found


def test_a_good_set_passes_and_says_what_the_graph_would_say(study):
    answer, found = verdict(study, "z")
    path, graph = study
    assert found["passed"] is True
    assert answer["effect"] == asking.effect(path, "x", "y", "--graph", graph)["effect"]
    assert asking.covers(answer, 3.0)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("z", "m"), "m comes after the treatment"),
        (("z", "c"), "c follows from x and y, it is a collider"),
        (("m",), "z is left open: x <- z -> y"),
        ((), "z is left open: x <- z -> y"),
    ],
    ids=["mediator", "collider", "a mediator instead of the confounder", "nothing"],
)
def test_a_wrong_set_gets_its_number_and_a_warning(study, names, said):
    answer, found = verdict(study, *names)
    assert found["passed"] is False
    assert said in found["text"]
    assert not asking.covers(answer, 3.0)


def test_a_column_that_the_graph_does_not_know_is_named(study):
    path, graph = study
    graph.write_text("- z -> x\n- z -> y\n- x -> y\n")
    answer = asking.effect(path, "x", "y", "--graph", graph, "--adjust", "z,m")
    (found,) = (check["text"] for check in answer["checks"] if check["name"] == "adjustment set")
    assert found == "m is not in the graph, which says nothing of it"


def test_it_stands_out_in_the_table(study):
    path, graph = study
    shown = asking.ask(path, "x", "y", "--graph", graph, "--adjust", "z,m").stdout
    assert "FAIL  adjustment set" in shown
    assert "--adjust says what is adjusted for" in shown
