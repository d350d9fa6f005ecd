"""GET /metrics and plain JSON: one name, one label set, one number through every door."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from test_json_datasource import ask, fields
from worlds import World

from datasource.service import HELP
from datasource.web.app import create_app

Key = tuple[str, tuple[tuple[str, str], ...]]


def exposed(client: FlaskClient) -> dict[Key, float]:
    text = client.get("/metrics").get_data(as_text=True)
    return {
        key(sample.name, {name: value for name, value in sample.labels.items() if name not in ("job", "instance")}): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def key(name: str, labels: dict[str, str]) -> Key:
    return name, tuple(sorted(labels.items()))


def rows(client: FlaskClient, **arguments: str) -> dict[Key, float]:
    snapshot = client.get("/api/v1/snapshot", query_string=arguments).get_json()
    return {key(one["name"], one["labels"]): one["value"] for one in snapshot["metrics"]}


def test_every_result_is_exposed_under_the_names_of_the_design(client: FlaskClient) -> None:
    not_here = (
        *("causal_impact_afterwards", "causal_impact_predicted", "causal_intervention"),
        *("causal_impact_observed", "causal_impact_counterfactual", "causal_impact_so_far"),
        *("causal_edge_verdict", "causal_next_experiment"),
        "causal_incident_seen_before",
        *("causal_mechanism_shift", "causal_graph_version"),
    )
    elsewhere = {name for name in HELP if name.startswith(not_here)}
    assert {name for name, _ in exposed(client)} >= set(HELP) - elsewhere


def test_the_entitys_own_labels_are_kept(client: FlaskClient) -> None:
    found = exposed(client)
    labels = {"namespace": "platform", "service": "inventory"}
    assert found[key("causal_anomaly_score", labels | {"signal": "latency"})] > 1
    named = {"root_cause": "platform/inventory", "is_root_cause": "true"}
    assert found[key("causal_service_anomaly", labels | named)] == 1
    victim = {"namespace": "shop", "service": "web", "root_cause": "platform/inventory", "is_root_cause": "false"}
    assert found[key("causal_service_anomaly", victim)] == 1
    quiet = {"namespace": "platform", "service": "payment", "root_cause": "", "is_root_cause": "false"}
    assert found[key("causal_service_anomaly", quiet)] == 0


def test_an_effect_between_two_entities_names_both(client: FlaskClient) -> None:
    labels = {
        "namespace": "shop",
        "service": "web",
        "treatment_namespace": "platform",
        "treatment_service": "inventory",
        "treatment": "latency",
        "outcome": "latency",
    }
    assert exposed(client)[key("causal_effect", labels)] == pytest.approx(0.5, abs=0.03)


def test_metrics_and_snapshot_give_the_same_numbers(client: FlaskClient) -> None:
    found = rows(client)
    results = {k: v for k, v in exposed(client).items() if not k[0].startswith("causal_datasource")}
    assert results == pytest.approx(found, rel=1e-12)
    assert len(results) > 500
    only = rows(client, name="causal_effect")
    assert {name for name, _ in only} == {"causal_effect"}


def test_panels_give_the_same_number_for_the_same_name_and_labels(client: FlaskClient) -> None:
    found = exposed(client)
    compared = 0
    for panel, payload in (
        ("anomaly_score", {"score": "causal"}),
        ("anomaly_score", {"score": "marginal"}),
        ("expected_value", {"signal": "latency"}),
        ("causal_effect", {"view": "estimate"}),
        ("difference_in_differences", {"view": "estimate"}),
    ):
        for frame in ask(client, panel, payload, maxDataPoints=100_000):
            for field in frame["fields"]:
                if field["name"] in HELP and field["values"][-1] is not None:
                    value = found[key(field["name"], field["labels"])]
                    assert field["values"][-1] == pytest.approx(value, rel=1e-9, abs=1e-12)
                    compared += 1
    assert compared > 200


def pooled_and_plain(snapshot: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The rows of the effect over all services, and of one service."""
    effects = {one["outcome"]: one for one in snapshot["effects"]}
    return effects["latency"], effects["shop/catalog.latency"]


def test_a_pooled_effect_is_one_series_without_an_entity(client: FlaskClient) -> None:
    pooled, _ = pooled_and_plain(client.get("/api/v1/snapshot").get_json())
    labels = {"treatment": "restarts", "outcome": "latency"}
    found = exposed(client)
    assert found[key("causal_effect", labels)] == pytest.approx(pooled["effect"])
    assert found[key("causal_effect_p_value", labels)] == pytest.approx(pooled["p_value"])
    groups = {(group["modifier"], group["level"]): group for group in pooled["groups"]}
    (frame,) = ask(client, "heterogeneity", {"effect": "restarts -> latency"})
    table = fields(frame)
    shown = {pair: row for row, pair in enumerate(zip(table["modifier"], table["level"], strict=True))}
    assert {"platform", "shop"} <= {level for _, level in groups}
    for (modifier, level), group in groups.items():
        exported = found[key("causal_effect_group", labels | {"modifier": modifier, "level": level})]
        assert group["effect"] == pytest.approx(exported) == table["effect"][shown[modifier, level]]


