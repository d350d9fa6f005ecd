"""/api/v1/interventions and `causal-datasource intervention`: who may write, what is answered, and by which store."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient
from worlds import World

from datasource.cli import main
from datasource.demo.serving import BackgroundServer
from datasource.interventions import InterventionLog
from datasource.interventions.experiments import Experimenter
from datasource.settings.experiments import Experiments
from datasource.settings.store import Store
from datasource.settings.web import Token, Web, Writes
from datasource.web.app import create_app

DEPLOY = {"kind": "deploy", "targets": ["shop/web"], "start": 1_700_000_000, "parameters": {"version": "v2"}}
PLACE = "/api/v1/interventions"


@pytest.fixture
def client(tmp_path: Path) -> FlaskClient:
    """A service that takes writes with one token, and no evaluation yet."""
    clock = World(steps=10).clock
    tokens = {}
    for name, scope in (("reader", "read"), ("ci", "write")):
        (tmp_path / name).write_text(f"token-of-{name}")
        tokens[name] = Token.model_validate({"file": tmp_path / name, "scope": scope})
    clock.evaluator.settings = clock.evaluator.settings.model_copy(update={"web": Web(tokens=tokens)})
    clock.evaluator.interventions = InterventionLog(Store(directory=tmp_path))
    return create_app(clock).test_client()


def asked(client: FlaskClient, path: str, body: Any = None, token: str = "token-of-ci") -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    answer = client.get(path, headers=headers) if body is None else client.post(path, json=body, headers=headers)
    return answer.status_code, answer.get_json()


def test_what_is_written_is_answered_listed_and_shown_with_the_name_of_its_token(client: FlaskClient) -> None:
    status, answer = asked(client, PLACE, DEPLOY | {"key": "build-7"})
    assert (status, answer["intervention"]["who"], answer["intervention"]["state"]) == (201, "ci", "active")
    assert asked(client, PLACE, DEPLOY | {"key": "build-7"})[0] == 200
    status, answer = asked(client, f"{PLACE}/1/correct", {"end": 1_700_000_600, "why": "done"})
    assert (status, answer["intervention"]["state"]) == (201, "ended")
    (row,) = asked(client, PLACE)[1]
    assert (row["intervention"], row["why"], row["entries"]) == (1, "done", [1, 2])
    shown = asked(client, f"{PLACE}/1")[1]
    assert [entry["said"] for entry in shown["history"]][1] == {"end": 1_700_000_600, "why": "done"}
    assert asked(client, f"{PLACE}/verify")[1]["whole"] is True


def test_it_ends_now_once(client: FlaskClient) -> None:
    asked(client, PLACE, DEPLOY)
    end = asked(client, f"{PLACE}/1/end", {})[1]["intervention"]["end"]
    status, answer = asked(client, f"{PLACE}/1/end", {})
    assert (status, answer["intervention"]["end"], answer["message"]) == (200, end, "it has ended already")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [2, 1]),
        ("?state=active", [2]),
        ("?state=ended&state=planned", [1]),
        ("?target=shop/db", [2]),
        ("?kind=deploy", [1]),
        ("?from=1700000700", [2]),
        ("?to=1700000010", [1]),
    ],
)
def test_parameters_leave_interventions_out(client: FlaskClient, query: str, found: list[int]) -> None:
    asked(client, PLACE, DEPLOY | {"end": 1_700_000_600})
    asked(client, PLACE, {"kind": "restart", "targets": ["shop/db"], "start": 1_700_000_300})
    assert [row["intervention"] for row in asked(client, PLACE + query)[1]] == found


@pytest.mark.parametrize(
    ("path", "body", "token", "status", "told"),
    [
        ("", DEPLOY, "token-of-reader", 403, "write with one of the scope write"),
        ("", DEPLOY, "nobody", 401, "this is not the token"),
        ("", {"kind": "deploy"}, "token-of-ci", 400, "'targets' is missing"),
        ("", DEPLOY | {"key": 7}, "token-of-ci", 400, "'key' is not a text"),
        ("", DEPLOY | {"why": "x" * 300_000}, "token-of-ci", 400, "say less"),
        ("/9/correct", {"why": "x"}, "token-of-ci", 404, "there is no intervention 9"),
        ("/1/correct", {}, "token-of-ci", 400, "nothing is said"),
        ("/1/correct", {"key": "first", "why": "x"}, "token-of-ci", 409, "choose another key"),
        ("?state=over", None, "token-of-ci", 400, "there is no state 'over'"),
        ("/9", None, "token-of-ci", 404, "the newest are: 1"),
    ],
)
def test_what_is_refused_says_what_to_change(
    client: FlaskClient, path: str, body: Any, token: str, status: int, told: str
) -> None:
    asked(client, PLACE, DEPLOY | {"key": "first"})
    found, answer = asked(client, PLACE + path, body, token)
    assert found == status
    assert told in answer["message"]
    assert len(asked(client, PLACE)[1]) == 1


def test_a_store_that_cannot_be_used_is_told(client: FlaskClient, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    client.application.extensions["clock"].evaluator.interventions = InterventionLog(Store(directory=tmp_path / "file"))
    assert asked(client, PLACE)[0] == 503
    status, answer = asked(client, PLACE, DEPLOY)
    assert status == 503
    assert "store.directory" in answer["message"]


@pytest.fixture
def url(client: FlaskClient) -> Iterator[str]:
    server = BackgroundServer(client.application)
    yield server.url
    server.stop()


SETTINGS = """
prometheus: {url: http://p:9090}
entities: {service: {labels: [service]}}
signals: {latency: {entity: service, query: q, window: 1m}}
store: {directory: STORE}
"""


@pytest.fixture(params=["service", "store"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, ...]:
    """The options that reach a log: of a service, and of a store."""
    if request.param == "service":
        return ("--url", request.getfixturevalue("url"), "--token-file", str(tmp_path / "ci"))
    (tmp_path / "causal.yaml").write_text(SETTINGS.replace("STORE", str(tmp_path / "direct")))
    return ("--config", str(tmp_path / "causal.yaml"))


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["intervention", *arguments])


def test_a_pipeline_records_corrects_lists_and_verifies(log: tuple[str, ...]) -> None:
    said = ("--kind", "deploy", "--target", "shop/web", "--parameter", "replicas=3", "--link", "commit=4f1c2ab")
    first = command("record", *said, "--start", "2023-11-14T10:00:00Z", "--key", "build-7", *log)
    assert (first.exit_code, "(it is written down)" in first.output) == (0, True)
    again = command("record", *said, "--start", "2023-11-14T10:00:00Z", "--key", "build-7", *log)
    assert (again.exit_code, "written down already" in again.output) == (0, True)
    assert command("correct", "1", "--end", "2023-11-14T10:30:00Z", "--rolled-back", *log).exit_code == 0
    assert "until 2023-11-14T10:30:00Z: replicas=3; rolled back" in command("list", *log).output
    shown = command("show", "1", *log).output
    assert "commit: 4f1c2ab" in shown
    assert "entry 2" in shown
    (row,) = json.loads(command("list", "--target", "shop/web", "--json", *log).output)
    assert row["parameters"] == {"replicas": 3}
    assert command("list", "--state", "active", *log).output == "no intervention is written down\n"
    assert command("correct", "1", "--no-end", *log).exit_code == 0
    proof = command("verify", *log)
    assert proof.output.startswith("3 entries, each as it was written; head ")
    head = proof.output.split()[-1]
    command("record", *said, *log)
    assert command("verify", "--known", head, *log).exit_code == 0
    cut = command("verify", "--known", "0" * 63 + "1", *log)
    assert (cut.exit_code, "cut or written anew" in cut.output) == (1, True)


def test_two_calls_of_a_workflow_need_nothing_but_a_key(log: tuple[str, ...]) -> None:
    said = ("--kind", "throttle", "--target", "shop/user", "--key", "chaos-7")
    assert command("record", *said, *log).exit_code == 0
    ended = command("end", "chaos-7", "--rolled-back", *log)
    assert (ended.exit_code, "rolled back (it is written down)" in ended.output) == (0, True), ended.output
    again = command("end", "chaos-7", *log)
    assert (again.exit_code, "it has ended already" in again.output) == (0, True), again.output
    assert "throttle shop/user" in command("show", "chaos-7", *log).output
    assert command("correct", "chaos-7", "--why", "a test", *log).exit_code == 0
    unknown = command("end", "chaos-8", *log)
    assert (unknown.exit_code, "no intervention was recorded under the key 'chaos-8'" in unknown.output) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("record", "--kind", "deploy"), 2, "'targets' is missing"),
        (("record", "--kind", "Big Deploy", "--target", "a"), 2, "write small letters"),
        (("record", "--kind", "deploy", "--target", "a", "--parameter", "x"), 2, "write it as name=value"),
        (("correct", "1"), 2, "nothing is said"),
        (("correct", "1", "--why", "x"), 1, "there is no intervention 1"),
        (("show", "4"), 1, "there is no intervention 4"),
        (("record", "--kind", "deploy", "--target", "a", "--end", "soon"), 2, "2026-11-28T10:00:00Z"),
        (("record", "--kind", "deploy", "--target", "a", "--end", "2023-01-01"), 2, "is not after the start"),
        (("correct", "1", "--end", "soon"), 2, "2026-11-28T10:00:00Z"),
    ],
)
def test_a_command_that_cannot_be_done_says_why_and_ends_so(
    log: tuple[str, ...], arguments: tuple[str, ...], code: int, told: str
) -> None:
    ended = command(*arguments, *log)
    assert (ended.exit_code, told in ended.output) == (code, True), ended.output
    assert not ended.output.startswith("Traceback")


def test_a_service_that_is_away_and_a_missing_token_have_their_own_ends(url: str) -> None:
    assert command("list", "--url", "http://127.0.0.1:1").exit_code == 3
    assert "write it as http" in command("list", "--url", "127.0.0.1:8321").output
    refused = command("record", "--kind", "deploy", "--target", "a", "--url", url)
    assert (refused.exit_code, "(give --token-file)" in refused.output) == (1, True)
    assert "or name a running service with --url" in command("list", "--config", "nowhere.yaml").output


@pytest.fixture
def knowing(world: World, tmp_path: Path) -> FlaskClient:
    """A service that knows the shop's last two days, and that inventory was deployed when its fault began."""
    clock = copy.copy(world.clock)
    clock.evaluator = copy.copy(world.clock.evaluator)
    clock.evaluator.interventions = InterventionLog(Store(directory=tmp_path))
    assert clock.snapshot
    (incident, *_) = clock.snapshot.incidents
    said = {"kind": "deploy", "targets": ["platform/inventory"], "start": incident.start - 60}
    clock.evaluator.interventions.record(said, "ci")
    return create_app(clock).test_client()


def test_its_impact_is_measured_predicted_and_told_in_a_sentence(knowing: FlaskClient) -> None:
    found = knowing.get(f"{PLACE}/1/impact?outcome=shop/web.latency").get_json()
    assert found["sentence"].startswith("deploy of platform/inventory added ")
    assert "; predicted " in found["sentence"]
    assert 0.08 < found["impact"]["lower"] < found["impact"]["upper"] < 0.25
    assert len(found["times"]) == len(found["expected"]) == len(found["on"])
    nothing = knowing.get(f"{PLACE}/1/impact?outcome=platform/pricing.latency").get_json()
    assert "no effect that can be told from chance" in nothing["sentence"]


def test_edges_out_of_its_target_are_judged(knowing: FlaskClient) -> None:
    said = {(one["cause"], one["effect"]): one for one in knowing.get(f"{PLACE}/1/verdicts").get_json()}
    edge = said["platform/inventory.latency", "shop/checkout.latency"]
    assert edge["verdict"] == "confirmed", edge["why"]
    assert edge["measured"]["lower"] > 0


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/1/impact", 400, "?outcome=shop/web.latency"),
        ("/1/impact?outcome=nobody", 400, "'nobody' is not measured"),
        ("/2/impact?outcome=shop/web.latency", 404, "there is no intervention 2"),
        ("/2/verdicts", 404, "there is no intervention 2"),
    ],
)
def test_an_impact_that_cannot_be_asked_says_why(knowing: FlaskClient, path: str, status: int, told: str) -> None:
    answer = knowing.get(PLACE + path)
    assert (answer.status_code, told in answer.get_json()["message"]) == (status, True)


