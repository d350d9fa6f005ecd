"""A server that says more than anybody can hold."""

import gzip
import tracemalloc

import orjson
import pytest
from serving import Answer, Asked, serve

from datasource.prometheus import PrometheusClient, PrometheusError, transport
from datasource.settings.prometheus import Prometheus

MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MOST_BYTES", MIB)


def matrix(asked: Asked, series: int) -> Answer:
    start, end, step = (int(asked.params[name][0]) for name in ("start", "end", "step"))
    values = [[time, "1"] for time in range(start, end + 1, step)]
    result = [{"metric": {"series": str(number)}, "values": values} for number in range(series)]
    return Answer(200, orjson.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}))


def test_a_large_answer_is_read_in_shorter_times_and_nothing_is_missing() -> None:
    with serve(lambda asked: matrix(asked, 100)) as server:
        client = PrometheusClient(server.url)
        windows = list(client.query_range("up", 0, 4999 * 30, 30))
    times = [time for window in windows for time in window[0].times]
    assert times == list(range(0, 5000 * 30, 30))
    assert {len(window) for window in windows} == {100}
    assert len(server.asked) > len(windows) > 1


@pytest.mark.parametrize("more", [{}, {"Transfer-Encoding": "chunked"}])
def test_an_answer_that_no_shorter_time_makes_small_is_an_error_in_words(more: dict[str, str]) -> None:
    body = b" " * (2 * MIB)
    if more:
        body = b"".join(b"%x\r\n%s\r\n" % (MIB, b" " * MIB) for _ in range(2)) + b"0\r\n\r\n"
    with serve(lambda _: Answer(200, body, more)) as server:
        with pytest.raises(PrometheusError, match=r"larger than 1 MiB; let the query return fewer series") as error:
            list(PrometheusClient(server.url).query_range("up", 0, 4999 * 30, 30))
        assert error.value.kind == "limit"
        assert len(server.asked) < 10


@pytest.mark.parametrize("status", [200, 302, 401, 503])
def test_a_bomb_is_not_unpacked(status: int) -> None:
    bomb = gzip.compress(bytes(200 * MIB), 9)
    headers = {"Content-Encoding": "gzip", "Location": "/elsewhere"}
    with serve(lambda _: Answer(status, bomb, headers)) as server:
        client = PrometheusClient(Prometheus(url=server.url, retries=0))
        tracemalloc.start()
        try:
            with pytest.raises(PrometheusError):
                client.query("up")
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert most < 20 * MIB


def test_a_server_of_tokens_cannot_say_more_than_a_token() -> None:
    oauth2 = {"client_id": "me", "client_secret": "s3cret"}

    def answer(asked: Asked) -> Answer:
        return Answer(200, gzip.compress(bytes(200 * MIB), 9), {"Content-Encoding": "gzip"})

    with serve(answer) as server:
        settings = Prometheus.model_validate({"url": server.url, "oauth2": {**oauth2, "token_url": server.url}})
        with pytest.raises(PrometheusError, match="without an access_token"):
            PrometheusClient(settings).query("up")
