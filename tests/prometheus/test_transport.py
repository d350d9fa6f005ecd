"""One place that asks servers: deadline, redirects, proxies, and what leaves the house."""

import base64
import gzip
import threading
import time
from typing import Any

import pytest
from serving import Answer, Asked, forward_proxy, serve, success

from datasource.prometheus import PrometheusClient, PrometheusError
from datasource.prometheus.http.proxies import bypasses
from datasource.prometheus.transport import Transport, asked_patience
from datasource.settings.http import HttpConfig
from datasource.settings.prometheus import Prometheus

SECRET = "hunter2-never-show"


def transport(url: str, timeout: float = 5, retries: int = 0, **config: Any) -> Transport:
    return Transport(HttpConfig.model_validate(config), url, timeout, retries, block="loki")


@pytest.mark.parametrize("slow", ["headers", "body"])
def test_a_dripping_server_is_left_at_the_deadline(slow: str) -> None:
    with serve(Answer(200, b"x" * 200, {"X-Long": "y" * 200}, drip=0.05, slow=slow)) as server:
        began = time.monotonic()
        with pytest.raises(PrometheusError, match=r"did not answer within 0\.4 s; raise loki\.timeout") as error:
            transport(server.url, timeout=0.4).get("/")
        assert error.value.kind == "timeout"
        assert time.monotonic() - began < 8


