"""POST /api/v1/read: what Prometheus asks by remote_read, and what it is answered; with the real one, too."""

import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import requests
from chunked import Part, parts_of, points_of
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse
from worlds import STEP, World, showing, with_interventions

from datasource.demo.processes import start_prometheus, wait_until
from datasource.demo.serving import BackgroundServer
from datasource.prometheus.prompb import SAMPLES, STREAMED, STREAMED_XOR_CHUNKS, WireError, read_request
from datasource.prometheus.prompb.protobuf import field, fields, number_field
from datasource.prometheus.prompb.snappy import pack, unpack
from datasource.service import Snapshot, asked_effects, samples
from datasource.web import remote_read
from datasource.web.app import create_app

OPERATORS = ["=", "!=", "=~", "!~"]
Series = dict[tuple[tuple[str, str], ...], list[tuple[int, float]]]


def query_of(start: float, end: float, *matchers: tuple[str, str, str]) -> bytes:
    query = number_field(1, int(start * 1000)) + number_field(2, int(end * 1000))
    for name, operator, value in matchers:
        kind = number_field(1, OPERATORS.index(operator))
        query += field(3, kind + field(2, name.encode()) + field(3, value.encode()))
    return field(1, query + field(4, b"\x08\x01"))


def asked(start: float, end: float, *matchers: tuple[str, str, str], accepts: tuple[int, ...] = (SAMPLES,)) -> bytes:
    """A ReadRequest of one query, as Prometheus packs it."""
    return pack(query_of(start, end, *matchers) + field(2, bytes(accepts)))


def post(client: FlaskClient, body: bytes, **headers: str) -> TestResponse:
    told = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"} | headers
    return client.post("/api/v1/read", data=body, headers=told)


