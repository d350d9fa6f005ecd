"""Whatever is sent: no 500, no traceback, nothing kept. And the doors are what openapi.yaml says they are."""

import gc
import logging
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from explained_service import PlantedClient
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import checks
from schemathesis.specs.openapi import checks as openapi_checks
from shop_incidents import going_on
from test_worker import ask, echo, send, serving
from worlds import World

from datasource import web
from datasource.panels import REGISTRY
from datasource.service.explaining import Explaining
from datasource.settings.federation import Federation
from datasource.settings.store import Store
from datasource.settings.web import Writes
from datasource.web.answers import Answers
from datasource.web.app import create_app

CHECKS = [
    checks.not_a_server_error,
    openapi_checks.response_schema_conformance,
    openapi_checks.content_type_conformance,
]
TOKEN = "a-token"
BOUNDED = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.fixture(scope="module")
def world() -> World:
    one = World(steps=400)
    one.clock.tick()
    one.clock.tick()
    return one


@pytest.fixture(scope="module")
def app(world: World, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """A service that takes writes, with an incident that goes on."""
    file = tmp_path_factory.mktemp("token") / "token"
    file.write_text(TOKEN)
    clock = world.clock
    clock.evaluator.interventions.store = Store(directory=file.parent)
    told = {"writes": Writes(token_file=file), "federation": Federation(name="shop", least_points=30)}
    clock.evaluator.settings = clock.evaluator.settings.model_copy(update=told)
    assert clock.snapshot
    clock.snapshot = replace(
        clock.snapshot, incidents=(going_on(clock.snapshot.time),), settings=clock.evaluator.settings
    )
    app = create_app(clock)
    app.extensions["explaining"] = Explaining(lambda _: PlantedClient(clock.snapshot.time))  # type: ignore[arg-type, return-value, union-attr]
    return app


@pytest.fixture(scope="module")
def described(app: Flask) -> Any:
    """The doors as schemathesis sees them."""
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)


@pytest.fixture(autouse=True)
def no_traceback(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.ERROR)
    yield
    assert not [record for record in caplog.records if record.exc_info]