def test_commands_tell_impact_and_verdicts_of_a_running_service(knowing: FlaskClient) -> None:
    server = BackgroundServer(knowing.application)
    told = command("impact", "1", "shop/web.latency", "--settle", "1m", "--url", server.url)
    assert told.output.startswith("deploy of platform/inventory added "), told.output
    assert "passed: placebo dates: " in told.output
    judged = command("verdicts", "1", "--url", server.url)
    assert "confirmed: platform/inventory.latency -> shop/checkout.latency: " in judged.output
    server.stop()
    assert command("impact", "1", "shop/web.latency").exit_code == 2


def test_the_next_experiment_is_told_for_the_incident_and_the_graph(knowing: FlaskClient) -> None:
    incident, graph = knowing.get(f"{PLACE}/next").get_json()
    assert incident["question"] == "who caused shop/web.latency?"
    first = incident["trials"][0]
    assert first["what"].startswith("roll platform/inventory back ")
    assert first["why"].startswith("tells whether it is platform/inventory (")
    assert "shop/checkout.latency -" in first["blast_radius"]
    assert graph["question"] == "is the graph true?"
    assert all(one["information"] > 0 and one["seconds"] >= 600 for one in graph["trials"])
    worth = [one["information"] / one["cost"] for one in graph["trials"]]
    assert worth == sorted(worth, reverse=True)
    (only,) = knowing.get(f"{PLACE}/next?about=shop/cart.requests").get_json()
    assert all("shop/cart.requests" in one["about"] for trial in only["trials"] for one in trial["tells"])
    assert knowing.get(f"{PLACE}/next?incident={incident['incident']}").get_json() == [incident]
    for query, told in (
        ("?incident=nobody", "there is no incident 'nobody'"),
        ("?about=nobody", "the graph does not have"),
    ):
        answer = knowing.get(f"{PLACE}/next{query}")
        assert (answer.status_code, told in answer.get_json()["message"]) == (400, True)


