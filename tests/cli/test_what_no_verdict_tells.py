"""An outage in a file is never just "Nothing is anomalous": columns of no known role, silence, nobody who asks."""

import numpy as np
import pytest
from click.testing import CliRunner

from datasource.cli import main

N = 240
RNG = np.random.default_rng(4)


def usual(level):
    return level * (1 + 0.1 * np.sin(np.arange(N) / 40) + 0.03 * RNG.normal(size=N))


def then(level, fault):
    return np.where(np.arange(N) < N - 8, usual(level), fault)


@pytest.fixture
def said(tmp_path):
    def evaluate(columns, *options, command="evaluate"):
        rows = [
            ",".join(["" if np.isnan(one) else f"{one:.10g}" for one in (60 * n, *row)])
            for n, row in enumerate(zip(*columns.values(), strict=True), 28_000_000)
        ]
        path = tmp_path / "shop.csv"
        path.write_text("\n".join([",".join(["time", *columns]), *rows]))
        result = CliRunner().invoke(main, [command, "--data", str(path), *options])
        assert result.exit_code in (0, 1), result.output
        return result.output

    return evaluate


def test_a_column_of_no_known_role_that_is_far_off_is_told(said):
    shop = {"web.requests": usual(100), "web.latency": usual(0.05), "web.bestellungen": then(20, 0)}
    told = said(shop)
    assert "Nothing is anomalous" not in told
    assert "no alarm, since no role is known: web.bestellungen (score" in told
    assert "'bestellungen' has no role by name, and no alarm" in told
    assert "web         bestellungen" not in told
    assert "bestellungen" in said(shop, "--role", "bestellungen=saturation").split("Anomalous")[1].split("Root")[0]
    fine = shop | {"web.bestellungen": usual(20)}
    assert "Nothing is anomalous" in said(fine)


def test_successes_that_nobody_counts_requests_beside_are_judged(said):
    assert "web.successful_logins (score" in said({"web.latency": usual(0.05), "web.successful_logins": then(50, 0)})
    role = "--role", "logins=success"
    checked = said({"web.latency": usual(0.05), "web.logins": usual(50)}, *role, command="check")
    assert "has no role" in checked


def test_failures_that_nobody_had_before_and_that_are_not_judged_are_told(said):
    shop = {"web.latency": usual(0.05), "web.errors": then(np.nan, 20.0), "db.errors": usual(0.1)}
    assert "Nothing that alarms is anomalous, but:\n  1 of 3 variables has fewer" in said(shop)


def test_where_nothing_is_judged_the_reason_is_told(said):
    at = np.arange(N)
    lives = {f"s{n}.latency": np.where((40 * n <= at) & (at < 40 * n + 35), usual(0.05), np.nan) for n in range(6)}
    told = said(lives)
    assert "Nothing is judged" in told
    assert "they never live that long; choose the workload" in told


def test_who_is_silent_or_not_asked_is_told_where_nothing_alarms(said):
    gone = {"web.requests": then(100, np.nan), "web.latency": then(0.05, np.nan), "db.requests": usual(300)}
    assert "Nothing that alarms is anomalous, but:\n  no sample of web in the last 8m" in said(
        gone | {"db.latency": usual(0.02)}
    )
    ended = {name: then(1.0, np.nan) for name in gone}
    assert "Nothing that alarms is anomalous, but:\n  no sample of anybody in the last 8m" in said(ended)
    cut_off = {"web.requests": then(100, 0), "web.latency": then(0.05, np.nan)}
    told = said(cut_off)
    assert "Nothing that alarms is anomalous, but:\n  next to no requests of web in the last 8m" in told
    assert told.count("next to no requests") == 1
    assert "note: next to no requests of web" in said(cut_off, command="check")


@pytest.mark.parametrize("fault", [0, 1])
@pytest.mark.parametrize("name", ["up", "probe_success", "successful", "healthy"])
def test_what_is_up_and_then_down_alarms(said, name, fault):
    up = np.where(np.arange(N) < N - 8, 1, fault)
    told = said({"web.latency": usual(0.05), "db.latency": usual(0.02), f"db.{name}": up})
    assert ("Nothing is anomalous" in told) == bool(fault)
    assert (f"db      {name} " in told) == (not fault)


NAMES = ["fehler", "erreurs", "http_500", "status_503", "panics", "consumer_lag", "loss", "page_load_time", "cpu_busy"]


@pytest.mark.parametrize("name", [*NAMES, "system_load", "messages_unacked", "ttfb"])
def test_what_people_call_failures_and_lags_alarms(said, name):
    shop = {"web.anfragen": usual(100), "web.latency": usual(0.05), f"web.{name}": then(0.4, 40)}
    assert "Anomalous" in said(shop)
