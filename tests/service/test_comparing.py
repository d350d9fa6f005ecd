"""The running service compares mechanisms between environments, and says so through every door."""

from dataclasses import replace
from pathlib import Path

import pytest
from clusters import SETTINGS, Cluster, Clusters
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from worlds import START, STEP

from datasource.causes import RootCauses
from datasource.data import Entity, Matrix, Variable
from datasource.graph import build_graph
from datasource.incidents import Incident
from datasource.incidents.model import Mark
from datasource.invariance.document import shift_told
from datasource.service.comparing import changed_in, comparing_job
from datasource.settings import parse_settings
from datasource.settings.store import Store
from datasource.topology import Topology
from datasource.web.app import create_app

USUAL = {"eu": Cluster(), "us": Cluster(load=1.6), "ap": Cluster(load=0.8, level=0.4)}
POINTS = 1200


def client(settings: str = SETTINGS, **changed: Cluster) -> FlaskClient:
    clusters = {**USUAL, **changed}
    values = {name: one.simulate(POINTS, seed) for seed, (name, one) in enumerate(clusters.items())}
    world = Clusters(values, settings)
    world.tick()
    return create_app(world.clock).test_client()


@pytest.fixture(scope="module")
def broken() -> FlaskClient:
    """In us cpu does not move latency."""
    return client(us=Cluster(slope=0.0, load=1.6))


def test_an_edge_that_breaks_in_one_cluster_is_doubtful_and_says_where(broken: FlaskClient) -> None:
    found = broken.get("/api/v1/snapshot").get_json()["invariance"]
    broke = [(one["cause"], one["effect"], one["environment"]) for one in found["edges"] if one["breaks"]]
    assert broke == [("us/web.cpu", "us/web.latency", "cluster=us")]
    (edge,) = [one for one in found["edges"] if one["breaks"]]
    assert abs(edge["slope"]) < 0.05
    assert edge["elsewhere"] == pytest.approx(0.5, abs=0.05)
    frames = broken.post("/query", json={"targets": [{"target": "discovered_edges", "payload": {"show": "all"}}]})
    columns = {field["name"]: field["values"] for field in frames.get_json()[0]["fields"]}
    doubtful = [
        (effect, why)
        for effect, cause, why in zip(columns["effect"], columns["cause"], columns["evidence"], strict=True)
        if "breaks in cluster=us" in why and cause.endswith(".cpu")
    ]
    assert [effect for effect, _ in doubtful] == ["us/web.latency"]


def test_the_score_is_a_metric_a_row_and_a_panel(broken: FlaskClient) -> None:
    text = broken.get("/metrics").get_data(as_text=True)
    scores = {
        (
            s.labels["cluster"],
            s.labels["signal"],
            s.labels["mechanism_part"],
            s.labels["mechanism_environment"],
        ): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
        if s.name == "causal_mechanism_shift_score"
    }
    assert scores["us", "latency", "slopes", "cluster=us"] > 1
    assert max(value for key, value in scores.items() if key[1] == "cpu") < 1
    rows = broken.get("/api/v1/snapshot").get_json()["invariance"]["mechanisms"]
    first = rows[0]
    assert (first["variable"], first["part"], first["shifted"]) == ("us/web.latency", "slopes", True)
    assert first["score"] == pytest.approx(scores["us", "latency", "slopes", "cluster=us"])
    answer = broken.post("/query", json={"targets": [{"target": "mechanism_shifts"}]}).get_json()
    columns = {field["name"]: field["values"] for field in answer[0]["fields"]}
    assert columns["score"][0] == pytest.approx(first["score"])
    assert "how its causes move it is another one in cluster=us" in columns["told"][0]


def test_where_nothing_is_another_nothing_is_said() -> None:
    found = client().get("/api/v1/snapshot").get_json()["invariance"]
    assert not [one for one in found["mechanisms"] if one["shifted"]]
    assert not [one for one in found["edges"] if one["breaks"]]


