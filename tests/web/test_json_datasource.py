"""The JSON datasource protocol, asked as Grafana asks it."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from worlds import START, STEP, World

from datasource.panels import REGISTRY
from datasource.web.app import create_app

FROM, TO = "2023-11-16T00:00:00.000Z", "2023-11-16T22:20:00.000Z"


def body(target: str, payload: Any = None, **more: Any) -> dict[str, Any]:
    """A /query request as the plugin sends it."""
    one = {"refId": "A", "target": target, "payload": {} if payload is None else payload, "editorMode": "builder"}
    return {
        "requestId": "Q100",
        "app": "dashboard",
        "panelId": 2,
        "range": {"from": FROM, "to": TO, "raw": {"from": "now-24h", "to": "now"}},
        "interval": "30s",
        "intervalMs": 30000,
        "maxDataPoints": 1200,
        "targets": [one],
        "filters": [],
        "scopedVars": {"undefined": {}},
        **more,
    }


def ask(client: FlaskClient, target: str, payload: Any = None, **more: Any) -> list[dict[str, Any]]:
    answer = client.post("/query", json=body(target, payload, **more))
    assert answer.status_code == 200, answer.json
    frames = answer.get_json()
    assert isinstance(frames, list)
    for frame in frames:
        assert "length" not in frame
        assert frame["refId"] == "A"
        assert len({len(field["values"]) for field in frame["fields"]}) <= 1
    return frames


def fields(frame: dict[str, Any]) -> dict[str, list[Any]]:
    return {field["name"]: field["values"] for field in frame["fields"]}


def test_save_and_test_gets_its_200_and_a_browser_its_page(client: FlaskClient) -> None:
    grafana = client.get("/", headers={"Accept": "application/json, text/plain, */*"})
    assert (grafana.status_code, grafana.mimetype) == (200, "text/plain")
    assert client.get("/").status_code == 200
    browser = client.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert browser.mimetype == "text/html"


def test_the_query_builder_offers_every_panel_with_live_drop_downs(client: FlaskClient) -> None:
    offered = {one["value"]: one for one in client.post("/metrics", json={}).get_json()}
    assert set(offered) == set(REGISTRY.panels)
    payloads = {one["name"]: one for one in offered["expected_value"]["payloads"]}
    assert {"label": "shop/web", "value": "shop/web"} in payloads["entity"]["options"]
    assert payloads["entity"]["type"] == "multi-select"
    assert {"label": "latency", "value": "latency"} in payloads["signal"]["options"]


def test_options_of_one_drop_down(client: FlaskClient) -> None:
    options = client.post(
        "/metric-payload-options", json={"metric": "causal_effect", "payload": {}, "name": "effect"}
    ).get_json()
    assert {"label": "shop/catalog: restarts -> latency", "value": "shop/catalog: restarts -> latency"} in options
    wrong = client.post("/metric-payload-options", json={"metric": "causal_effect", "name": "efect"})
    assert wrong.status_code == 400
    assert "known are: effect, view" in wrong.get_json()["message"]


@pytest.mark.parametrize("panel", list(REGISTRY.panels))
def test_every_panel_answers_without_any_parameter(client: FlaskClient, panel: str) -> None:
    assert ask(client, panel, "")
    assert ask(client, panel, "{not json")


def test_an_expected_value_comes_with_its_band(client: FlaskClient) -> None:
    (frame,) = ask(client, "expected_value", {"entity": "platform/inventory", "signal": "latency"})
    columns = fields(frame)
    upper = next(field for field in frame["fields"] if field["name"] == "causal_expected_upper")
    lower = next(field for field in frame["fields"] if field["name"] == "causal_expected_lower")
    assert upper["config"]["custom"]["fillBelowTo"] == lower["config"]["displayNameFromDS"]
    assert upper["config"]["unit"] == "s"
    assert upper["labels"] == {"namespace": "platform", "service": "inventory", "signal": "latency"}
    assert columns["causal_observed_value"][-1] > columns["causal_expected_upper"][-1]
    assert all(isinstance(time, int) and time > 1_600_000_000_000 for time in columns["time"])


def test_who_broke_and_in_what_is_offered_first(client: FlaskClient) -> None:
    def offered(name: str) -> list[str]:
        return [one["__value"] for one in client.post("/variable", json={"payload": {"target": name}}).get_json()]

    assert offered("entity")[:2] == ["platform/inventory", "shop/catalog"]
    assert offered("signal")[0] == "latency"
    assert len(offered("entity")) == len(set(offered("entity"))) == 10
    assert len(offered("signal")) == len(set(offered("signal")))


def test_scores_may_be_those_that_were_above_one_and_the_highest_of_all(client: FlaskClient) -> None:
    every = {frame["name"]: frame["fields"][1]["values"] for frame in ask(client, "anomaly_score", {"entity": "All"})}
    few = {
        frame["name"]: frame["fields"][1]["values"]
        for frame in ask(client, "anomaly_score", {"entity": "All", "only": "anomalous"})
    }
    highest = few.pop("highest of all")
    assert few == {name: values for name, values in every.items() if max(values) > 1}
    assert 0 < len(few) < len(every)
    assert highest[-1] >= max(values[-1] for values in every.values())
    assert client.post("/query", json=body("anomaly_score", {"only": "some"})).status_code == 400


def test_scores_of_a_time_of_which_nothing_is_known_say_so(client: FlaskClient) -> None:
    (frame,) = ask(client, "anomaly_score", {"entity": "All"}, range={"from": 1000, "to": 2000})
    assert "nothing is known of this time" in str(frame)


def test_scores_are_thinned_to_their_maximum(client: FlaskClient) -> None:
    asked = {"entity": "platform/inventory", "signal": "latency"}
    (full,) = ask(client, "anomaly_score", asked, maxDataPoints=10_000)
    (thin,) = ask(client, "anomaly_score", asked, maxDataPoints=100)
    values, thinned = (fields(frame)["causal_anomaly_score"] for frame in (full, thin))
    assert len(thinned) <= 100 < len(values)
    assert max(thinned) == max(values)
    assert thinned[-1] == max(values[-len(values) // len(thinned) :])
    assert fields(thin)["time"][-1] == fields(full)["time"][-1]


@pytest.mark.parametrize(
    "entities",
    [
        ["shop/web", "shop/cart"],
        '["shop/web","shop/cart"]',
        "(shop/web|shop/cart)",
        r"(shop\/web|shop\/cart)",
        "{shop/web,shop/cart}",
        ["web", "cart"],
    ],
    ids=["list", "json text", "regex", "escaped regex", "glob", "last label"],
)
def test_several_values_in_every_shape_that_grafana_sends(client: FlaskClient, entities: Any) -> None:
    frames = ask(client, "anomaly_score", {"entity": entities, "signal": "latency"})
    assert [frame["name"] for frame in frames] == ["shop/cart.latency", "shop/web.latency"]


@pytest.mark.parametrize("everything", ["", "All", "$__all", ".*", [], None])
def test_all_is_all(client: FlaskClient, everything: Any) -> None:
    assert len(ask(client, "anomaly_score", {"entity": everything, "signal": "latency"})) == 10


def test_the_payload_of_code_mode_is_text(client: FlaskClient) -> None:
    (frame,) = ask(client, "anomaly_score", '{"entity": "shop/web", "signal": ["latency"], "score": "marginal"}')
    assert "causal_marginal_anomaly_score" in fields(frame)


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({"key": "namespace", "operator": "=", "value": "platform"}, 4),
        ({"key": "namespace", "operator": "!=", "value": "platform"}, 6),
        ({"key": "service", "operator": "=~", "value": "c.*"}, 3),
        ({"key": "service", "operator": "!~", "value": "c.*"}, 7),
        ({"key": "service", "operator": "=|", "value": "web", "values": ["web", "cart"]}, 2),
        ({"key": "service", "operator": "<", "value": "cart"}, 1),
        ({"key": "", "operator": "=", "value": ""}, 10),
    ],
)
@pytest.mark.parametrize("key", ["filters", "adhocFilters"])
def test_ad_hoc_filters_apply_to_results(client: FlaskClient, given: dict[str, Any], left: int, key: str) -> None:
    assert len(ask(client, "anomaly_score", {"signal": "latency"}, **{"filters": [], key: [given]})) == left


def test_root_causes_are_a_table_with_the_root_first(client: FlaskClient) -> None:
    (frame,) = ask(client, "root_causes")
    columns = fields(frame)
    assert columns["root cause"][0] == "platform/inventory"
    assert columns["share"][0] > 0.8
    for name in ("shop/checkout.latency", r"shop\/checkout\.latency"):
        (asked,) = ask(client, "root_causes", {"symptom": name})
        assert set(fields(asked)["symptom"]) == {"shop/checkout.latency"}
    assert fields(asked)["root cause"][0] == "platform/inventory"


def test_the_causal_effect_has_a_band_and_the_association_beside_it(client: FlaskClient) -> None:
    asked = {"effect": "shop/catalog: restarts -> latency", "view": "estimate"}
    (estimate,) = ask(client, "causal_effect", asked)
    columns = {name: values[0] for name, values in fields(estimate).items()}
    assert columns["causal_effect_lower"] < 0.025 < columns["causal_effect_upper"]
    assert columns["causal_association"] > 0.1
    (rolling,) = ask(client, "causal_effect", asked | {"view": "rolling"})
    assert len(fields(rolling)["time"]) > 10
    assert {f["name"] for f in rolling["fields"]} >= {"causal_effect_rolling", "causal_association_rolling"}


@pytest.mark.parametrize("show", ["entities", "variables"])
def test_the_node_graph_has_no_edge_to_a_missing_node(client: FlaskClient, show: str) -> None:
    for entity in (".*", "platform/.*"):
        nodes, edges = ask(client, "causal_graph", {"show": show, "entity": entity})
        assert nodes["meta"]["preferredVisualisationType"] == edges["meta"]["preferredVisualisationType"] == "nodeGraph"
        ids = set(fields(nodes)["id"])
        assert ids.issuperset(fields(edges)["source"])
        assert ids.issuperset(fields(edges)["target"])
        arcs = [values for name, values in fields(nodes).items() if name.startswith("arc__")]
        assert all(sum(ring) == 1 for ring in zip(*arcs, strict=True))
        assert all(isinstance(text, str) for text in fields(nodes)["mainstat"])


def test_rings_tell_verdicts_and_red_arrows_whom_to_blame(client: FlaskClient) -> None:
    nodes, edges = (fields(frame) for frame in ask(client, "causal_graph", {"show": "entities"}))
    said = dict(zip(nodes["id"], nodes["detail__verdict"], strict=True))
    assert said["platform/inventory"] == "broke"
    assert {name for name, state in said.items() if state == "suffers"} == {
        "shop/catalog", "shop/checkout", "shop/orders", "shop/web",
    }  # fmt: skip
    assert set(said.values()) == {"broke", "suffers", "fine"}
    red = {
        (source, target)
        for source, target, color in zip(edges["source"], edges["target"], edges["color"], strict=True)
        if color == "#F2495C"
    }
    assert red >= {("platform/inventory", "shop/catalog"), ("shop/catalog", "shop/web")}
    assert ("shop/web", "shop/catalog") not in red
    assert all(said[source] != "fine" != said[target] for source, target in red)
    nodes, edges = (fields(frame) for frame in ask(client, "causal_graph", {"show": "variables"}))
    of_variables = dict(zip(nodes["id"], nodes["detail__verdict"], strict=True))
    assert of_variables["platform/inventory.latency"] == "broke"
    assert of_variables["platform/inventory.cpu"] == "fine"
    assert of_variables["shop/web.latency"] == "suffers"
    every = zip(edges["source"], edges["target"], edges["color"], strict=True)
    red = {(source, target) for source, target, color in every if color == "#F2495C"}
    assert ("platform/inventory.latency", "shop/catalog.latency") in red
    assert all(of_variables[end] in ("broke", "suffers") for edge in red for end in edge)


def test_of_a_hundred_variables_the_graph_shows_those_that_tell_something(client: FlaskClient) -> None:
    nodes, _ = ask(client, "causal_graph", {"show": "variables"})
    said = dict(zip(fields(nodes)["id"], fields(nodes)["detail__verdict"], strict=True))
    assert {"platform/inventory.latency", "platform/inventory.cpu", "shop/web.latency"} <= said.keys()
    assert "shop/recommend.cpu" not in said
    assert len(said) < 60
    assert "choose entities" in nodes["meta"]["notices"][0]["text"]
    nodes, _ = ask(client, "causal_graph", {"show": "variables", "entity": "shop/recommend"})
    assert "shop/recommend.cpu" in fields(nodes)["id"]


def test_episodes_are_regions(client: FlaskClient) -> None:
    (frame,) = ask(client, "episodes", {"entity": "platform/inventory"})
    columns = fields(frame)
    assert {"time", "timeEnd", "title", "text", "tags", "id"} <= columns.keys()
    assert any("inventory.latency" in title for title in columns["title"])


def test_the_older_search_and_targets_without_payload(client: FlaskClient) -> None:
    assert {"text": "Root causes", "value": "root_causes"} in client.post("/search", json={"target": ""}).get_json()
    simple = {"range": {"from": FROM, "to": TO}, "targets": [{"target": "anomalies", "refId": "A", "type": "table"}]}
    assert client.post("/query", json=simple).get_json()[0]["name"] == "anomalies"


@pytest.mark.parametrize("payload", [{"target": "entity"}, {"query": "entity"}, "entity", '{"target":"entity"}', {}])
def test_dashboard_variables(client: FlaskClient, payload: Any) -> None:
    answer = client.post("/variable", json={"payload": payload, "range": {}}).get_json()
    assert {"__text": "shop/web", "__value": "shop/web"} in answer


def test_variables_may_be_labels_and_tags_are_labels(client: FlaskClient) -> None:
    names = client.post("/variable", json={"payload": {"target": "namespace"}}).get_json()
    assert [one["__value"] for one in names] == ["platform", "shop"]
    assert {"type": "string", "text": "service"} in client.post("/tag-keys", json={}).get_json()
    assert {"text": "web"} in client.post("/tag-values", json={"key": "service"}).get_json()
    assert {"text": "latency"} in client.post("/tag-values", json={"key": "signal"}).get_json()


def test_hidden_and_empty_targets_are_left_out(client: FlaskClient) -> None:
    targets = [{"refId": "A", "target": ""}, {"refId": "B", "target": "anomalies", "hide": True}, {"refId": "C"}]
    assert client.post("/query", json=body("x") | {"targets": targets}).get_json() == []
    assert client.post("/query", data="").get_json() == []


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (body("anomaly"), "known are: anomaly_score"),
        (body("anomaly_score", {"entity": "shop/wbe"}), "matches nothing"),
        (body("anomaly_score", {"score": "bayesian"}), "use 'causal' or 'marginal'"),
        (body("causal_effect", {"view": "x"}), "use 'rolling', 'estimate' or 'checks'"),
        (body("difference_in_differences", {"view": "x"}), "use 'comparison', 'event_study' or 'estimate'"),
        (body("causal_graph", {"show": "x"}), "use 'entities' or 'variables'"),
        (body("root_causes", {"symptom": "shop/web.latencies"}), "symptom 'shop/web.latencies' matches nothing"),
        (body("anomaly_score", filters=[{"key": "service", "operator": "~~", "value": "x"}]), "operator"),
        (
            body("anomaly_score", filters=[{"key": "service", "operator": "=~", "value": "("}]),
            "not a regular expression of RE2",
        ),
        (body("anomaly_score", filters="x"), "'filters' is not a list"),
        (body("anomaly_score", range={"from": "yesterday", "to": TO}), "is no time"),
        (body("anomaly_score", range={"from": TO, "to": FROM}), "before it begins"),
        (body("anomaly_score") | {"targets": "x"}, "'targets' is not a list"),
        ([1], "not a JSON object"),
    ],
)
def test_a_wrong_question_gets_an_error_that_panels_can_show(client: FlaskClient, sent: Any, says: str) -> None:
    answer = client.post("/query", json=sent)
    assert answer.status_code == 400
    told = answer.get_json()
    assert says in told["message"]
    assert told["error"]["message"] == told["message"]


def test_one_wrong_target_does_not_blank_the_others(client: FlaskClient) -> None:
    targets = [
        {"refId": "A", "target": "anomaly_score", "payload": {"entity": "shop/gone"}},
        {"refId": "B", "target": "anomalies"},
    ]
    wrong, right = client.post("/query", json=body("x") | {"targets": targets}).get_json()
    assert "matches nothing" in wrong["meta"]["notices"][0]["text"]
    assert (right["refId"], right["name"]) == ("B", "anomalies")


def test_an_annotation_of_another_shape_does_no_harm(client: FlaskClient) -> None:
    assert client.post("/annotations", json={"annotation": "x"}).status_code == 200


def test_wrong_json_paths_and_methods_get_the_same_shape_of_error(client: FlaskClient) -> None:
    assert "not JSON" in client.post("/query", data="{").get_json()["message"]
    assert client.get("/nothing").get_json()["error"]["code"] == "404"
    assert client.get("/query").get_json()["error"]["code"] == "405"


def test_before_the_first_evaluation_a_panel_says_what_is_under_way(waiting: FlaskClient) -> None:
    (frame,) = ask(waiting, "anomaly_score")
    assert frame["meta"]["notices"][0]["text"] == "the first evaluation is under way"
    assert waiting.post("/variable", json={"payload": {"target": "entity"}}).get_json() == []


def test_a_young_prometheus_gives_a_notice_never_a_blank() -> None:
    world = World(steps=37)
    world.clock.tick()
    young = create_app(world.clock).test_client()
    for panel in ("anomaly_score", "causal_effect", "root_causes", "anomalies", "episodes"):
        (frame,) = ask(young, panel)
        assert frame["meta"]["notices"][0]["text"] == "warming up: 37 of 120 points"
        said = frame["fields"][0]["values"] or [frame["fields"][1]["config"]["noValue"]]
        assert said == ["warming up: 37 of 120 points"]


def test_a_young_prometheus_shows_what_is_observed_before_anything_is_expected() -> None:
    world = World(steps=37)
    world.clock.tick()
    young = create_app(world.clock).test_client()
    lately = {"from": (START - STEP) * 1000, "to": (START + 40 * STEP) * 1000}
    (frame, *_) = ask(young, "expected_value", {"signal": "requests"}, range=lately)
    assert frame["meta"]["notices"][0]["text"] == "warming up: 37 of 120 points"
    by_name = {field["name"]: field["values"] for field in frame["fields"]}
    assert by_name["causal_observed_value"][-1] > 0
    assert set(by_name["causal_expected_value"]) == {None}


def test_old_results_say_that_they_are_old() -> None:
    world = World(steps=130)
    world.clock.tick()
    world.now += 3600
    client = create_app(world.clock).test_client()
    for panel in ("anomaly_score", "metric"):
        (frame, *_) = ask(client, panel)
        assert "these results are old" in frame["meta"]["notices"][0]["text"]
        assert frame["meta"]["notices"][0]["severity"] == "warning"
    (frame,) = ask(client, "anomalies")
    assert [field["name"] for field in frame["fields"]] == ["notice"]
    assert "these results are old" in frame["fields"][0]["values"][0], "not that nothing is anomalous"


@pytest.mark.parametrize("panel", ["anomalies", "incidents", "graph_versions", "next_experiment"])
def test_a_table_without_rows_says_why_in_a_row(panel: str) -> None:
    world = World(steps=37)
    waiting = create_app(world.clock).test_client()
    (frame,) = ask(waiting, panel)
    assert frame["fields"][0]["values"] == ["the first evaluation is under way"]
    world.clock.tick()
    (frame,) = ask(waiting, panel)
    (said,) = frame["fields"]
    assert (said["name"], said["type"]) == ("notice", "string")
    assert len(said["values"]) == 1
    if panel in ("anomalies", "incidents"):
        assert said["values"] == ["warming up: 37 of 120 points"]


def test_lines_that_are_not_there_yet_leave_a_panel_empty() -> None:
    """Grafana draws no lines of a frame with a text, and says so in its own words."""
    (frame,) = ask(create_app(World(steps=37).clock).test_client(), "anomaly_score")
    assert all(field["values"] == [] for field in frame["fields"])