def test_the_command_says_what_to_do_next_what_it_tells_and_whom_it_touches(knowing: FlaskClient) -> None:
    server = BackgroundServer(knowing.application)
    told = command("next", "--url", server.url)
    assert re.search(r"who caused shop/web.latency\? \(incident \S+\)\n  1. roll platform/inventory back", told.output)
    assert re.search(r"tells whether .*: [\d.]+ bits; moves ", told.output)
    assert json.loads(command("next", "--json", "--about", "shop/cart", "--url", server.url).output)[0]["trials"]
    server.stop()
    assert (command("next").exit_code, command("next", "--url", "http://127.0.0.1:1").exit_code) == (2, 3)


EXPERIMENT = {
    "targets": ["platform/inventory"],
    "start": ["true"],
    "rollback": ["true"],
    "outcome": "shop/web.latency",
    "smallest": 0.05,
    "block": "10m",
}


@pytest.fixture
def experimenting(knowing: FlaskClient, tmp_path: Path) -> FlaskClient:
    """A service whose settings allow one of two experiments, and which takes writes."""
    clock = knowing.application.extensions["clock"]
    (tmp_path / "ci").write_text("token-of-ci")
    block = Experiments.model_validate({"allow": ["slow"], "plans": {"slow": EXPERIMENT, "other": EXPERIMENT}})
    changed = {"experiments": block, "writes": Writes(token_file=tmp_path / "ci")}
    clock.evaluator.settings = clock.evaluator.settings.model_copy(update=changed)
    scores = {"shop/web.latency": 0.5}
    clock.experimenter = Experimenter(block, clock.evaluator.interventions, lambda: scores)
    return knowing