def series_of(answer: TestResponse) -> Series:
    """The series of an answer to one query."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/x-protobuf"
    assert answer.headers["Content-Encoding"] == "snappy"
    (result,) = [value for _, value in fields(unpack(answer.data, 2**28))]
    found: Series = {}
    for _, one in fields(result):
        labels, points = [], []
        for number, value in fields(one):
            parts = dict(fields(value))
            if number == 1:
                labels.append((parts[1].decode(), parts[2].decode()))
            else:
                points.append((parts[2], struct.unpack("<d", parts[1])[0]))
        assert labels == sorted(labels)
        assert tuple(labels) not in found
        found[tuple(labels)] = points
    return found


@pytest.fixture
def snapshot(world: World) -> Snapshot:
    assert world.clock.snapshot
    return world.clock.snapshot


def select(client: FlaskClient, snapshot: Snapshot, *matchers: tuple[str, str, str], seconds: float = 300) -> Series:
    return series_of(post(client, asked(snapshot.time - seconds, snapshot.time, *matchers)))


NAME = ("__name__", "=", "causal_anomaly_score")
WEB = (("service", "=", "web"), ("signal", "=", "latency"))


def test_scores_come_for_every_point_as_over_the_whole_baseline(client: FlaskClient, snapshot: Snapshot) -> None:
    ((labels, points),) = select(client, snapshot, NAME, *WEB, seconds=86400).items()
    assert dict(labels) == {
        "__name__": "causal_anomaly_score", "namespace": "shop", "service": "web", "signal": "latency",
    }  # fmt: skip
    (variable,) = [v for v in snapshot.matrix.variables if str(v) == "shop/web.latency"]
    prediction = snapshot.predict(variable)
    assert prediction
    whole = dict(zip((snapshot.matrix.times * 1000).tolist(), prediction.score.tolist(), strict=True))
    assert len(points) == 86400 // 30 + 1
    assert [value for _, value in points] == pytest.approx([whole[time] for time, _ in points])


@pytest.mark.parametrize("marginal", [False, True])
def test_a_part_is_predicted_like_the_whole(snapshot: Snapshot, marginal: bool) -> None:
    start, end = snapshot.time - 40 * 30, snapshot.time - 10 * 30
    found = list(snapshot.predict_between(snapshot.matrix.variables, start, end, marginal=marginal))
    assert len(found) > 50
    inside = (snapshot.matrix.times >= start) & (snapshot.matrix.times <= end)
    for variable, times, part in found:
        whole = snapshot.predict(variable, marginal=marginal)
        assert whole
        assert times.tolist() == snapshot.matrix.times[inside].tolist()
        for one, other in zip(part, whole, strict=True):
            np.testing.assert_allclose(one, other[inside], rtol=1e-9)
    assert not list(snapshot.predict_between(snapshot.matrix.variables, 0, 1000))


def test_the_course_of_what_an_intervention_changed_comes_for_every_point(world: World, snapshot: Snapshot) -> None:
    client = create_app(showing(world, with_interventions(snapshot))).test_client()
    chosen = (("service", "=", "inventory"), ("intervention", "=", "2"))
    names = ("observed", "counterfactual", "counterfactual_lower", "counterfactual_upper", "so_far")
    found = {
        name: select(client, snapshot, ("__name__", "=", f"causal_impact_{name}"), *chosen, seconds=3600)
        for name in names
    }
    courses = {name: dict(next(iter(one.values()))) for name, one in found.items()}
    assert all(len(one) == 1 for one in found.values())
    now = snapshot.time * 1000
    assert len(courses["observed"]) == 3600 // STEP + 1
    assert courses["counterfactual_lower"][now] < courses["counterfactual"][now] < courses["counterfactual_upper"][now]
    assert courses["observed"][now] > courses["counterfactual_upper"][now]
    assert courses["so_far"][now] > courses["so_far"][now - 60_000] > 0
    assert not select(client, snapshot, ("__name__", "=", "causal_impact_observed"), ("intervention", "=", "77"))


def test_the_newest_numbers_are_those_of_the_exposition(client: FlaskClient, snapshot: Snapshot) -> None:
    found = select(client, snapshot, ("__name__", "=~", "causal_.*"))
    newest = {labels: points[-1][1] for labels, points in found.items() if points}
    expected = {tuple(sorted({"__name__": one.name, **one.labels}.items())): one.value for one in samples(snapshot)}
    expected = {tuple(pair for pair in labels if pair[1]): value for labels, value in expected.items()}
    assert expected.keys() <= newest.keys()
    same = [labels for labels in expected if newest[labels] == pytest.approx(expected[labels], rel=1e-6, abs=1e-9)]
    assert len(same) > 0.98 * len(expected)


@pytest.mark.parametrize(
    ("matchers", "services"),
    [
        ([("service", "=", "web")], {"web"}),
        ([("service", "=~", "web|cart")], {"web", "cart"}),
        ([("service", "=~", "w.*"), ("service", "!=", "web")], set()),
        ([("service", "!~", "[a-v].*"), ("service", "!=", "")], {"web"}),
        ([("service", "=", "web"), ("nothing", "=", "")], {"web"}),
        ([("service", "=", "web"), ("nothing", "!=", "")], set()),
        ([("service", "=", "web"), ("nothing", "=~", ".+")], set()),
        ([("service", "=", "web"), ("job", "=", "causal")], set()),
        ([("service", "=", "web"), ("treatment", "=", "restarts")], set()),
        ([("service", "=~", "([a-z/]+)+X")], set()),
    ],
)
def test_matchers_select_as_in_prometheus(
    client: FlaskClient, snapshot: Snapshot, matchers: list[tuple[str, str, str]], services: set[str]
) -> None:
    found = select(client, snapshot, NAME, *matchers)
    assert {dict(labels)["service"] for labels in found} == services


def test_external_labels_of_the_asking_prometheus_are_tolerated(client: FlaskClient, snapshot: Snapshot) -> None:
    external = [("cluster", "=", "prod"), ("replica", "=", "a")]
    assert select(client, snapshot, NAME, *WEB, *external) == select(client, snapshot, NAME, *WEB)


def test_who_asks_by_the_door_finds_it_in_the_answer(client: FlaskClient, snapshot: Snapshot) -> None:
    (labels,) = select(client, snapshot, NAME, *WEB, ("door", "=", "causal"))
    assert dict(labels)["door"] == "causal"
    assert not select(client, snapshot, NAME, *WEB, ("door", "=", "another"))


@pytest.mark.parametrize(
    "matchers",
    [
        [("__name__", "=", "up")],
        [("service", "=", "web")],
        [("__name__", "!=", "up"), ("service", "=", "web")],
        [("__name__", "=~", ".*")],
        [],
    ],
)
def test_who_does_not_ask_for_our_names_gets_nothing(
    client: FlaskClient, waiting: FlaskClient, snapshot: Snapshot, matchers: list[tuple[str, str, str]]
) -> None:
    assert select(client, snapshot, *matchers) == {}
    assert select(waiting, snapshot, *matchers) == {}


def test_before_the_first_evaluation_nothing_is_made_up(waiting: FlaskClient, snapshot: Snapshot) -> None:
    assert post(waiting, asked(0, snapshot.time, NAME)).status_code == 503


def test_a_question_travels_as_matchers(client: FlaskClient, snapshot: Snapshot) -> None:
    question = [("variable", "=", "shop/web.requests"), ("value", "=", "now * 2")]
    found = select(client, snapshot, ("__name__", "=~", "causal_what_if(_lower|_upper)?"), *question, *WEB)
    by_name = {dict(labels).pop("__name__"): points[0][1] for labels, points in found.items()}
    assert by_name["causal_what_if_lower"] < by_name["causal_what_if"] < by_name["causal_what_if_upper"]
    assert {dict(labels)["value"] for labels in found} == {"now * 2"}
    for wrong, says in (
        ([("variable", "=", "nobody.latency")], "matches nothing"),
        ([question[0], ("value", "=", "much")], "is not understood"),
        ([], "say what is held"),
    ):
        refused = post(client, asked(snapshot.time - 300, snapshot.time, ("__name__", "=", "causal_what_if"), *wrong))
        assert (refused.status_code, says in refused.get_json()["message"]) == (400, True)


BY_REGRESSION = ("method", "=", "linear_regression")
EFFECT = (("__name__", "=~", "causal_(effect|association)(_lower|_upper)?"), ("outcome", "=", "latency"))


def patient(client: FlaskClient, snapshot: Snapshot, *matchers: tuple[str, str, str]) -> TestResponse:
    """The answer to a question that may have to be asked twice."""
    body = asked(snapshot.time - 300, snapshot.time, *matchers)
    while (answer := post(client, body)).status_code == 503:
        assert "is being estimated; ask again" in answer.get_json()["message"]
    return answer


def test_an_effect_that_nobody_configured_travels_as_matchers(client: FlaskClient, snapshot: Snapshot) -> None:
    question = (
        *EFFECT,
        ("treatment", "=", "restarts"),
        BY_REGRESSION,
        ("service", "=~", "web|cart"),
        ("cluster", "=", "prod"),
    )
    found = {dict(labels)["__name__"] + dict(labels)["service"]: (labels, points) for labels, points in
             series_of(patient(client, snapshot, *question)).items()}  # fmt: skip
    assert len(found) == 12
    value = {name: points[0][1] for name, (_, points) in found.items()}
    for service in ("web", "cart"):
        assert value[f"causal_effect_lower{service}"] < value[f"causal_effect{service}"]
        assert value[f"causal_effect{service}"] < value[f"causal_effect_upper{service}"]
    labels, ((time, _),) = found["causal_effectweb"]
    assert dict(labels) == {
        "__name__": "causal_effect", "namespace": "shop", "service": "web",
        "treatment": "restarts", "outcome": "latency", "method": "linear_regression",
    }  # fmt: skip
    assert time == snapshot.time * 1000
    configured = [one for one in snapshot.effects or () if str(one.outcome) == "shop/web.latency"]
    (restarts,) = [one for one in configured if one.treatment.signal == "restarts"]
    assert restarts.effect.lower < value["causal_effectweb"] < restarts.effect.upper


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ([("treatment", "=", "restarts"), ("method", "=", "magic")], "'magic' is no method; known are"),
        ([("treatment", "=", "restart"), BY_REGRESSION], "no signal 'restart'; did you mean"),
        ([("treatment", "=", "latency"), BY_REGRESSION], "both treatment and outcome"),
        ([("treatment", "=", "shop/web.latency"), BY_REGRESSION], "two signals"),
        ([("treatment", "=", "restarts"), ("method", "=", "rdd")], "needs a cutoff"),
    ],
)
def test_an_effect_that_cannot_be_asked_is_told_why(
    client: FlaskClient, snapshot: Snapshot, question: list[tuple[str, str, str]], says: str
) -> None:
    refused = patient(client, snapshot, *EFFECT, *question)
    assert (refused.status_code, refused.get_json()["message"].count(says)) == (400, 1), refused.get_json()


def test_whom_an_effect_is_not_asked_of_is_not_estimated(
    client: FlaskClient, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked_effects, "effects_job", None)
    nobody = (*EFFECT, ("treatment", "=", "restarts"), BY_REGRESSION, ("service", "=", "nobody"))
    assert select(client, snapshot, *nobody) == {}
    everybody = (*EFFECT, ("treatment", "=", "restarts"), BY_REGRESSION)
    long_ago = asked(snapshot.time - 600, snapshot.time - 300, *everybody)
    assert series_of(post(client, long_ago)) == {}


def test_who_cannot_wait_for_an_effect_is_told_to_ask_again(
    client: FlaskClient, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_read, "PATIENCE", 0.0)
    question = (*EFFECT, ("treatment", "=", "cpu"), BY_REGRESSION, ("service", "=", "web"))
    first = post(client, asked(snapshot.time - 300, snapshot.time, *question))
    assert (first.status_code, first.get_json()["message"].count("ask again")) == (503, 1)
    monkeypatch.undo()
    assert len(series_of(patient(client, snapshot, *question))) == 6


def test_an_answer_that_is_too_large_is_refused_in_words(
    client: FlaskClient, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_read, "_MOST_BYTES", 100_000)
    refused = post(client, asked(0, 4e9, ("__name__", "=~", "causal_.*")))
    assert refused.status_code == 400
    assert "select fewer series" in refused.get_json()["message"]


def streamed(answer: TestResponse) -> list[Part]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == STREAMED
    assert "Content-Encoding" not in answer.headers
    return [*parts_of(answer.data)]


@pytest.mark.parametrize(
    "matchers",
    [
        [NAME],
        [NAME, *WEB, ("door", "=", "causal")],
        [("__name__", "=~", "causal_(effect.*|anomaly_score|incidents)")],
        [("__name__", "=~", "causal_.*"), ("service", "=", "web")],
        [("__name__", "=", "causal_what_if"), ("variable", "=", "shop/web.requests"), ("value", "=", "now * 2")],
        [("__name__", "=", "up")],
    ],
)
def test_streamed_chunks_hold_the_samples_of_the_other_answer(
    client: FlaskClient, snapshot: Snapshot, matchers: list[tuple[str, str, str]]
) -> None:
    range_of = snapshot.time - 7 * 3600, snapshot.time
    parts = streamed(post(client, asked(*range_of, *matchers, accepts=(STREAMED_XOR_CHUNKS, SAMPLES))))
    found = [(part.labels, [point for one in part.chunks for point in points_of(one)]) for part in parts]
    samples_of = series_of(post(client, asked(*range_of, *matchers)))
    assert found == sorted((labels, points) for labels, points in samples_of.items() if points)
    assert all(len(points_of(one)) <= 120 for part in parts for one in part.chunks)


def test_chunks_take_half_the_bytes(client: FlaskClient, snapshot: Snapshot) -> None:
    whole = snapshot.time - 86400, snapshot.time, NAME
    sizes = [len(post(client, asked(*whole, accepts=(one,))).data) for one in (STREAMED_XOR_CHUNKS, SAMPLES)]
    assert sizes[0] < 0.55 * sizes[1]


def test_several_selectors_are_told_apart_in_the_stream(client: FlaskClient, snapshot: Snapshot) -> None:
    queries = [
        query_of(snapshot.time - 300, snapshot.time, NAME, ("service", "=", name)) for name in ("web", "nobody", "cart")
    ]
    parts = streamed(post(client, pack(b"".join(queries) + number_field(2, STREAMED_XOR_CHUNKS))))
    assert {(part.query, dict(part.labels)["service"]) for part in parts} == {(0, "web"), (2, "cart")}


@pytest.mark.parametrize(
    ("accepts", "content"),
    [
        ((), "application/x-protobuf"),
        ((SAMPLES, STREAMED_XOR_CHUNKS), "application/x-protobuf"),
        ((STREAMED_XOR_CHUNKS, SAMPLES), STREAMED),
        ((7, STREAMED_XOR_CHUNKS), STREAMED),
    ],
)
def test_the_first_type_of_answer_that_is_known_is_taken(
    client: FlaskClient, snapshot: Snapshot, accepts: tuple[int, ...], content: str
) -> None:
    answer = post(client, asked(snapshot.time - 300, snapshot.time, NAME, *WEB, accepts=accepts))
    assert answer.headers["Content-Type"] == content


def test_who_accepts_no_answer_that_there_is_is_told_which_there_are(client: FlaskClient, snapshot: Snapshot) -> None:
    refused = post(client, asked(snapshot.time - 300, snapshot.time, NAME, accepts=(7,)))
    assert (refused.status_code, "STREAMED_XOR_CHUNKS" in refused.get_json()["message"]) == (400, True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        pack(b"\x12\x02\xff\xff"),
        pack(b"\x10\x07"),
        b"not snappy at all",
        pack(b"\xff" * 20),
        pack(b"\x0b"),
        pack(field(1, b"\x1a\x05\x12\x10ab")),
        pack(field(1, b"\x18\x05")),
        pack(field(1, field(3, field(2, b"\xff\xfe")))),
        pack(field(1, field(3, b"\x08\x09"))),
        pack(field(1, field(3, b"\x08\x02" + field(2, b"__name__") + field(3, b"(")))),
        pack(field(1, b"") * 1000),
        pack(field(1, field(3, b"") * 1000)),
        b"\xff\xff\xff\xff\x7f" + b"\x00a",
        b"\x05\x01\x09",
        b"\xff" * 11,
        bytes(100_000),
    ],
)
def test_what_is_no_request_is_refused(client: FlaskClient, body: bytes) -> None:
    refused = post(client, body)
    if body:
        assert refused.status_code == 400
        assert len(refused.get_json()["message"]) < 300
    assert post(client, asked(0, 1), **{"Content-Encoding": "gzip"}).status_code == 415


def test_what_snappys_own_compressor_wrote_is_read() -> None:
    packed = "9a02740a405f5f6e616d655f5f63617573616c5f616e6f6d616c795f73636f7265fe1c00fe1c00fe1c00ee1c00"
    assert unpack(bytes.fromhex(packed), 1000) == b"\x0a\x40" + b"__name__causal_anomaly_score" * 10


@given(st.binary(max_size=500))
def test_packed_bytes_are_the_same_unpacked(data: bytes) -> None:
    assert unpack(pack(data), 500) == data


@given(st.binary(max_size=200))
def test_noise_is_refused_and_never_grows(data: bytes) -> None:
    for read in (
        lambda: unpack(data, 1000),
        lambda: read_request(data).queries,
        lambda: read_request(pack(data)).queries,
    ):
        try:
            found = read()
        except WireError:
            continue
        assert len(found) <= 1000


@given(st.lists(st.integers(0, 2**64 - 1) | st.binary(max_size=20), max_size=20))
def test_any_list_of_accepted_answers_is_understood_or_refused(accepts: list[int | bytes]) -> None:
    packed = pack(b"".join(number_field(2, one) if isinstance(one, int) else field(2, one) for one in accepts))
    try:
        assert read_request(packed).answer in (SAMPLES, STREAMED_XOR_CHUNKS)
    except WireError:
        return


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.text(), st.sampled_from(OPERATORS), st.text())), st.integers(0, 2**63), st.binary())
def test_whatever_prometheus_sends_is_answered(
    client: FlaskClient, matchers: list[tuple[str, str, str]], end: int, noise: bytes
) -> None:
    name = ("__name__", "=~", "causal_(incidents|effect|demand)")
    for body in (asked(0, end / 1000, name, *matchers), asked(0, end / 1000, *matchers), pack(field(1, noise))):
        assert post(client, body).status_code in (200, 400)


@pytest.fixture(scope="module")
def prometheus(
    world: World, server_binary: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A real Prometheus that has scraped nothing and asks the service."""
    service = BackgroundServer(create_app(world.clock))
    server = start_prometheus(
        server_binary("prometheus"),
        tmp_path_factory.mktemp("prometheus"),
        remote_read=[
            {"url": f"{service.url}/api/v1/read", "read_recent": True, "required_matchers": {"door": "causal"}}
        ],
    )
    try:
        yield server.url
    finally:
        server.stop()
        service.stop()


