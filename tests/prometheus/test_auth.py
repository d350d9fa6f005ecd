"""Credentials as in Prometheus' http_config: sent, renewed when they rotate, never shown."""

import base64
import logging
import time
from pathlib import Path

import pytest
from serving import Answer, Asked, Server, serve, success

from datasource.prometheus import PrometheusClient, PrometheusError
from datasource.settings import parse_settings
from datasource.settings.prometheus import Prometheus

SECRET = "hunter2-never-show"
OTHER = "rotated-never-show"


def client(url: str, **config: object) -> PrometheusClient:
    return PrometheusClient.from_settings(Prometheus.model_validate({"url": url, "timeout": 5, "retries": 0, **config}))


def ask(url: str, **config: object) -> None:
    one = client(url, **config)
    assert SECRET not in repr(one.settings) + one.settings.model_dump_json() + repr(vars(one))
    one.get("query", {"query": "up"})


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def wants(authorization: str) -> object:
    def answer(asked: Asked) -> Answer:
        if asked.headers.get("Authorization") == authorization:
            return success()
        return Answer(401, f"you sent {asked.headers.get('Authorization')}".encode(), {"Content-Type": "text/plain"})

    return answer


def refused(url: str, **config: object) -> str:
    with pytest.raises(PrometheusError) as error:
        ask(url, **config)
    assert error.value.kind == "unauthorised"
    for secret in (SECRET, OTHER, base64.b64encode(f"me:{SECRET}".encode()).decode()):
        assert secret not in f"{error.value}{error.value!r}"
    return str(error.value)


@pytest.mark.parametrize(
    ("config", "header"),
    [
        ({"basic_auth": {"username": "mé", "password": SECRET}}, basic("mé", SECRET)),
        ({"authorization": {"credentials": SECRET}}, f"Bearer {SECRET}"),
        ({"authorization": {"type": "Token", "credentials": SECRET}}, f"Token {SECRET}"),
    ],
)
def test_inline_credentials_are_sent(config: dict[str, object], header: str) -> None:
    with serve(wants(header)) as server:
        ask(server.url, **config)


def test_a_user_in_the_url_is_sent_and_not_shown() -> None:
    with serve(wants(basic("me", f"{SECRET}@"))) as server:
        one = PrometheusClient(server.url.replace("//", f"//me:{SECRET}%40@"))
        one.get("query", {"query": "up"})
        assert one.url == server.url
        server.answer = wants("nothing")
        with pytest.raises(PrometheusError) as error:
            one.get("query", {"query": "up"})
        assert SECRET not in str(error.value)


def test_a_rotated_password_file_is_used_without_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\n")
    with serve(wants(basic("me", SECRET))) as server:
        one = client(server.url, basic_auth={"username": "me", "password_file": file})
        one.get("query", {"query": "up"})
        file.write_text(OTHER)
        server.answer = wants(basic("me", OTHER))
        one.get("query", {"query": "up"})