def test_a_deadline_of_one_thread_does_not_end_the_others() -> None:
    def answer(asked: Asked) -> Answer:
        return Answer(200, b"x" * 100, drip=0.1) if asked.path == "/slow" else success()

    with serve(answer) as server:
        one = transport(server.url, timeout=2)
        failures: list[str] = []

        def quick() -> None:
            for _ in range(200):
                try:
                    one.get_json("/quick")
                except PrometheusError as error:
                    failures.append(str(error))
                time.sleep(0.02)

        threads = [threading.Thread(target=quick) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(2):
            with pytest.raises(PrometheusError):
                one.get("/slow")
        for thread in threads:
            thread.join()
        assert failures == []


def test_retries_end_with_the_deadline_too() -> None:
    with serve(Answer(503, b"busy")) as server:
        began = time.monotonic()
        with pytest.raises(PrometheusError, match=r"HTTP 503|did not answer"):
            transport(server.url, timeout=1, retries=10).get_json("/")
        assert time.monotonic() - began < 10


def test_a_query_that_timed_out_at_the_server_is_not_repeated() -> None:
    with serve(Answer(503, b'{"status":"error","errorType":"timeout","error":"query timed out"}')) as server:
        with pytest.raises(PrometheusError, match="query timed out"):
            PrometheusClient(server.url).get("query", {"query": "up"})
        assert len(server.asked) == 1


CONFIG = {
    "authorization": {"credentials": SECRET},
    "http_headers": {"X-Scope-OrgID": {"values": ["team"]}, "X-Key": {"secrets": [SECRET]}},
}


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_within_the_server_keeps_credentials(status: int) -> None:
    def answer(asked: Asked) -> Answer:
        return Answer(status, headers={"Location": "/prefix/x?a=1"}) if asked.path == "/x" else success()

    with serve(answer) as server:
        transport(server.url, **CONFIG).get_json("/x")
        assert server.asked[1].headers["Authorization"] == f"Bearer {SECRET}"
        assert server.asked[1].headers["X-Scope-OrgID"] == "team"


def test_no_credentials_follow_a_redirect_to_another_server() -> None:
    with serve(success()) as stranger, serve(Answer(302, headers={"Location": f"{stranger.url}/y"})) as server:
        transport(server.url, **CONFIG).get_json("/x")
        assert not {"Authorization", "X-Scope-OrgID", "X-Key", "Cookie"} & set(stranger.asked[0].headers)
        assert SECRET not in str(stranger.asked)


def test_a_stranger_who_wants_credentials_is_named() -> None:
    with serve(Answer(401)) as stranger, serve(Answer(302, headers={"Location": f"{stranger.url}/y?t=1"})) as server:
        with pytest.raises(PrometheusError, match="which gets no credentials") as error:
            transport(server.url, **CONFIG).get("/x")
        assert f"{server.url} redirects to {stranger.url}/y," in str(error.value)
        assert len(server.asked) == 1


def test_redirects_can_be_refused_and_circles_end() -> None:
    away = Answer(302, headers={"Location": "http://me:pw@else.test/login?next=x"})
    refused = r"redirects to http://else\.test/login, and loki\.follow_redirects"
    with serve(away) as server, pytest.raises(PrometheusError, match=refused):
        transport(server.url, follow_redirects=False).get("/x")
    circle = Answer(302, headers={"Location": "/x"})
    with serve(circle) as server, pytest.raises(PrometheusError, match="in a circle"):
        transport(server.url).get("/x")


def test_a_proxy_is_used_and_no_proxy_goes_around_it() -> None:
    with serve(success()) as server, forward_proxy() as proxy:
        transport(server.url, proxy_url=proxy.url).get_json("/through")
        assert len(proxy.asked) == 1
        transport(server.url, proxy_url=proxy.url, no_proxy="127.0.0.0/8").get_json("/around")
        assert len(proxy.asked) == 1
        assert len(server.asked) == 2


def test_the_proxys_password_is_sent_to_it_and_never_shown() -> None:
    right = "Basic " + base64.b64encode(f"me:{SECRET}".encode()).decode()
    with serve(success()) as server, forward_proxy(right) as proxy:
        transport(server.url, proxy_url=proxy.url.replace("//", f"//me:{SECRET}@")).get_json("/x")
        assert "Proxy-Authorization" not in server.asked[0].headers
        for target in (server.url, server.url.replace("http:", "https:")):
            one = transport(target, proxy_url=proxy.url.replace("//", f"//you:{SECRET}@"))
            with pytest.raises(PrometheusError, match=r"loki\.proxy_url") as error:
                one.get("/x")
            assert error.value.kind == "unauthorised"
            assert SECRET not in str(error.value)
            assert SECRET not in repr(one.config)


def test_a_proxy_that_is_gone_is_named() -> None:
    with pytest.raises(PrometheusError, match=r"through the proxy http://127\.0\.0\.1:1 \(connection refused\)"):
        transport("http://prometheus.test", proxy_url=f"http://me:{SECRET}@127.0.0.1:1").get("/x")


def test_the_environments_proxy_counts_only_where_the_settings_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with serve(success()) as server, forward_proxy() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        transport(server.url).get_json("/x")
        assert not proxy.asked
        with pytest.raises(PrometheusError):
            transport("http://prometheus.test", proxy_from_environment=True).get("/x")
        assert len(proxy.asked) == 1


@pytest.mark.parametrize(
    ("host", "port", "no_proxy", "around"),
    [
        ("prometheus.corp", 80, "corp", True),
        ("prometheus.corp", 80, ".corp", True),
        ("prometheus.corp", 80, "*.corp", True),
        ("corp", 80, ".corp", False),
        ("notcorp", 80, "corp", False),
        ("prometheus.corp", 9090, "prometheus.corp:9090", True),
        ("prometheus.corp", 9091, "prometheus.corp:9090", False),
        ("10.1.2.3", 80, "10.0.0.0/8", True),
        ("11.1.2.3", 80, "10.0.0.0/8", False),
        ("::1", 80, "[::1]", True),
        ("anything", 80, "*", True),
        ("anything", 80, " , ", False),
    ],
)
def test_no_proxy_is_read_as_prometheus_reads_it(host: str, port: int, no_proxy: str, around: bool) -> None:
    assert bypasses(host, port, no_proxy) is around


def test_gzip_is_only_sent_when_asked_for() -> None:
    def answer(asked: Asked) -> Answer:
        plain = success()
        if asked.headers["Accept-Encoding"] != "gzip":
            return plain
        return Answer(200, gzip.compress(plain.body), {**plain.headers, "Content-Encoding": "gzip"})

    with serve(answer) as server:
        assert transport(server.url).get_json()["status"] == "success"
        zipped = transport(server.url, http_headers={"Accept-Encoding": {"values": ["gzip"]}})
        assert zipped.get_json()["status"] == "success"


def test_a_path_prefix_and_extra_parameters_go_with_every_request() -> None:
    config = {"params": {"dedup": True, "partial_response": False, "max_source_resolution": "5m"}}
    with serve(success([])) as server:
        settings = Prometheus.model_validate({"url": f"{server.url}/prometheus/", **config})
        one = PrometheusClient.from_settings(settings)
        one.get("label/__name__/values", {})
        one.get("series", {"match[]": "up"})
        server.answer = lambda _: success()
        list(one.query_range("up", 0, 60, 30))
        assert {asked.path.rsplit("/api/", 1)[0] for asked in server.asked} == {"/prometheus"}
        for asked in server.asked:
            sent = (asked.params["dedup"], asked.params["partial_response"], asked.params["max_source_resolution"])
            assert sent == (["true"], ["false"], ["5m"])


def test_windows_hold_max_points_and_do_not_overlap() -> None:
    with serve(success()) as server:
        settings = Prometheus.model_validate({"url": server.url, "max_points": 100})
        bodies = list(PrometheusClient.from_settings(settings).raw_range("up", 0, 30 * 249, 30))
        spans = [(int(a.params["start"][0]), int(a.params["end"][0])) for a in server.asked]
    assert spans == [(0, 2970), (3000, 5970), (6000, 7470)]
    assert all(isinstance(body, bytes) for body in bodies)


def test_prometheus_api_client_works_over_the_same_session() -> None:
    with serve(success([])) as server:
        config = {"url": server.url, "basic_auth": {"username": "me", "password": SECRET}}
        one = PrometheusClient.from_settings(Prometheus.model_validate(config))
        assert one.connection.all_metrics() == []
        assert server.asked[0].headers["Authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7.0), ("0", 0.0), ("-3", 0.0), ("nan", 0.0), ("inf", 0.0), ("1e9", 300.0), ("soon", 0.0), ("", 0.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
    ],
)  # fmt: skip
def test_how_long_a_server_asks_to_wait(said: str, seconds: float) -> None:
    assert asked_patience(said, lambda: 10.0) == seconds