def test_causes_that_hold_in_every_cluster_are_named_where_clusters_differ_enough() -> None:
    found = client(ap=Cluster(load=0.8, batch=2.0)).get("/api/v1/snapshot").get_json()["invariance"]
    parents = {one["outcome"]: one["parents"] for one in found["parents"]}
    assert set(parents["web.latency"]) == {"web.cpu", "web.requests"}


def test_an_intervention_parts_before_from_after(tmp_path: Path) -> None:
    one = Cluster().simulate(POINTS, 3)
    one[2, 700:] = one[2, 700:] + 1.0 * one[1, 700:]  # from then on cpu slows the service down three times as much
    world = Clusters({"eu": one}, SETTINGS.replace("invariance: {}", "invariance: {changes: false}"))
    start = START + 700 * STEP
    world.clock.evaluator.interventions.store = Store(directory=tmp_path)
    said = {"kind": "deploy", "targets": ["eu/web"], "start": start, "why": "v2"}
    world.clock.evaluator.interventions.record(said, "ann")
    world.tick()
    found = create_app(world.clock).test_client().get("/api/v1/snapshot").get_json()["invariance"]
    (first, *_) = [one for one in found["mechanisms"] if one["shifted"]]
    assert (first["variable"], first["part"]) == ("eu/web.latency", "slopes")
    assert first["environment"] in ("before intervention 1", "since intervention 1")


def lasting(start: int, end: int | None, root: Entity) -> Incident:
    causes = RootCauses(Variable(root, "latency"), 1.0, (), 0.0)
    return Incident("web-1", start, end, end or start, causes, (root,), (root,))


def test_an_incident_that_lasts_says_what_of_the_mechanism_of_its_cause_is_another_one() -> None:
    one = Cluster().simulate(POINTS, 3)
    one[2, 700:900] += one[1, 700:900]  # meanwhile cpu slows the service down three times as much
    settings = parse_settings(SETTINGS.replace("invariance: {}", "invariance: {changes: false}"))
    web = Entity("service", (("cluster", "eu"), ("service", "web")))
    variables = tuple(Variable(web, name) for name in ("requests", "cpu", "latency"))
    matrix = Matrix(variables, START, STEP, one)
    graph = build_graph(settings, variables, Topology()).graph
    incident = lasting(START + 700 * STEP, START + 899 * STEP, web)
    found = comparing_job(settings, matrix, graph, (), (incident,))
    changed = changed_in(incident, found)
    assert {(one.variable.signal, one.part) for one in changed} == {("latency", "slopes")}
    assert "how its causes move it is another one during incident web-1" in shift_told(changed[0])
    assert changed_in(replace(incident, id="web-2"), found) == ()
    none = replace(incident, mark=Mark(START + 900 * STEP, kind="dismissed"))
    assert changed_in(none, comparing_job(settings, matrix, graph, (), (none,))) == ()
    short = lasting(START + 700 * STEP, START + 709 * STEP, web)
    assert changed_in(short, comparing_job(settings, matrix, graph, (), (short,))) == ()
    off = parse_settings(SETTINGS.replace("invariance: {}", "invariance: {changes: false, incidents: false}"))
    assert changed_in(incident, comparing_job(off, matrix, graph, (), (incident,))) == ()


def test_a_change_that_nobody_declared_is_found() -> None:
    one = Cluster().simulate(POINTS, 3)
    one[2, 700:] = one[2, 700:] + 1.0 * one[1, 700:]
    world = Clusters({"eu": one})
    found = world.tick().invariance
    assert found is not None
    shifted = {(str(one.variable), one.part) for one in found.shifted}
    assert shifted >= {("eu/web.latency", "slopes")}
    assert {variable for variable, _ in shifted} == {"eu/web.latency"}


def test_it_is_off_until_the_settings_turn_it_on() -> None:
    quiet = client(SETTINGS.replace("invariance: {}\n", ""))
    assert quiet.get("/api/v1/snapshot").get_json()["invariance"] is None
    answer = quiet.post("/query", json={"targets": [{"target": "mechanism_shifts"}]}).get_json()
    assert "invariance: {}" in answer[0]["meta"]["notices"][0]["text"]
