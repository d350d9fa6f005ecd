"""The seven situations of the textbooks on simulated truth, and restarts of services as a newcomer would ask."""

import json

import asking_effects as asking
import numpy as np
import pytest

N = 2000
TRUTH = {"cart": 8.0, "search": 12.0, "web": 16.0}


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def graph(folder, *rules):
    path = folder / "graph.yaml"
    path.write_text("\n".join(f"- {rule}" for rule in rules))
    return "--graph", path


def noise(rng, count):
    return rng.normal(size=(count, N))


def test_a_confounder_is_adjusted_for(tmp_path, rng):
    z, e, f = noise(rng, 3)
    x = z + e
    path = asking.write(tmp_path / "d.csv", x=x, y=2 * x + 3 * z + f, z=z)
    answer = asking.effect(path, "x", "y", *graph(tmp_path, "z -> x", "z -> y", "x -> y"))
    assert answer["adjustment_set"] == ["z"]
    assert asking.covers(answer, 2.0)
    assert answer["association_lower"] > 3


def test_a_mediator_is_not_adjusted_away(tmp_path, rng):
    x, e, f = noise(rng, 3)
    m = 1.5 * x + e
    path = asking.write(tmp_path / "d.csv", x=x, y=2 * m + x + f, m=m)
    answer = asking.effect(path, "x", "y", *graph(tmp_path, "x -> m", "m -> y", "x -> y"))
    assert answer["adjustment_set"] == []
    assert asking.covers(answer, 4.0)


def test_a_collider_is_not_adjusted_for(tmp_path, rng):
    x, e, f = noise(rng, 3)
    y = x + e
    path = asking.write(tmp_path / "d.csv", x=x, y=y, c=x + y + f)
    answer = asking.effect(path, "x", "y", *graph(tmp_path, "x -> y", "x -> c", "y -> c"))
    assert answer["adjustment_set"] == []
    assert asking.covers(answer, 1.0)
    wrong = asking.effect(path, "x", "y", "--adjust", "c")
    assert not asking.covers(wrong, 1.0)


def test_a_randomised_treatment_needs_no_adjustment(tmp_path, rng):
    x = rng.integers(0, 2, N)
    z, e = noise(rng, 2)
    path = asking.write(tmp_path / "d.csv", x=x, y=1.5 * x + 2 * z + e, z=z)
    answer = asking.effect(path, "x", "y")
    assert answer["identified_by"] == "randomisation"
    assert asking.covers(answer, 1.5)


def test_an_instrument_helps_where_the_confounder_is_not_measured(tmp_path, rng):
    z, u, e, f = noise(rng, 4)
    x = 0.8 * z + u + e
    path = asking.write(tmp_path / "d.csv", z=z, x=x, y=2 * x + 3 * u + f)
    answer = asking.effect(path, "x", "y", *graph(tmp_path, "z -> x", "u -> x", "u -> y", "x -> y"))
    assert answer["identified_by"] == "instrument"
    assert answer["method"] == "iv.instrumental_variable"
    assert asking.covers(answer, 2.0)
    assert not asking.covers(answer, answer["association"])
    assert any("'u'" in notice for notice in answer["notices"])


def test_a_front_door_helps_too(tmp_path, rng):
    u, e, f, g = noise(rng, 4)
    x = u + e
    m = 1.5 * x + f
    path = asking.write(tmp_path / "d.csv", x=x, m=m, y=2 * m + 3 * u + g)
    rules = "u -> x", "u -> y", "x -> m", "m -> y"
    by_graph = asking.effect(path, "x", "y", *graph(tmp_path, *rules))
    by_name = asking.effect(path, "x", "y", "--mediator", "m")
    for answer in (by_graph, by_name):
        assert answer["identified_by"] == "front-door"
        assert asking.covers(answer, 3.0)
        assert answer["association_lower"] > 3.5


@pytest.mark.parametrize("rules", [("x <-> y",), ("u -> x", "u -> y")])
def test_what_nobody_measures_needs_no_name(tmp_path, rng, rules):
    z, u, e, f = noise(rng, 4)
    x = 0.8 * z + u + e
    path = asking.write(tmp_path / "d.csv", z=z, x=x, y=2 * x + 3 * u + f)
    answer = asking.effect(path, "x", "y", *graph(tmp_path, "z -> x", "x -> y", *rules))
    assert answer["identified_by"] == "instrument"
    assert asking.covers(answer, 2.0)


def test_without_either_the_effect_is_refused_and_what_to_measure_is_named(tmp_path, rng):
    u, e, f = noise(rng, 3)
    x = u + e
    path = asking.write(tmp_path / "d.csv", x=x, y=2 * x + 3 * u + f)
    said = asking.refusal(path, "x", "y", *graph(tmp_path, "u -> x", "u -> y", "x -> y"))
    assert "does not identify" in said
    assert "measure u" in said