@pytest.mark.parametrize(
    ("query", "series"),
    [
        ('causal_anomaly_score{door="causal", service="web", signal="latency"}', 1),
        ('max by (service) (avg_over_time(causal_anomaly_score{door="causal", service=~"web|cart"}[5m]))', 2),
        ('causal_observed_value{door="causal", signal="latency"} - causal_expected_value{door="causal"}', 10),
        ('causal_effect{door="causal", treatment="restarts", service="web"}', 1),
        (
            'causal_what_if{door="causal", variable="shop/web.requests", value="now * 2", service="web", signal="cpu"}',
            1,
        ),
        ('causal_anomaly_score{service="web"}', 0),
        ('up{door="causal"}', 0),
    ],
)
def test_promql_runs_in_the_real_engine(prometheus: str, snapshot: Snapshot, query: str, series: int) -> None:
    answer: Any = requests.get(
        f"{prometheus}/api/v1/query", params={"query": query, "time": snapshot.time + 5}, timeout=20
    ).json()
    assert answer["status"] == "success", answer
    assert "warnings" not in answer, answer
    assert len(answer["data"]["result"]) == series


def test_the_real_engine_reads_back_before_any_scrape(prometheus: str, snapshot: Snapshot) -> None:
    params = {
        "query": 'causal_anomaly_score{door="causal", service="web", signal="latency"}',
        "start": snapshot.time - 86400,
        "end": snapshot.time,
        "step": 300,
    }
    answer = requests.get(f"{prometheus}/api/v1/query_range", params=params, timeout=20).json()
    ((series),) = answer["data"]["result"]
    assert len(series["values"]) == 289