def test_every_door_is_described_and_no_other(app: Flask) -> None:
    told = app.test_client().get("/api/v1/openapi.json").get_json()
    there = {
        (re.sub(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>", r"{\1}", rule.rule), method)
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if method not in ("HEAD", "OPTIONS")
    }
    there.discard(("/api/v1/incidents/{name}/{action}", "POST"))
    there |= {(f"/api/v1/incidents/{{id}}/{one}", "POST") for one in ("accept", "close", "dismiss", "expect", "merge")}
    assert {(path, method.upper()) for path, methods in told["paths"].items() for method in methods} == there


DESCRIPTION = yaml.safe_load((Path(web.__file__).parent / "openapi.yaml").read_text())
OPERATIONS = [(path, method) for path, methods in DESCRIPTION["paths"].items() for method in methods]
OPERATIONS.remove(("/api/v1/read", "post"))  # protobuf, which has a test of its own


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_what_the_description_allows_is_answered_as_it_says(described: Any, path: str, method: str) -> None:
    @settings(BOUNDED, max_examples=60)
    @given(described[path][method.upper()].as_strategy())
    def asked(case: schemathesis.Case) -> None:
        response = case.call(headers={"Accept-Encoding": "identity", "Authorization": f"Bearer {TOKEN}"})
        assert response.status_code < 500 or response.status_code == 503, response.text
        case.validate_response(response, checks=CHECKS)

    asked()


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
WORDS = st.sampled_from(
    [
        "shop/web",
        "shop/.*",
        "(",
        "(shop\\/web|shop\\/cart)",
        "{a,b}",
        "[1]",
        "now * 2",
        "All",
        "$__all",
        "",
        "-1",
        "1e400",
        "sum(rate(x_total[5m]))",
    ]
)
JSON = st.recursive(
    SCALARS | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(sorted({one.name for panel in REGISTRY.panels.values() for one in panel.parameters}))
TIMES = st.sampled_from(["2023-11-16T00:00:00Z", "0001-01-01", "9999-12-31T23:59:59.999Z", "now"]) | JSON
TARGETS = st.fixed_dictionaries(
    {"target": st.sampled_from([*REGISTRY.panels]), "payload": st.dictionaries(NAMES, WORDS | JSON, max_size=4) | JSON},
    optional={"refId": JSON, "hide": JSON, "data": JSON},
)
FILTERS = st.fixed_dictionaries(
    {
        "key": st.sampled_from(["service", "namespace", "signal"]) | JSON,
        "operator": st.sampled_from(["=", "!=", "=~", "!~", "<", ">", "=|", "!=|"]) | JSON,
        "value": WORDS | JSON,
    },
    optional={"values": JSON},
)
QUERIES = st.fixed_dictionaries(
    {"targets": st.lists(TARGETS, max_size=2) | JSON},
    optional={
        "range": st.fixed_dictionaries({"from": TIMES, "to": TIMES}) | JSON,
        "filters": st.lists(FILTERS, max_size=3) | JSON,
        "adhocFilters": JSON,
        "maxDataPoints": st.integers() | JSON,
    },
)
POSTS = [
    "/query",
    "/metrics",
    "/metric-payload-options",
    "/variable",
    "/tag-keys",
    "/tag-values",
    "/search",
    "/annotations",
]


@settings(BOUNDED, max_examples=1500)
@given(QUERIES)
def test_whatever_a_panel_is_asked_it_answers_or_says_why_not(app: Flask, sent: Any) -> None:
    answer = app.test_client().post("/query", json=sent)
    assert answer.status_code in (200, 400)
    assert isinstance(answer.get_json(), list if answer.status_code == 200 else dict)
    assert len(answer.data) < 2_000_000


@settings(BOUNDED, max_examples=500)
@given(st.sampled_from(POSTS), JSON | st.dictionaries(st.sampled_from(["payload", "metric", "name", "key"]), JSON))
def test_whatever_another_door_is_asked_it_answers_or_says_why_not(app: Flask, path: str, sent: Any) -> None:
    assert app.test_client().post(path, json=sent).status_code in (200, 400)


@settings(BOUNDED, max_examples=500)
@given(st.sampled_from(POSTS), st.binary(max_size=200), st.text(max_size=30))
def test_bytes_that_are_no_json_are_refused(app: Flask, path: str, sent: bytes, kind: str) -> None:
    headers = {"Content-Type": kind.encode("ascii", "ignore").decode().translate(dict.fromkeys(range(32)))}
    assert app.test_client().post(path, data=sent, headers=headers).status_code in (200, 400)


@settings(BOUNDED, max_examples=500)
@given(
    st.sampled_from(["/api/v1/snapshot", "/api/v1/incidents", "/api/v1/explain", "/page/", "/", "/metrics"]),
    st.dictionaries(
        st.sampled_from(["name", "state", "entity", "from", "to", "query", "over", "depth"]),
        WORDS | st.text(max_size=20),
    ),
    st.text(max_size=20),
)
def test_whatever_stands_in_an_address_is_answered(app: Flask, path: str, asked: dict[str, str], more: str) -> None:
    more = more if path == "/page/" else ""
    answer = app.test_client().get(path + more.replace("?", ""), query_string=asked)
    assert answer.status_code in (200, 302, 308, 400, 404)


def test_a_thousand_different_requests_leave_nothing_behind(app: Flask) -> None:
    client = app.test_client()

    def things_after(numbers: range) -> int:
        for number in numbers:
            payload = {"entity": f"shop/.{{{number % 900}}}.*", f"x{number}": [str(number)]}
            filters = [{"key": f"k{number}", "operator": "!~", "value": f"a{number}"}]
            client.post(
                "/query", json={"targets": [{"target": "anomaly_score", "payload": payload}], "filters": filters}
            )
            client.get(f"/nowhere/{number}")
            client.open(f"/{number}", method=f"M{number}")
            client.get("/api/v1/incidents", query_string={"entity": f"e{number}"})
        app.extensions["answers"] = Answers()
        gc.collect()
        return len(gc.get_objects())

    things_after(range(200))  # what is remembered in bounded rooms is there
    before = things_after(range(200, 600))
    assert things_after(range(600, 1000)) - before < 400, "not one thing a request"


def test_noise_on_the_wire_is_no_news() -> None:
    @settings(BOUNDED, max_examples=150)
    @given(st.binary(max_size=300), st.sampled_from([b"", b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nHost: x\r\n"]))
    def noise(port: int, noise: bytes, begin: bytes) -> None:
        with suppress(ConnectionError):
            send(port, begin + noise).close()

    with serving(echo) as (port, door):
        noise(port)
        assert ask(port, path="/healthz")[0] == 200
        assert door.waiting == 0