def test_strata_lags_and_checks_are_the_same_through_every_door(client: FlaskClient) -> None:
    pooled, plain = pooled_and_plain(client.get("/api/v1/snapshot").get_json())
    found = exposed(client)
    labels = {"treatment": "restarts", "outcome": "latency"}
    (frame,) = ask(client, "simpson", {"effect": "restarts -> latency"})
    slopes = dict(zip(fields(frame)["stratum"], fields(frame)["slope"], strict=True))
    assert len(pooled["stratified"]["within"]) == 10
    for stratum in pooled["stratified"]["within"]:
        place = {"strata": "service", "stratum": stratum["stratum"]}
        exported = found[key("causal_association_within", labels | place)]
        assert stratum["association"] == pytest.approx(exported) == slopes[stratum["stratum"]]
    own = labels | {"namespace": "shop", "service": "catalog"}
    (frame,) = ask(client, "lag_response", {"effect": "shop/catalog: restarts -> latency"})
    for lag, (row, value) in enumerate(zip(plain["per_lag"], fields(frame)["causal_effect_lag"], strict=True)):
        exported = found[key("causal_effect_lag", own | {"lag": str(lag)})]
        assert row["effect"] == pytest.approx(exported) == value
    assert len(plain["per_lag"]) == 2
    assert {check["name"] for check in plain["checks"]} >= {"placebo treatment", "unobserved confounder"}
    for check in plain["checks"]:
        if check["passed"] is not None:
            assert found[key("causal_effect_check", own | {"check": check["name"]})] == float(check["passed"])
    assert plain["light"] == "green"
    assert plain["worst_check"] is None


def test_an_impact_is_the_same_through_every_door(client: FlaskClient) -> None:
    (impact,) = client.get("/api/v1/snapshot").get_json()["impacts"]
    found = exposed(client)
    labels = {"namespace": "platform", "service": "inventory", "outcome": "latency"}
    for name, column in (("impact", "impact"), ("impact_lower", "lower"), ("impact_cumulative", "cumulative")):
        assert found[key(f"causal_{name}", labels)] == pytest.approx(impact[column])
    assert impact["unit"] == "s"
    _, mark = ask(client, "difference_in_differences", {"view": "comparison"})
    assert fields(mark)["time"] == [impact["began"] * 1000]


def test_the_metric_panel_is_the_exposition_as_a_table(client: FlaskClient) -> None:
    found = exposed(client)
    (frame,) = ask(client, "metric", {"name": "causal_root_cause_contribution"})
    columns = fields(frame)
    values = columns.pop("causal_root_cause_contribution")
    for index, value in enumerate(values):
        labels = {name: column[index] for name, column in columns.items()}
        assert found[key("causal_root_cause_contribution", labels)] == pytest.approx(value)


def test_nothing_is_computed_inside_a_scrape(
    client: FlaskClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a scrape must not compute")

    monkeypatch.setattr("datasource.anomaly.mechanism.Mechanism.predict", refuse)
    monkeypatch.setattr(world.clock, "tick", refuse)
    assert client.get("/metrics").status_code == 200


def test_old_results_are_not_exposed_and_health_says_why() -> None:
    world = World(steps=130)
    world.clock.tick()
    young = create_app(world.clock).test_client()
    assert any(name == "causal_anomaly_score" for name, _ in exposed(young))
    world.now += 3600
    found = exposed(young)
    assert not any(name == "causal_anomaly_score" for name, _ in found)
    assert found[key("causal_datasource_evaluations_total", {})] == 1
    assert world.now - found[key("causal_datasource_last_success_timestamp_seconds", {})] == 3600
    assert found[key("causal_datasource_stale", {})] == 1


def test_healthz_and_readyz(client: FlaskClient, waiting: FlaskClient) -> None:
    assert client.get("/healthz").status_code == waiting.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200
    assert waiting.get("/readyz").status_code == 503
    assert waiting.get("/api/v1/snapshot").get_json()["message"] == "the first evaluation is under way"


def test_plain_rows_say_who_is_anomalous_and_why(client: FlaskClient) -> None:
    snapshot = client.get("/api/v1/snapshot").get_json()
    anomalies = {one["entity"]: one for one in snapshot["anomalies"]}
    assert anomalies["platform/inventory"]["is_root_cause"] is True
    assert anomalies["shop/web"]["root_cause"] == "platform/inventory"
    web = next(one for one in snapshot["root_causes"] if one["symptom"] == "shop/web.latency")
    assert web["causes"][0]["entity"] == "platform/inventory"
    assert web["unit"] == "s"
    effect = next(one for one in snapshot["effects"] if one["outcome"] == "shop/catalog.latency")
    assert effect["adjustment_set"]
    assert effect["lower"] < 0.025 < effect["upper"] < effect["association_lower"]


def test_the_service_counts_its_own_requests(client: FlaskClient) -> None:
    name = "causal_datasource_http_requests_total"
    labels = {"endpoint": "/healthz", "code": "200"}
    before = exposed(client).get(key(name, labels), 0.0)
    client.get("/healthz")
    assert exposed(client)[key(name, labels)] == before + 1
