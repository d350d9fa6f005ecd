"""The graph through every door: the API, panels, metrics, and the commands that ask a running service."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient
from worlds import SETTINGS, World, with_a_refuted_edge

from datasource.cli import main
from datasource.demo.serving import BackgroundServer
from datasource.graph import CausalGraph
from datasource.graph.history import GraphHistory
from datasource.service import Snapshot
from datasource.settings import load_settings
from datasource.web.app import create_app

REFUTED = ("shop/catalog.latency", "shop/web.latency")
NEW = "cpu -> errors"
WHY = "shop/web.latency did not move as far as the graph says"


@pytest.fixture(scope="session")
def known(world: World) -> Snapshot:
    """The shop whose graph has two versions, a refuted edge, and a proposal."""
    assert world.clock.snapshot is not None
    return with_a_refuted_edge(world.clock.snapshot, REFUTED, WHY)


@pytest.fixture(scope="session")
def asked(world: World, known: Snapshot) -> FlaskClient:
    clock = copy.copy(world.clock)
    clock.snapshot = known
    return create_app(clock).test_client()


@pytest.fixture(scope="session")
def url(world: World, known: Snapshot) -> Iterator[str]:
    clock = copy.copy(world.clock)
    clock.snapshot = known
    server = BackgroundServer(create_app(clock))
    yield server.url
    server.stop()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "causal.yaml"
    path.write_text(SETTINGS.read_text() + f"store: {{directory: {tmp_path / 'data'}}}\n")
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["graph", *arguments])


def test_every_edge_says_why_it_is_there_since_when_and_what_speaks_against_it(asked: FlaskClient) -> None:
    answer = asked.get("/api/v1/graph").json
    assert answer is not None
    assert answer["version"] == 2
    assert all(edge["evidence"] and edge["since"] for edge in answer["edges"])
    (refuted,) = (edge for edge in answer["edges"] if edge["standing"] == "refuted")
    assert (refuted["cause"], refuted["effect"]) == REFUTED
    assert refuted["against"] == f"refuted (intervention 7: {WHY})"
    assert refuted["standing_since"] == refuted["since"] + 600
    assert [one["kind"] for one in refuted["evidence"]] == ["template", "topology", "refuted"]
    assert max(abs(edge["strength"]) for edge in answer["edges"] if edge["strength"] is not None) > 0.5
    assert answer["tested"]["contradictions"][0]["told"].count("should be independent") == 1
    assert answer["proposed_rules"] == [NEW]
    assert answer["refused"][0]["reason"] == "the graph forbids it"


def test_versions_are_listed_the_newest_first(asked: FlaskClient) -> None:
    answer = asked.get("/api/v1/graph/versions").json
    assert answer is not None
    assert [(one["number"], one["author"]) for one in answer] == [(2, "intervention 7"), (1, "settings")]
    assert answer[0]["changed"] == [{"edge": " -> ".join(REFUTED), "was": "template", "now": "refuted"}]


def test_before_the_first_evaluation_there_is_no_graph(waiting: FlaskClient) -> None:
    assert waiting.get("/api/v1/graph").status_code == waiting.get("/api/v1/graph/versions").status_code == 503


def ask(asked: FlaskClient, panel: str, **payload: str) -> list[dict[str, object]]:
    body = {"range": {"from": "1970-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}}
    answer = asked.post("/query", json=body | {"targets": [{"refId": "A", "target": panel, "payload": payload}]}).json
    assert answer is not None
    frame = answer[-1]
    columns = {field["name"]: field["values"] for field in frame["fields"]}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def test_panels_show_the_same(asked: FlaskClient) -> None:
    first = ask(asked, "graph_edges")[0]
    assert (first["standing"], first["against"]) == ("refuted", f"refuted (intervention 7: {WHY})")
    assert {row["standing"] for row in ask(asked, "graph_edges", standing="template")} == {"template"}
    assert [row["author"] for row in ask(asked, "graph_versions")] == ["intervention 7", "settings"]
    assert all(0.02 <= row["explained"] <= 1 for row in ask(asked, "graph_contradictions"))  # type: ignore[operator]
    arrows = {(row["source"], row["target"]): row for row in ask(asked, "causal_graph", show="every variable")}
    refuted, other = arrows[REFUTED], arrows["shop/web.requests", "shop/web.cpu"]
    assert refuted["detail__standing"] == "refuted"
    assert refuted["strokedasharray"] != other["strokedasharray"]
    assert refuted["color"] != other["color"]
    assert other["thickness"] > 2  # type: ignore[operator]
    moving = ask(asked, "associations", entity="shop/web")
    assert abs(moving[0]["pearson"]) > 0.9  # type: ignore[arg-type]


def test_show_and_history_print_it(url: str) -> None:
    shown = run("show", "--url", url, "--against")
    assert shown.exit_code == 0
    assert "1 edges, version 2" in shown.output
    assert WHY in shown.output
    assert "refused: " in shown.output
    assert "intervention 7" in run("history", "--url", url).output
    assert json.loads(run("show", "--url", url, "--json").output)["version"] == 2


def test_diff_ends_with_2_where_there_is_one(url: str, config: Path) -> None:
    between = run("diff", "1", "2", "--url", url)
    assert between.exit_code == 2
    assert between.output == f"~ {' -> '.join(REFUTED)}: template -> refuted\n"
    assert run("diff", "2", "--url", url).exit_code == 0
    assert "kept are 1 to 2" in run("diff", "9", "--url", url).output
    same = run("diff", "--url", url, "--config", str(config))
    assert (same.exit_code, "the same rules" in same.output) == (0, True)
    config.write_text(config.read_text().replace("- requests -> errors", "- requests -> errors\n    - cpu -> errors"))
    other = run("diff", "--url", url, "--config", str(config))
    assert (other.exit_code, "+ cpu -> errors" in other.output) == (2, True)


def test_discover_ends_with_2_where_the_service_works_with_other_rules(url: str, config: Path, tmp_path: Path) -> None:
    table = tmp_path / "services.csv"
    rng = np.random.default_rng(0)
    load = rng.gamma(9.0, 3.0, size=300)
    columns = {"shop/web.requests": load, "shop/web.errors": load + rng.normal(0, 4, size=300)}
    rows = zip(range(0, 18000, 60), *columns.values(), strict=True)
    lines = [",".join(map(str, row)) for row in rows]
    table.write_text("\n".join([",".join(["time", *columns]), *lines]))

    def discover(*options: str) -> Result:
        return CliRunner().invoke(main, ["discover", "--data", str(table), "--config", str(config), *options])

    alone = discover()
    same = discover("--url", url)
    assert (alone.exit_code, same.exit_code, same.output) == (0, 0, alone.output)
    config.write_text(config.read_text().replace("- requests -> errors", "- requests -> errors\n    - cpu -> errors"))
    assert discover().exit_code == 0
    other = discover("--url", url)
    assert other.exit_code == 2
    assert f"{config} has 'cpu -> errors', and the graph in use (version 2) has not" in other.output
    assert "in use" in "".join(json.loads(discover("--url", url, "--json").output)["notices"])
    gone = discover("--url", "http://127.0.0.1:9")
    assert gone.exit_code == 0
    assert "the graph in use is not compared" in gone.output
    bare = CliRunner().invoke(main, ["discover", "--data", str(table), "--url", url])
    assert (bare.exit_code, "give the settings with --config" in bare.output) == (0, True)


def test_accept_writes_the_rule_and_who_says_so(url: str, config: Path) -> None:
    history = GraphHistory(load_settings(str(config)).settings.store)
    history.record(CausalGraph((), ()), ("requests -> cpu",), 0)
    told = ["--url", url, "--config", str(config), "--reason", "seen in every incident", "--by", "ann"]
    assert f"proposed: {NEW}" in run("accept", *told).output
    refused = run("accept", "cpu -> restarts", *told)
    assert (refused.exit_code, "is not proposed" in refused.output) == (2, True)
    done = run("accept", NEW, *told)
    assert done.exit_code == 0, done.output
    loaded = load_settings(str(config)).settings
    assert NEW in map(str, loaded.graph.templates)
    _, version = history.record(CausalGraph((), ()), ("requests -> cpu", NEW), 60)
    assert version is not None
    assert (version.author, version.reason) == ("ann", f"seen in every incident (new {NEW})")


def test_check_ends_with_2_for_a_refuted_edge_and_what_fails_too_often(url: str) -> None:
    found = run("check", "--url", url)
    assert found.exit_code == 2
    assert WHY in found.output
    answer = json.loads(run("check", "--url", url, "--json").output)
    assert answer["holds"] is False
    assert answer["share"] < 0.2


def test_a_service_that_is_not_there_is_told() -> None:
    for command in (["show"], ["history"], ["diff", "1"], ["check"], ["accept", NEW, "--reason", "x"]):
        found = run(*command, "--url", "http://127.0.0.1:9")
        assert found.exit_code == 3
        assert "Traceback" not in found.output
    assert run("check").exit_code == 2


def test_without_a_service_the_store_is_read(config: Path, world: World) -> None:
    empty = run("show", "--config", str(config))
    assert (empty.exit_code, "no version is kept yet" in empty.output) == (0, True)
    snapshot = world.clock.snapshot
    assert snapshot is not None
    GraphHistory(load_settings(str(config)).settings.store).record(snapshot.graph, (), snapshot.time)
    assert "version 1" in run("show", "--config", str(config)).output
    assert "the first graph" in run("history", "--config", str(config)).output
    assert "causal-datasource init" in run("show", "--config", str(config.parent / "none.yaml")).output
