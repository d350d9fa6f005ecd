"""History goes in through promtool, the present through scrapes, and there is no seam between them."""

import io
import subprocess
import time

import requests

from datasource.demo.exposition import live_metrics, write_openmetrics
from datasource.demo.live import LiveShop, last_grid_time
from datasource.demo.processes import scrape_config, start_prometheus, wait_until
from datasource.demo.series import SERIES
from datasource.demo.serving import BackgroundServer
from datasource.demo.shop import Shop
from datasource.demo.shop_server import continued, metrics_app, serve_shop, write_history


def test_openmetrics_is_grouped_by_family_and_ends_as_it_must():
    steps, out = Shop().history(3), io.StringIO()
    write_openmetrics(out, steps, 1_780_000_200)
    lines = out.getvalue().splitlines()
    assert lines[-1] == "# EOF"
    assert len(lines) == 3 * len(SERIES) + 2 * 9 + 1
    assert lines[1] == "# TYPE service:requests:rate30s gauge"
    assert lines[2] == f'service:requests:rate30s{{namespace="shop",service="web"}} {steps[0].values[0]!r} 1780000200'


def test_the_live_text_has_its_timestamp_in_milliseconds():
    text = live_metrics(Shop().step(), 1_780_000_200)
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(samples) == len(SERIES)
    assert all(line.endswith(" 1780000200000") for line in samples)


def test_promtool_accepts_the_live_text(promtool):
    text = live_metrics(Shop().step(), 1_780_000_200)
    check = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert {line.split(" ", 1)[1] for line in check.stderr.splitlines()} <= {
        "metric names should not contain ':'",  # they are recording rules' names, on purpose
    }


def test_a_written_history_is_gone_on_with(tmp_path):
    path = tmp_path / "shop" / "history.om"
    serve_shop(None, path)
    written = path.read_text()
    serve_shop(None, path)
    assert path.read_text() == written
    live = continued(path)
    newest = next(line for line in reversed(written.splitlines()[:-1]))
    assert newest.endswith(f" {live.timestamp(live.newest)}")
    assert float(newest.split()[-2]) == live.newest.values[-1]


def test_the_live_shop_finishes_a_step_every_30_seconds():
    live = LiveShop(Shop(), 1_780_000_200, 10)
    heard = []
    live.listen(lambda timestamp, step: heard.append((timestamp, step.number)))
    assert live.catch_up(1_780_000_229.9) == []
    assert [step.number for step in live.catch_up(1_780_000_290.0)] == [10, 11, 12]
    assert heard == [(1_780_000_230, 10), (1_780_000_260, 11), (1_780_000_290, 12)]


def test_scrapes_go_on_where_the_backfilled_history_ends(prometheus, tmp_path):
    """The shop starts three steps ago; at speed, each scrape finds one step more, up to the present."""
    now = last_grid_time(time.time())
    seam = now - 3 * 30
    live = LiveShop(Shop(), seam)
    write_history(live, live.history, tmp_path / "history.om")
    expected = [round(step.values[0], 7) for step in live.history[-20:]]

    clock = [float(seam)]
    app = metrics_app(live, lambda: clock[0])
    shop = BackgroundServer(app)
    server = start_prometheus(
        prometheus,
        tmp_path / "prometheus",
        backfill=tmp_path / "history.om",
        scrape_configs=[scrape_config("shop", f"127.0.0.1:{shop.port}", "1s", honor_labels=True)],
    )

    def values(query: str) -> list[list[str]]:
        body = {"query": query, "start": now - 22 * 30, "end": now, "step": 30}
        result = requests.get(server.url + "/api/v1/query_range", params=body, timeout=10).json()["data"]["result"]
        assert len(result) == 1
        values: list[list[str]] = result[0]["values"]
        return values

    def stored_until() -> float:
        body = {"query": 'timestamp(service:requests:rate30s{service="web"})'}
        result = requests.get(server.url + "/api/v1/query", params=body, timeout=10).json()["data"]["result"]
        return float(result[0]["value"][1]) if result else 0

    try:
        for _ in range(3):
            clock[0] += 30
            assert wait_until(lambda: stored_until() == clock[0], 15)
            expected.append(live.newest.values[0])
        got = values('service:requests:rate30s{service="web"}')
        assert [time for time, _ in got] == list(range(now - 22 * 30, now + 1, 30))
        assert [float(value) for _, value in got] == expected
        for asked, stored in values('timestamp(service:requests:rate30s{service="web"})'):
            assert float(stored) == asked
        log = server.log.read_text()
        assert "out-of-order" not in log
        assert "out of bounds" not in log
    finally:
        server.stop()
        shop.stop()
