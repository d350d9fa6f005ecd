"""POST /api/v1/incidents/<id>/accept, close, dismiss, expect, merge and mark, and the commands that call them: who may
write, and what is answered."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from shop_incidents import ended, going_on
from werkzeug.serving import make_server
from werkzeug.test import TestResponse
from worlds import World

from datasource.cli import main
from datasource.incidents import Mark
from datasource.service import Clock
from datasource.settings.web import Writes
from datasource.web.app import create_app

TOKEN = "s3cret-tök3n"
OPEN, OVER = "shop-web-1", "over"
ADDRESS = f"/api/v1/incidents/{OPEN}/accept"


@pytest.fixture(scope="module")
def world() -> World:
    one = World(steps=130)
    one.clock.tick()
    return one


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n", encoding="utf-8")
    return file


@pytest.fixture
def clock(world: World, token_file: Path) -> Clock:
    """A clock whose service takes writes, and which knows incidents that go on, are over, and were merged twice."""
    clock = Clock(world.clock.evaluator, lambda: world.now)
    snapshot = world.clock.snapshot
    assert snapshot
    first = going_on(snapshot.time)
    over = replace(ended(snapshot.time), id=OVER)
    accepted = replace(over, id="accepted", accepted=Mark(snapshot.time - 60, "ann", "resized"))
    merged = replace(over, id="merged", merged_into="also-merged")
    also = replace(over, id="also-merged", merged_into=OPEN)
    dismissed = replace(over, id="dismissed", mark=Mark(snapshot.time - 60, "ann", "a test", "dismissed"))
    clock.snapshot = replace(snapshot, incidents=(first, over, accepted, merged, also, dismissed))
    settings = clock.evaluator.settings.model_copy(update={"writes": Writes(token_file=token_file)})
    clock.evaluator.settings = settings
    while not clock.evaluator.marking.empty():
        clock.evaluator.marking.get()
    return clock


@pytest.fixture
def client(clock: Clock) -> FlaskClient:
    return create_app(clock).test_client()


def post(client: FlaskClient, path: str = ADDRESS, token: str | None = TOKEN, **sent: Any) -> TestResponse:
    shown = {"Authorization": f"Bearer {token}".encode().decode("latin-1")} if token is not None else {}
    return client.post(path, headers=shown, **sent)


def taken(clock: Clock) -> list[tuple[str, ...]]:
    """What waits for the next evaluation."""
    found = []
    while not clock.evaluator.marking.empty():
        found.append(tuple(clock.evaluator.marking.get()))
    return found


def said(answer: TestResponse) -> str:
    body = answer.get_json()
    assert body["error"] == {"code": str(answer.status_code), "message": body["message"]}, "the shape of all errors"
    return body["message"]


def test_it_is_taken_for_the_next_evaluation(client: FlaskClient, clock: Clock) -> None:
    answer = post(client, json={"by": "ann", "reason": "twice the\n\n nodes"})
    assert answer.status_code == 202
    assert "with the next evaluation" in answer.get_json()["message"]
    assert taken(clock) == [("accepted", OPEN, "ann", "twice the nodes", "")]


@pytest.mark.parametrize("sent", [{}, {"data": b""}, {"json": {}}, {"json": {"by": None}}])
def test_the_body_may_say_nothing(client: FlaskClient, clock: Clock, sent: dict[str, Any]) -> None:
    assert post(client, **sent).status_code == 202
    assert taken(clock) == [("accepted", OPEN, "", "", "")]


def test_one_that_is_over_may_be_accepted_too(client: FlaskClient, clock: Clock) -> None:
    assert post(client, f"/api/v1/incidents/{OVER}/accept").status_code == 202
    assert taken(clock) == [("accepted", OVER, "", "", "")]


def test_without_the_setting_the_door_is_closed_and_says_which_to_add(client: FlaskClient, clock: Clock) -> None:
    clock.evaluator.settings = clock.evaluator.settings.model_copy(update={"writes": None})
    answer = post(client)
    assert answer.status_code == 403
    assert "writes: {token_file: /run/secrets/causal-token}" in said(answer)
    assert taken(clock) == []


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN[:-1], TOKEN + "x", TOKEN.upper()])
def test_without_the_token_nothing_is_taken(client: FlaskClient, clock: Clock, token: str | None) -> None:
    answer = post(client, token=token)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "Authorization: Bearer" in said(answer)
    assert TOKEN not in answer.get_data(as_text=True)
    assert taken(clock) == []


def test_the_token_is_no_password_and_no_parameter(client: FlaskClient, clock: Clock) -> None:
    assert client.post(ADDRESS, auth=("any", TOKEN)).status_code == 401
    assert client.post(f"{ADDRESS}?token={TOKEN}", json={"token": TOKEN}).status_code == 401
    assert client.post(ADDRESS, headers={"Authorization": TOKEN.encode().decode("latin-1")}).status_code == 401
    assert taken(clock) == []


def test_a_changed_token_counts_at_once(client: FlaskClient, token_file: Path) -> None:
    token_file.write_text("another")
    assert post(client).status_code == 401
    assert post(client, token="another").status_code == 202


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe"])
def test_a_token_that_cannot_be_read_closes_the_door(
    client: FlaskClient, token_file: Path, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    token_file.unlink()
    if content is not None:
        token_file.write_bytes(content)
    for token in (TOKEN, "", None):
        answer = post(client, token=token)
        assert answer.status_code == 403
        assert "writes.token_file cannot be used" in said(answer)
        assert str(token_file) not in said(answer), "who may not write need not know where it is"
    assert str(token_file) in caplog.text


def test_an_unknown_incident_is_not_found(client: FlaskClient, clock: Clock) -> None:
    answer = post(client, "/api/v1/incidents/nobody-knows/accept")
    assert answer.status_code == 404
    assert "there is no incident 'nobody-knows'" in said(answer)
    assert post(client, "/api/v1/incidents/nobody-knows/accept", token="wrong").status_code == 401, "not told to all"
    assert taken(clock) == []


def test_of_one_that_was_merged_the_answer_names_the_one_that_lives_on(client: FlaskClient, clock: Clock) -> None:
    answer = post(client, "/api/v1/incidents/merged/accept")
    assert answer.status_code == 409
    assert answer.get_json()["merged_into"] == OPEN
    assert f"part of {OPEN}" in said(answer)
    assert taken(clock) == []


def test_one_that_was_accepted_stays_as_it_was_accepted(client: FlaskClient, clock: Clock) -> None:
    answer = post(client, "/api/v1/incidents/accepted/accept", json={"by": "bob"})
    assert answer.status_code == 200
    assert answer.get_json()["accepted"]["by"] == "ann"
    assert taken(clock) == []


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_it_is_only_posted(client: FlaskClient, clock: Clock, method: str) -> None:
    answer = getattr(client, method)(ADDRESS, headers={"Authorization": "Bearer whatever"})
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    assert "Method Not Allowed" in said(answer)
    assert taken(clock) == []


def test_a_long_body_is_refused(client: FlaskClient, clock: Clock) -> None:
    answer = post(client, json={"reason": "x" * 20_000})
    assert answer.status_code == 413
    assert "longer than 16 KiB" in said(answer)
    assert post(client, json={"reason": "x" * 501}).status_code == 400
    assert post(client, data=b"x" * 20_000, token="wrong").status_code == 401
    assert taken(clock) == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"by": 3}', "'by' is not a text"),
        (b'{"reason": ["x"]}', "'reason' is not a text"),
        (b'{"why": "x"}', "there is no 'why'; the body may have by and reason"),
    ],
)
def test_a_body_that_is_not_understood_is_told(client: FlaskClient, clock: Clock, body: bytes, says: str) -> None:
    answer = post(client, data=body)
    assert answer.status_code == 400
    assert says in said(answer)
    assert taken(clock) == []


def test_before_the_first_evaluation_nothing_is_known(client: FlaskClient, clock: Clock) -> None:
    clock.snapshot = None
    assert post(client).status_code == 503


def test_rows_say_who_accepted_it(client: FlaskClient) -> None:
    rows = {row["incident"]: row["accepted"] for row in client.get("/api/v1/incidents").get_json()}
    assert rows["accepted"] | {"at": 0} == {"at": 0, "by": "ann", "reason": "resized", "kind": "accepted"}
    assert rows[OPEN] is None


ACTIONS = ("close", "dismiss", "expect")


@pytest.mark.parametrize(("action", "kind"), [("close", "closed"), ("dismiss", "dismissed"), ("expect", "expected")])
def test_an_incident_may_be_closed_dismissed_and_expected(
    client: FlaskClient, clock: Clock, action: str, kind: str
) -> None:
    answer = post(client, f"/api/v1/incidents/{OPEN}/{action}", json={"by": "ann", "reason": "a test"})
    assert (answer.status_code, answer.get_json()["message"]) == (202, f"it will be {kind} with the next evaluation")
    assert post(client, f"/api/v1/incidents/{OPEN}/{action}").status_code == 202
    assert taken(clock) == [(kind, OPEN, "ann", "a test", ""), (kind, OPEN, "", "", "")]


def test_an_incident_may_be_merged_into_another_one(client: FlaskClient, clock: Clock) -> None:
    answer = post(client, f"/api/v1/incidents/{OPEN}/merge", json={"by": "ann", "into": OVER})
    assert (answer.status_code, answer.get_json()["into"]) == (202, OVER)
    assert taken(clock) == [("merged", OPEN, "ann", "", OVER)]


@pytest.mark.parametrize("kind", ["accepted", "closed", "dismissed", "expected", "merged"])
def test_one_door_takes_every_kind_of_mark(client: FlaskClient, clock: Clock, kind: str) -> None:
    into = {"into": OVER} if kind == "merged" else {}
    answer = post(client, f"/api/v1/incidents/{OPEN}/mark", json={"kind": kind, "by": "ann", "reason": "x", **into})
    assert (answer.status_code, answer.get_json()["incident"]) == (202, OPEN)
    assert taken(clock) == [(kind, OPEN, "ann", "x", into.get("into", ""))]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, 'say what it is, as {"kind": "dismissed"}; kinds are accepted, closed, dismissed, expected, merged'),
        ({"kind": "boring"}, 'there is no kind "boring"'),
        ({"kind": ["closed"]}, 'there is no kind ["closed"]'),
        ({"kind": "closed", "into": OVER}, "there is no 'into'; the body may have by and reason"),
        ({"kind": "merged"}, "say which incident it belongs to"),
    ],
)
def test_a_kind_that_is_not_known_is_told(
    client: FlaskClient, clock: Clock, body: dict[str, object], says: str
) -> None:
    answer = post(client, f"/api/v1/incidents/{OPEN}/mark", json=body)
    assert answer.status_code == 400
    assert says in said(answer)
    assert taken(clock) == []


@pytest.mark.parametrize("action", [*ACTIONS, "merge", "mark"])
def test_every_door_refuses_as_that_of_accept_does(client: FlaskClient, clock: Clock, action: str) -> None:
    bodies: dict[str, dict[str, str]] = {"merge": {"into": OVER}, "mark": {"kind": "closed"}}
    path, said_so = f"/api/v1/incidents/{{}}/{action}", {"json": bodies.get(action, {})}
    assert post(client, path.format(OPEN), token="wrong", **said_so).status_code == 401
    assert post(client, path.format("nobody-knows"), **said_so).status_code == 404
    assert post(client, path.format(OPEN), json={"why": "x", "into": OVER}).status_code == 400
    merged = post(client, path.format("merged"), **said_so)
    assert (merged.status_code, merged.get_json()["merged_into"]) == (409, OPEN)
    clock.evaluator.settings = clock.evaluator.settings.model_copy(update={"writes": None})
    assert post(client, path.format(OPEN), **said_so).status_code == 403
    assert client.get(path.format(OPEN)).status_code == 405
    assert taken(clock) == []


@pytest.mark.parametrize(
    ("name", "action", "body", "says"),
    [
        (OVER, "close", {}, "it is over already"),
        ("dismissed", "dismiss", {"by": "bob"}, "it was dismissed already"),
        ("merged", "merge", {"into": "also-merged"}, "it was merged already"),
    ],
)
def test_what_is_so_already_stays_as_it_is(
    client: FlaskClient, clock: Clock, name: str, action: str, body: dict[str, str], says: str
) -> None:
    answer = post(client, f"/api/v1/incidents/{name}/{action}", json=body)
    assert (answer.status_code, answer.get_json()["message"]) == (200, says)
    assert taken(clock) == []


def test_what_is_marked_otherwise_may_be_marked_anew(client: FlaskClient, clock: Clock) -> None:
    assert post(client, "/api/v1/incidents/dismissed/expect").status_code == 202
    assert post(client, "/api/v1/incidents/accepted/dismiss").status_code == 202
    assert [kind for kind, *_ in taken(clock)] == ["expected", "dismissed"]


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ({}, 400, "say which incident it belongs to"),
        ({"into": 3}, 400, "'into' is not a text"),
        ({"into": OVER, "why": "x"}, 400, "the body may have by, reason and into"),
        ({"into": "nobody-knows"}, 409, "there is no incident 'nobody-knows' to merge it into"),
        ({"into": OPEN}, 409, "it cannot be merged into itself"),
        ({"into": "merged"}, 409, f"part of {OPEN}"),
    ],
)
def test_what_it_is_merged_into_has_to_be_another_one_that_is_known(
    client: FlaskClient, clock: Clock, body: dict[str, object], code: int, says: str
) -> None:
    answer = post(client, f"/api/v1/incidents/{OPEN}/merge", json=body)
    assert answer.status_code == code
    assert says in said(answer)
    assert taken(clock) == []


def test_rows_say_how_it_is_marked(client: FlaskClient) -> None:
    rows = {row["incident"]: row["mark"] for row in client.get("/api/v1/incidents").get_json()}
    assert rows["dismissed"] | {"at": 0} == {"at": 0, "by": "ann", "reason": "a test", "kind": "dismissed"}
    assert rows[OPEN] is rows["accepted"] is None


@pytest.fixture
def served(clock: Clock) -> Iterator[str]:
    """The address of the service, on loopback."""
    server = make_server("127.0.0.1", 0, create_app(clock), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def run(*arguments: object, command: tuple[str, ...] = ("accept",)) -> tuple[int, str]:
    result = CliRunner().invoke(main, [*command, *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.exit_code, result.output


def test_the_command_accepts(served: str, token_file: Path, clock: Clock) -> None:
    code, output = run(OPEN, "--reason", "resized", "--by", "ann", "--url", served + "/", "--token-file", token_file)
    assert (code, taken(clock)) == (0, [("accepted", OPEN, "ann", "resized", "")])
    assert output.startswith(f"{OPEN}: it will be accepted with the next evaluation")


@pytest.mark.parametrize(
    ("action", "options", "mark"),
    [
        ("close", (), ("closed", OPEN, "ann", "", "")),
        ("dismiss", ("--reason", "x"), ("dismissed", OPEN, "ann", "x", "")),
        ("expect", ("--reason", "x"), ("expected", OPEN, "ann", "x", "")),
        ("merge", ("--into", OVER), ("merged", OPEN, "ann", "", OVER)),
    ],
)
def test_the_other_commands_say_what_they_are_called(
    served: str, token_file: Path, clock: Clock, action: str, options: tuple[str, ...], mark: tuple[str, ...]
) -> None:
    there = ("--by", "ann", "--url", served, "--token-file", token_file)
    code, output = run(OPEN, *options, *there, command=("incident", action))
    assert (code, taken(clock)) == (0, [mark])
    assert output == f"{OPEN}: it will be {mark[0]} with the next evaluation\n"
    code, output = run("merged", *options, *there, command=("incident", action))
    assert code == 1
    assert f"part of {OPEN}" in output


def test_the_command_finds_the_token_in_the_settings(
    served: str, token_file: Path, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "causal.yaml").write_text(
        "prometheus: {url: 'http://p:9090'}\nentities: {service: {labels: [service]}}\n"
        "signals: {latency: {entity: service, query: q, window: 1m}}\nwrites: {token_file: token}\n"
    )
    assert run(OPEN, "--reason", "resized", "--url", served)[0] == 0
    assert len(taken(clock)) == 1


def test_the_command_says_what_the_service_says(served: str, token_file: Path, tmp_path: Path) -> None:
    there = ("--reason", "x", "--url", served, "--token-file")
    code, output = run("nobody-knows/../x", *there, token_file)
    assert code == 1
    assert "refused (404)" in output
    code, output = run("merged", *there, token_file)
    assert code == 1
    assert f"part of {OPEN}" in output
    (tmp_path / "wrong").write_text("wrong")
    code, output = run(OPEN, *there, tmp_path / "wrong")
    assert code == 1
    assert "this is not the token" in output


def test_the_command_says_what_it_lacks(tmp_path: Path, token_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CAUSAL_TOKEN_FILE", raising=False)
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "two").write_text("two words")
    for arguments, code, says in (
        ((), 2, "--token-file"),
        (("--token-file", "nowhere"), 2, "nowhere cannot be read: no such file or directory"),
        (("--token-file", "empty"), 2, "empty is empty"),
        (("--token-file", "two"), 2, "holds more than one word"),
        (("--token-file", token_file, "--url", "127.0.0.1:8321"), 2, "write it as http://127.0.0.1:8321"),
        (("--token-file", token_file, "--url", "http://127.0.0.1:9"), 3, "cannot be reached"),
    ):
        found, output = run(OPEN, "--reason", "x", *arguments)
        assert found == code, output
        assert says in output
    assert "Missing option '--reason'" in run(OPEN)[1]