def test_two_groups_and_two_periods(tmp_path, rng):
    group, post = rng.integers(0, 2, (2, N))
    y = 3 * group + 2 * post + 5 * group * post + rng.normal(size=N)
    path = asking.write(tmp_path / "d.csv", group=group, post=post, y=y)
    answer = asking.effect(path, "group", "y", "--group", "group", "--post", "post")
    assert answer["method"] == "difference_in_differences"
    assert asking.covers(answer, 5.0)


def test_simpson_says_that_the_sign_turns(tmp_path, rng):
    tier = rng.integers(0, 3, N)
    load = rng.normal(size=N) + 3 * tier
    path = asking.write(
        tmp_path / "d.csv", load=load, latency=load - 5 * tier + rng.normal(size=N), tier=np.array(list("abc"))[tier]
    )
    answer = asking.effect(path, "load", "latency", "--adjust", "tier", "--strata", "tier")
    strata = answer["stratified"]
    assert strata["reversed"]
    assert strata["aggregate"]["upper"] < 0 < strata["average"]["lower"]
    assert [group["stratum"] for group in strata["within"]] == ["a", "b", "c"]
    assert asking.covers(answer, 1.0)
    assert "Simpson's paradox" in asking.ask(path, "load", "latency", "--strata", "tier").stdout


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    """Rows of three services; traffic makes pods busy and lets them restart, and a restart costs each its own."""
    folder, rng = tmp_path_factory.mktemp("services"), np.random.default_rng(11)
    service = np.repeat(list(TRUTH), 600)
    traffic = rng.normal(100, 20, len(service))
    cpu = 20 + 0.3 * traffic + rng.normal(0, 5, len(service))
    restarts = rng.poisson(np.exp((traffic - 100) / 40))
    cost = np.array([TRUTH[name] for name in service])
    base = np.array([{"cart": 120, "search": 200, "web": 150}[name] for name in service])
    path = asking.write(
        folder / "services.csv",
        pod_restarts=restarts,
        cpu_usage=cpu,
        request_latency=base + 1.5 * cpu + cost * restarts + rng.normal(0, 10, len(service)),
        traffic=traffic,
        service_id=service,
    )
    return path, graph(
        folder,
        "traffic -> cpu_usage",
        "traffic -> pod_restarts",
        "cpu_usage -> request_latency",
        "pod_restarts -> request_latency",
    )


@pytest.mark.parametrize("method", ["linear_regression", "double_machine_learning", "LinearDML"])
def test_restarts_of_all_services_and_of_each(services, method):
    path, known = services
    answer = asking.effect(path, "pod_restarts", "request_latency", *known, "--method", method)
    assert answer["method"].endswith(method)
    assert {"traffic", "service_id"} <= set(answer["adjustment_set"])
    assert answer["n"] == 1800
    assert answer["effect"] == pytest.approx(12.0, abs=0.6)
    assert answer["association"] > answer["effect"] + 2
    found = {group["level"]: group for group in answer["groups"]}
    assert {group["modifier"] for group in answer["groups"]} == {"service_id"}
    assert set(found) == set(TRUTH)
    for service, truth in TRUTH.items():
        assert found[service]["effect"] == pytest.approx(truth, abs=1.0)
        assert found[service]["n"] == 600


@pytest.mark.parametrize(
    "shape",
    [
        lambda rules: [rule.split(" -> ") for rule in rules],
        lambda rules: {"edges": rules},
        lambda rules: {"edges": [rule.split(" -> ") for rule in rules]},
        lambda rules: {"templates": rules},
        lambda rules: {"graph": {"edges": rules}},
        lambda rules: {"graph": {"templates": rules[:2], "edges": rules[2:]}},
    ],
    ids=["pairs", "edges", "edges of pairs", "templates", "graph of edges", "both"],
)
def test_the_graph_may_be_written_in_several_ways(services, tmp_path, shape):
    path, known = services
    rules = [line.removeprefix("- ") for line in known[1].read_text().splitlines()]
    written = tmp_path / "graph.json"
    written.write_text(json.dumps(shape(rules)))
    answer = asking.effect(path, "pod_restarts", "request_latency", "--graph", written)
    assert answer == asking.effect(path, "pod_restarts", "request_latency", *known)


def test_regression_is_what_rows_without_times_get(services):
    path, known = services
    answer = asking.effect(path, "pod_restarts", "request_latency", *known)
    assert answer["method"] == "backdoor.linear_regression"
    assert "independent" in answer["rows"]


def test_no_way_from_latency_back_to_restarts_is_an_effect_of_zero(services):
    path, known = services
    answer = asking.effect(path, "request_latency", "pod_restarts", *known)
    assert answer["effect"] == 0
    assert answer["association"] != 0
    assert any("no directed path" in notice for notice in answer["notices"])