def test_experiments_say_what_is_allowed_and_how_many_blocks_they_need(experimenting: FlaskClient) -> None:
    slow, other = experimenting.get("/api/v1/experiments").get_json()
    assert (slow["allowed"], other["allowed"]) == (True, False)
    assert re.fullmatch(
        r"to see 50 ms of shop/web.latency you need \d+ blocks of 10m, half of them on; the plan has 1", slow["power"]
    )


def test_only_an_allowed_one_is_run_and_a_dry_run_tells_its_steps(experimenting: FlaskClient) -> None:
    status, answer = asked(experimenting, "/api/v1/experiments/slow/run", {"dry_run": True})
    assert (status, answer["steps"][1]) == (200, "on for 600 s: true")
    status, answer = asked(experimenting, "/api/v1/experiments/other/run", {})
    assert (status, "experiments.allow names: slow" in answer["message"]) == (400, True)
    status, answer = asked(experimenting, "/api/v1/experiments/slow/run", {})
    assert (status, "start the service" in answer["message"]) == (400, True)
    assert asked(experimenting, "/api/v1/experiments/slow/run", {}, token="nobody")[0] == 401


def test_commands_list_and_rehearse_experiments(experimenting: FlaskClient, tmp_path: Path) -> None:
    server = BackgroundServer(experimenting.application)
    reached = ["--url", server.url, "--token-file", str(tmp_path / "ci")]
    listed = CliRunner().invoke(main, ["experiment", "list", *reached])
    assert "slow: allowed; experiment of platform/inventory" in listed.output
    steps = CliRunner().invoke(main, ["experiment", "run", "slow", "--dry-run", *reached])
    assert "at the end, whatever happens: true" in steps.output
    refused = CliRunner().invoke(main, ["experiment", "run", "other", *reached])
    assert (refused.exit_code, "is not allowed" in refused.output) == (1, True)
    server.stop()


def test_two_versions_are_compared_by_a_label_of_the_entities(knowing: FlaskClient) -> None:
    same = "/api/v1/deploys?label=service&version=cart&against=catalog"
    found = {one["what"]: one for one in knowing.get(same).get_json()}
    assert found["latency"]["sentence"].startswith("shop/cart: latency ")
    for query, told in (
        ("", "name both versions"),
        ("?version=v2&against=v1", "no entity has a label 'version'"),
        ("?version=a&against=cart&label=service", "no entity has both a and cart"),
    ):
        answer = knowing.get(f"/api/v1/deploys{query}")
        assert (answer.status_code, told in answer.get_json()["message"]) == (400, True)
