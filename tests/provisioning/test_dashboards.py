"""The dashboards keep the rules of grafana/dashboard-linter, and ask only for what there is."""

import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from shipped import DASHBOARDS, ROOT, SHIPPED, Json, annotations, panels, variables
from worlds import World, showing, with_a_refuted_edge, with_interventions

from datasource.panels import REGISTRY
from datasource.web.app import create_app

PLUGINS = {"json": "simpod-json-datasource", "prometheus": "prometheus"}
PLUGIN_OF = {uid: PLUGINS[kind] for kind, dashboards in SHIPPED.items() for uid in dashboards}
KINDS = {"timeseries", "stat", "table", "state-timeline", "nodeGraph", "trend"}
UNITS = {"none", "percent", "percentunit", "s", "ms", "reqps", "cps", "cpm", "dateTimeAsLocal"}
SET = ("overview", "incident", "effects", "graph", "interventions", "anomaly")

every_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)


def targets(dashboard: Json) -> list[Json]:
    """What the panels and annotations of a dashboard ask."""
    found = [target for panel in panels(dashboard) for target in panel["targets"]]
    return found + [one["target"] for one in annotations(dashboard) if "target" in one]


def texts(value: Any) -> list[str]:
    """Every text in a piece of JSON."""
    if isinstance(value, dict):
        return [text for inner in value.values() for text in texts(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in texts(inner)]
    return [value] if isinstance(value, str) else []


def test_the_files_are_what_the_script_writes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "dashboards/build.py", tmp_path], check=True)
    written = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.json"))
    for name in written:
        assert (tmp_path / name).read_text() == (ROOT / "dashboards" / name).read_text(), (
            "run python dashboards/build.py"
        )
    assert {path.stem for path in written} == DASHBOARDS.keys()


def test_the_set_is_the_same_with_and_without_the_plugin_but_for_the_health() -> None:
    assert SHIPPED["prometheus"].keys() == {f"causal-{name}" for name in (*SET, "health")}
    assert SHIPPED["json"].keys() == {f"causal-json-{name}" for name in SET}


@every_dashboard
def test_it_can_be_provisioned_and_imported(dashboard: Json) -> None:
    assert dashboard["schemaVersion"] <= 42
    assert not {"id", "__inputs", "__requires"} & dashboard.keys()
    assert dashboard["editable"] is False
    assert dashboard["refresh"] == "30s"
    assert dashboard["time"] == {"from": "now-3h", "to": "now"}
    assert "causal" in dashboard["tags"]


@every_dashboard
def test_a_variable_chooses_its_data_source(dashboard: Json) -> None:
    plugin = PLUGIN_OF[dashboard["uid"]]
    chosen = [one for one in variables(dashboard).values() if one["type"] == "datasource" and not one["hide"]]
    assert [(one["name"], one["label"], one["query"]) for one in chosen] == [("datasource", "Data source", plugin)]
    asking = [*panels(dashboard), *targets(dashboard), *annotations(dashboard)]
    asking += [one for one in variables(dashboard).values() if one["type"] in ("query", "adhoc")]
    assert all(one["datasource"] == {"type": plugin, "uid": "${datasource}"} for one in asking)


@every_dashboard
def test_incidents_are_marked_in_every_panel_over_time(dashboard: Json) -> None:
    marked = annotations(dashboard)[0]
    assert marked["name"] == "Incidents"
    assert marked["enable"]


@every_dashboard
def test_the_plugin_bears_the_types_of_its_variables(dashboard: Json) -> None:
    """A variable of the type switch breaks every query of the JSON plugin."""
    assert {one["type"] for one in variables(dashboard).values()} <= {"datasource", "query", "adhoc", "custom"}
    assert all(one["refresh"] == 2 for one in variables(dashboard).values() if one["type"] == "query")


@every_dashboard
def test_every_variable_says_what_it_chooses(dashboard: Json) -> None:
    for one in variables(dashboard).values():
        assert one["description"].endswith("."), one["name"]


@every_dashboard
def test_a_panel_without_data_says_what_that_means(dashboard: Json) -> None:
    for panel in panels(dashboard):
        assert panel["fieldConfig"]["defaults"].get("noValue"), panel["title"]


def test_every_line_has_a_legend_of_names() -> None:
    for dashboard in SHIPPED["prometheus"].values():
        for panel in panels(dashboard):
            for target in panel["targets"]:
                if target.get("format") != "table":
                    assert target["legendFormat"] not in ("", "__auto"), panel["title"]


@every_dashboard
def test_every_panel_says_what_it_shows_and_in_which_unit(dashboard: Json) -> None:
    for panel in panels(dashboard):
        assert panel["type"] in KINDS
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        references = [target["refId"] for target in panel["targets"]]
        assert references, panel["title"]
        assert len(set(references)) == len(references)