def test_the_real_engine_gets_an_effect_that_nobody_configured(prometheus: str, snapshot: Snapshot) -> None:
    effect = 'causal_effect{door="causal", treatment="restarts", outcome="latency", method="dml", service="web"}'
    params = {"query": f"{effect} * 2", "time": snapshot.time}
    answers: list[Any] = []

    def is_there() -> bool:
        """A query that cannot wait has a warning, and the next one the answer."""
        answers.append(requests.get(f"{prometheus}/api/v1/query", params=params, timeout=60).json())
        assert "warnings" not in answers[-1] or "ask again" in answers[-1]["warnings"][0]
        return "warnings" not in answers[-1]

    assert wait_until(is_there, 120)
    (found,) = answers[-1]["data"]["result"]
    assert found["metric"]["method"] == "dml"
    configured = [one for one in snapshot.effects or () if str(one.outcome) == "shop/web.latency"]
    (restarts,) = [one for one in configured if one.treatment.signal == "restarts"]
    assert float(found["value"][1]) / 2 == pytest.approx(restarts.effect.value, rel=0.2)


def test_the_real_engine_passes_on_what_was_wrong(prometheus: str, snapshot: Snapshot) -> None:
    params = {"query": 'causal_what_if{door="causal", variable="nobody"}', "time": snapshot.time}
    answer = requests.get(f"{prometheus}/api/v1/query", params=params, timeout=20).json()
    assert any("matches nothing" in warning for warning in answer["warnings"])
