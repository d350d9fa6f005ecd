"""Who may read and who may write: tokens from files, and what is said where there are none."""

import base64
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme
from click.testing import CliRunner
from flask.testing import FlaskClient
from shop_incidents import going_on
from worlds import World

from datasource.cli import main
from datasource.service import Clock
from datasource.settings import parse_settings
from datasource.settings.web import TlsServerConfig, Token, Web, Writes
from datasource.web.app import create_app
from datasource.web.server import tls_of, warnings_of

READ, WRITE = "a-token-to-read", "a-tökén-to-write"
DOORS = ["/", "/metrics", "/api/v1/snapshot", "/api/v1/incidents", "/page/page.js", "/nowhere"]
MARK = "/api/v1/incidents/shop-web-1/accept"


def bearer(token: str) -> dict[str, Any]:
    return {"Authorization": "Bearer " + token.encode().decode("latin-1")}


def password(token: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"anybody:{token}".encode()).decode()}


@pytest.fixture(scope="module")
def world() -> World:
    one = World(steps=130)
    one.clock.tick()
    return one


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    found = {name: tmp_path / name for name in ("reader", "writer")}
    found["reader"].write_text(f"{READ}\n")
    found["writer"].write_text(f"{WRITE}\n", encoding="utf-8")
    return found


@pytest.fixture
def clock(world: World) -> Iterator[Clock]:
    before = world.clock.evaluator.settings, world.clock.snapshot
    assert before[1]
    world.clock.snapshot = going_on_in(before[1])
    yield world.clock
    world.clock.evaluator.settings, world.clock.snapshot = before
    while not world.clock.evaluator.marking.empty():
        world.clock.evaluator.marking.get()


def going_on_in(snapshot: Any) -> Any:
    return replace(snapshot, incidents=(going_on(snapshot.time),))


def client(clock: Clock, web: Web, writes: Writes | None = None) -> FlaskClient:
    clock.evaluator.settings = clock.evaluator.settings.model_copy(update={"web": web, "writes": writes})
    return create_app(clock).test_client()


@pytest.fixture
def closed(clock: Clock, files: dict[str, Path]) -> FlaskClient:
    """A service with a token to read and one to write."""
    tokens = {"grafana": Token(file=files["reader"]), "oncall": Token(file=files["writer"], scope="write")}
    return client(clock, Web(tokens=tokens))


@pytest.mark.parametrize("path", DOORS)
def test_nothing_is_read_without_a_token(closed: FlaskClient, path: str) -> None:
    for headers in ({}, bearer("another"), bearer(""), bearer(READ[:-1]), password("another"), {"Authorization": READ}):
        refused = closed.get(path, headers=headers)
        assert refused.status_code == 401
        assert {challenge.split()[0] for challenge in refused.headers.getlist("WWW-Authenticate")} == {
            "Bearer",
            "Basic",
        }
        assert "web.tokens.grafana.file" in refused.get_json()["message"]
        assert READ not in refused.text


@pytest.mark.parametrize("token", [READ, WRITE])
def test_a_token_opens_every_door_for_reading(closed: FlaskClient, token: str) -> None:
    for headers in (bearer(token), password(token)):
        assert {closed.get(path, headers=headers).status_code for path in DOORS} == {200, 404}
        assert closed.post("/query", json={}, headers=headers).status_code == 200


def test_probes_need_no_token_and_learn_nothing(closed: FlaskClient, clock: Clock) -> None:
    assert closed.get("/healthz").get_json() == {"status": "ok"}
    assert closed.get("/readyz").get_json()["status"] in ("ready", "not ready")
    assert set(closed.get("/readyz").get_json()) == {"status"}