@every_dashboard
def test_panels_have_ids_and_places_of_their_own(dashboard: Json) -> None:
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    assert all(p["w"] > 0 and p["h"] > 0 and p["x"] >= 0 and p["x"] + p["w"] <= 24 for p in places)
    for a, b in combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        assert beside or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"], (a, b)


@every_dashboard
def test_links_keep_the_time_and_what_is_chosen(dashboard: Json) -> None:
    for one in dashboard["links"]:
        assert one["keepTime"]
        assert one["includeVars"]
        assert one["url"].removeprefix("/d/") in DASHBOARDS
        assert PLUGIN_OF[one["url"].removeprefix("/d/")] == PLUGIN_OF[dashboard["uid"]]
    for url in (text for text in texts(dashboard["panels"]) if text.startswith("/d/")):
        assert "${__url_time_range}" in url
        assert "${datasource:queryparam}" in url
        assert url.removeprefix("/d/").partition("?")[0] in DASHBOARDS


@pytest.mark.parametrize("kind", SHIPPED)
def test_every_dashboard_of_a_set_leads_to_every_other(kind: str) -> None:
    for uid, dashboard in SHIPPED[kind].items():
        assert {one["url"].removeprefix("/d/") for one in dashboard["links"]} == SHIPPED[kind].keys() - {uid}


@every_dashboard
def test_it_has_every_variable_that_it_uses(dashboard: Json) -> None:
    used = {name for text in texts(dashboard) for name in re.findall(r"\$\{?([a-z_]\w*)", text)}
    assert {name for name in used if not name.startswith("__")} <= variables(dashboard).keys()


@pytest.mark.parametrize("uid", ["causal-anomaly", "causal-json-anomaly"])
def test_a_dashboard_explains_in_four_steps_how_a_score_comes_about(uid: str) -> None:
    steps = [panel["title"][:2] for panel in panels(DASHBOARDS[uid]) if panel["title"][0].isdigit()]
    assert steps == ["1.", "2.", "3.", "4."]


def test_rates_span_the_interval_that_grafana_finds() -> None:
    for dashboard in SHIPPED["prometheus"].values():
        for target in targets(dashboard):
            assert set(re.findall(r"\brate\(.+?\[(.+?)\]", target["expr"])) <= {"$__rate_interval"}


def json_targets() -> list[Json]:
    """What the dashboards on the JSON plugin ask."""
    return [target for dashboard in SHIPPED["json"].values() for target in targets(dashboard)]


def test_the_json_dashboards_use_every_panel_but_the_one_that_needs_a_query_of_yours() -> None:
    assert {target["target"] for target in json_targets()} == REGISTRY.panels.keys() - {"explain"}


def test_the_json_dashboards_give_only_parameters_that_the_panels_know() -> None:
    for target in json_targets():
        known = {parameter.name for parameter in REGISTRY.get(target["target"]).parameters}
        assert target["payload"].keys() <= known
        assert target["editorMode"] == "builder"


@pytest.mark.parametrize(
    "choice",
    [
        {"entity": "All", "signal": "All", "symptom": "auto"},
        {"entity": r"platform\/inventory", "signal": "(latency|busy)", "symptom": "shop/web.latency"},
    ],
    ids=["everything", "a choice"],
)
def test_every_panel_of_the_json_dashboards_shows_something_during_an_incident(
    world: World, choice: dict[str, str]
) -> None:
    """Asked as the plugin asks in builder mode, which sends a choice as a regular expression."""
    assert world.clock.snapshot
    judged = with_a_refuted_edge(world.clock.snapshot, ("shop/catalog.latency", "shop/web.latency"), "it did not move")
    client = create_app(showing(world, with_interventions(judged))).test_client()
    offered = {
        name: [one["__value"] for one in client.post("/variable", json={"payload": {"target": name}}).get_json()]
        for name in ("entity", "signal", "symptom", "effect", "intervention")
    }
    assert all(offered.values())
    chosen = {"effect": offered["effect"][0], "intervention": offered["intervention"][0], **choice}
    end = world.now * 1000
    for target in json_targets():
        payload = {
            name: re.sub(r"\$\{?(\w+)(:raw)?\}?", lambda used: chosen[used[1]], value)
            for name, value in target["payload"].items()
        }
        asked = {"range": {"from": end - 3 * 3600_000, "to": end}, "targets": [{**target, "payload": payload}]}
        answer = client.post("/query", json=asked)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        assert any(len(field["values"]) for frame in answer.get_json() for field in frame["fields"]), target