def test_a_file_that_rotates_while_we_ask_gets_a_second_try(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(SECRET)

    def rotating(asked: Asked) -> Answer:
        file.write_text(OTHER)
        return wants(f"Bearer {OTHER}")(asked)

    with serve(rotating) as server:
        ask(server.url, authorization={"credentials_file": file})
        assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({}, "set prometheus.basic_auth, prometheus.authorization or prometheus.oauth2"),
        ({"basic_auth": {"username": "me", "password": SECRET}}, "check prometheus.basic_auth"),
        ({"authorization": {"credentials": SECRET}}, "check prometheus.authorization"),
        (
            {"http_headers": {"X-Api-Key": {"secrets": [SECRET]}}},
            "check prometheus.http_headers.X-Api-Key",
        ),
    ],
)
def test_a_refusal_names_the_setting_and_never_the_secret(
    config: dict[str, object], says: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with serve(wants("something else")) as server:
        assert says in refused(server.url, **config)
        assert len(server.asked) == 1
    assert SECRET not in caplog.text
    assert base64.b64encode(f"me:{SECRET}".encode()).decode() not in caplog.text


def test_403_says_that_we_are_known_and_not_allowed() -> None:
    with serve(Answer(403, b'{"error":"only admins"}', {"Content-Type": "application/json"})) as server:
        text = refused(server.url, authorization={"credentials": SECRET})
    assert "forbids the request (HTTP 403: only admins)" in text


def test_a_missing_tenant_is_told_as_such() -> None:
    with serve(Answer(401, b"no org id", {"Content-Type": "text/plain"})) as server:
        assert "set prometheus.http_headers.X-Scope-OrgID" in refused(server.url)


def test_files_that_are_not_there_or_empty_are_named(tmp_path: Path) -> None:
    with serve(success()) as server:
        missing = {"username": "me", "password_file": tmp_path / "nowhere"}
        assert "prometheus.basic_auth.password_file" in refused(server.url, basic_auth=missing)
        (tmp_path / "empty").write_text("\n")
        empty = {"credentials_file": tmp_path / "empty"}
        assert "is empty" in refused(server.url, authorization=empty)
        assert not server.asked


def test_a_token_that_no_header_can_hold_is_told_without_it() -> None:
    with serve(success()) as server:
        text = refused(server.url, authorization={"credentials": f"{SECRET}\nX: y"})
    assert "line break" in text


class TokenServer:
    """Gives token-1, token-2, ... and accepts one way of sending the client's credentials."""

    def __init__(self, lasts: float = 3600, in_body: bool = False) -> None:
        self.lasts, self.in_body, self.given = lasts, in_body, 0
        self.secret = SECRET

    def __call__(self, asked: Asked) -> Answer:
        if self.in_body:
            right = asked.form.get("client_secret") == [self.secret]
        else:
            right = asked.headers.get("Authorization") == basic("id", self.secret)
        if not right or asked.form["grant_type"] != ["client_credentials"]:
            body = b'{"error":"invalid_client","error_description":"not %s"}' % self.secret.encode()
            return Answer(401, body, {"Content-Type": "application/json"})
        self.given += 1
        body = b'{"access_token":"token-%d","token_type":"Bearer","expires_in":%d}' % (self.given, self.lasts)
        return Answer(200, body, {"Content-Type": "application/json"})


def oauth2(tokens: Server, **more: object) -> dict[str, object]:
    return {"client_id": "id", "client_secret": SECRET, "token_url": f"{tokens.url}/token", **more}


@pytest.mark.parametrize("in_body", [False, True])
def test_oauth2_fetches_one_token_and_keeps_it(in_body: bool) -> None:
    source = TokenServer(in_body=in_body)
    with serve(source) as tokens, serve(wants("Bearer token-1")) as server:
        more = {"scopes": ["read", "metrics"], "endpoint_params": {"audience": "prometheus"}}
        one = client(server.url, oauth2=oauth2(tokens, **more))
        for _ in range(3):
            one.get("query", {"query": "up"})
    assert source.given == 1
    assert tokens.asked[-1].form["scope"] == ["read metrics"]
    assert tokens.asked[-1].form["audience"] == ["prometheus"]


def test_oauth2_fetches_anew_when_a_token_expires() -> None:
    source = TokenServer(lasts=1)
    with serve(source) as tokens, serve(success()) as server:
        one = client(server.url, oauth2=oauth2(tokens))
        one.get("query", {"query": "up"})
        time.sleep(0.6)
        one.get("query", {"query": "up"})
        assert [asked.headers["Authorization"] for asked in server.asked] == ["Bearer token-1", "Bearer token-2"]


def test_oauth2_refreshes_once_when_a_token_is_refused() -> None:
    source = TokenServer()
    with serve(source) as tokens, serve(wants("Bearer token-2")) as server:
        one = client(server.url, oauth2=oauth2(tokens))
        one.get("query", {"query": "up"})
        assert (source.given, len(server.asked)) == (2, 2)
        server.answer = wants("Bearer never")
        with pytest.raises(PrometheusError, match=r"check prometheus\.oauth2"):
            one.get("query", {"query": "up"})
        assert (source.given, len(server.asked)) == (3, 4)


def test_oauth2_follows_a_secret_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET)
    source = TokenServer()
    with serve(source) as tokens, serve(success()) as server:
        config = oauth2(tokens, client_secret_file=file)
        del config["client_secret"]
        one = client(server.url, oauth2=config)
        one.get("query", {"query": "up"})
        file.write_text(OTHER)
        source.secret = OTHER
        one.get("query", {"query": "up"})
        assert server.asked[-1].headers["Authorization"] == "Bearer token-2"


def test_a_token_server_that_says_no_is_named_and_says_no_secret() -> None:
    source = TokenServer()
    source.secret = "another"
    with serve(source) as tokens, serve(success()) as server:
        text = refused(server.url, oauth2=oauth2(tokens))
    assert "/token gives no token (HTTP 401: invalid_client" in text
    assert "check prometheus.oauth2.client_id" in text


def test_a_token_server_that_is_gone_is_named() -> None:
    config = {"client_id": "id", "client_secret": SECRET, "token_url": "http://127.0.0.1:1/token"}
    with (
        serve(success()) as server,
        pytest.raises(PrometheusError, match=r"check prometheus\.oauth2\.token_url") as error,
    ):
        ask(server.url, oauth2=config)
    assert error.value.kind == "unreachable"


def test_headers_are_sent_open_secret_and_from_files(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{SECRET}\n")
    headers = {
        "X-Scope-OrgID": {"values": ["team-a|team-b"]},
        "X-Key": {"files": [tmp_path / "key"]},
        "X-Several": {"values": ["a"], "secrets": ["b"]},
    }
    with serve(success()) as server:
        ask(server.url, http_headers=headers)
    sent = server.asked[0].headers
    assert (sent["X-Scope-OrgID"], sent["X-Key"], sent["X-Several"]) == ("team-a|team-b", SECRET, "a, b")
    assert sent["Accept-Encoding"] == "identity"


def test_what_prometheus_says_is_shown_without_our_secrets() -> None:
    said = f'{{"status":"error","errorType":"bad_data","error":"strange header {SECRET}"}}'
    with serve(Answer(400, said.encode(), {"Content-Type": "application/json"})) as server:
        one = client(server.url, authorization={"credentials": SECRET})
        with pytest.raises(PrometheusError, match="strange header <secret>"):
            one.get("query", {"query": "up"})


def test_files_are_looked_for_beside_the_settings(tmp_path: Path) -> None:
    text = """
prometheus: {url: http://p:9090, basic_auth: {username: me, password_file: secrets/password}}
entities: {service: {labels: [service]}}
signals: {up: {entity: service, query: up, window: 30s}}
"""
    settings = parse_settings(text, folder=tmp_path)
    assert settings.prometheus.basic_auth is not None
    assert settings.prometheus.basic_auth.password_file == tmp_path / "secrets" / "password"