def test_who_may_read_may_not_write_and_every_write_is_logged_with_its_token(
    closed: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    refused = closed.post(MARK, json={}, headers=bearer(READ))
    assert refused.status_code == 403
    assert "'grafana' may read only" in refused.get_json()["message"]
    assert closed.post(MARK, json={}, headers=bearer(WRITE)).status_code == 202
    assert "with the token 'oncall'" in caplog.text
    assert WRITE not in caplog.text


def test_a_browsers_password_does_not_write(closed: FlaskClient) -> None:
    """Browsers send it with what pages of strangers ask."""
    assert closed.post(MARK, json={}, headers=password(WRITE)).status_code == 401


def test_a_token_is_rotated_without_a_restart(closed: FlaskClient, files: dict[str, Path]) -> None:
    def allowed(token: str) -> bool:
        return closed.get("/metrics", headers=bearer(token)).status_code == 200

    files["reader"].write_text(f"{READ}\n\na-new-one\n")
    assert allowed(READ)
    assert allowed("a-new-one")
    assert not allowed("")
    files["reader"].write_text("a-new-one")
    assert not allowed(READ)
    assert allowed("a-new-one")


def test_a_file_that_is_gone_lets_nobody_in_and_says_so(
    closed: FlaskClient, files: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    files["reader"].unlink()
    assert closed.get("/metrics", headers=bearer(READ)).status_code == 401
    assert "web.tokens.grafana.file" in caplog.text
    assert closed.get("/metrics", headers=bearer(WRITE)).status_code == 200
    files["writer"].write_text("\n")
    refused = closed.get("/metrics", headers=bearer(WRITE))
    assert (refused.status_code, "log says why" in refused.get_json()["message"]) == (403, True)


def test_reading_is_open_where_only_writing_has_a_token(clock: Clock, files: dict[str, Path]) -> None:
    for web, writes in (
        (Web(), Writes(token_file=files["writer"])),
        (Web(tokens={"oncall": Token(file=files["writer"], scope="write")}), None),
    ):
        one = client(clock, web, writes)
        assert one.get("/metrics").status_code == 200
        assert one.post(MARK, json={}).status_code == 401
        assert one.post(MARK, json={}, headers=bearer(WRITE)).status_code == 202


LISTENING = """
prometheus: {url: 'http://127.0.0.1:1'}
entities: {service: {labels: [service]}}
signals: {requests: {entity: service, query: q, window: 30s}}
"""


def test_beyond_loopback_a_token_or_a_word_is_asked_for(files: dict[str, Path]) -> None:
    plain = parse_settings(LISTENING)
    for local in ("127.0.0.1:8321", "localhost:1", "[::1]:8321"):
        assert warnings_of(plain, local, insecure=False) == []
    for everywhere in ("0.0.0.0:8321", "[::]:8321", "10.1.2.3:80"):
        with pytest.raises(ValueError, match="say --insecure-listen"):
            warnings_of(plain, everywhere, insecure=False)
        (said,) = warnings_of(plain, everywhere, insecure=True)
        assert "everybody who can reach" in said
    token = plain.model_copy(update={"web": Web(tokens={"grafana": Token(file=files["reader"])})})
    (said,) = warnings_of(token, "0.0.0.0:8321", insecure=False)
    assert "plain text" in said


def test_serve_refuses_to_begin_where_everybody_could_read(tmp_path: Path) -> None:
    settings = tmp_path / "causal.yaml"
    settings.write_text(LISTENING)
    done = CliRunner().invoke(main, ["serve", "--config", str(settings), "--listen", "0.0.0.0:0"])
    assert done.exit_code == 2
    assert "--insecure-listen" in done.output


def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    issued, other = trustme.CA().issue_cert("one.example"), trustme.CA().issue_cert("other.example")
    certificate, key, wrong = tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "other.pem"
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    other.private_key_pem.write_to_path(wrong)
    plain = parse_settings(LISTENING)

    def tls(cert_file: Path, key_file: Path) -> Any:
        web = Web(tls_server_config=TlsServerConfig(cert_file=cert_file, key_file=key_file))
        return tls_of(plain.model_copy(update={"web": web}))

    assert tls(certificate, key)
    assert tls_of(plain) is None
    for files in ((certificate, wrong), (certificate, tmp_path / "gone"), (key, key), (tmp_path, key)):
        with pytest.raises(ValueError, match=r"web.tls_server_config: .* cannot be used"):
            tls(*files)
