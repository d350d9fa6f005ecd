"""`backtest` says whether the promise was kept and the recorded incidents were found, by text, JSON and exit code."""

import time

import orjson
import pytest
from noisy import SLOW, START, STEP, asked, run, write, write_files
from worlds import SETTINGS as SHOP

from datasource.cli import replaying
from datasource.data import Entity
from datasource.demo.faults import PAST
from datasource.demo.live import LiveShop, last_grid_time
from datasource.demo.shop import Shop
from datasource.demo.standin_server import start_standin
from datasource.replay.recorded import IncidentsError, Recorded, read_incidents


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calm")
    write_files(folder, overflows_per_day=0, days=4)
    return folder


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("noisy")
    write_files(folder, days=4)
    return folder


def test_a_kept_promise_with_every_incident_found_ends_with_0(calm):
    result = run("backtest", *asked(calm), "--min-detection", "1")
    assert result.exit_code == 0, result.output
    assert "  promise     1 false alarms a day" in result.stdout
    assert "  detection   6 of 6 recorded incidents: 100%" in result.stdout
    assert "  delay       median 2m, " in result.stdout
    assert "  root cause  the recorded service was named first in 6 of 6" in result.stdout
    assert "fitted every 1d on the 1d before (the service: every 10m)" in result.stdout


def test_a_broken_promise_ends_with_1_and_says_which_signal_and_entities_broke_it(noisy):
    result = run("backtest", *asked(noisy), "--json")
    assert result.exit_code == 1
    found = orjson.loads(result.stdout)
    assert not found["kept"]
    assert found["false_alarms"]["lower"] > found["promise"] == 1
    assert found["by_signal"][0]["name"] == "queue"
    assert all(one["episodes"] < found["by_signal"][0]["episodes"] / 2 for one in found["by_signal"][1:])
    assert {one["name"] for one in found["by_entity"]} == {"a", "b"}
    assert found["detection"]["detected"] == found["detection"]["incidents"] == 6
    assert len(found["alarms"]) == found["false_alarms"]["episodes"]
    worst = max(found["alarms"], key=lambda one: one["scores"][0]["score"])
    lines = run("backtest", *asked(noisy)).stdout.splitlines()
    first = lines[next(number for number, line in enumerate(lines) if "variable" in line and "score" in line) + 1]
    assert worst["scores"][0]["variable"] in first
    assert f"  {worst['scores'][0]['score']:.3g}  " in first


def test_a_missed_incident_is_named_and_ends_with_1_where_that_is_demanded(calm):
    quiet = START + STEP * (SLOW[0] + 200)
    rows = [[quiet, quiet + 600, "a"], [START + STEP * (SLOW[0] - 1), START + STEP * (SLOW[0] + 14), "a"]]
    write(calm / "missed.csv", ["start", "end", "service"], rows)
    result = run("backtest", *asked(calm, "missed.csv"), "--min-detection", "0.6")
    assert result.exit_code == 1
    assert "not detected: a at 2023-11-16 10:54:00 UTC" in result.stdout
    assert "root cause: a at 2023-11-16 07:33:00 UTC, but b named" in result.stdout
    assert run("backtest", *asked(calm, "missed.csv"), "--min-detection", "0.5", "--json").exit_code in (0, 1)


def test_a_recorded_service_that_nobody_measures_is_told(calm):
    times = [START + STEP * (SLOW[0] - 1), START + STEP * (SLOW[0] + 14)]
    write(calm / "misspelt.csv", ["start", "end", "service"], [[*times, "bb"]])
    assert (
        "'bb' is not measured, and cannot be named; measured are a, b"
        in run("backtest", *asked(calm, "misspelt.csv")).stdout
    )


def test_it_is_replayed_from_and_to_the_times_given(calm):
    found = orjson.loads(run("backtest", *asked(calm), "--from", "2023-11-16T12:00Z", "--to", "-12h", "--json").stdout)
    assert (found["from"], found["to"]) == (1700136000, START + STEP * (4 * 1440 - 1) - 12 * 3600)
    assert found["days_judged"] == pytest.approx((found["to"] - found["from"] + STEP) / 86400)


def test_a_file_alone_is_replayed_on_its_second_half(calm):
    found = orjson.loads(run("backtest", "--data", calm / "data.csv", "--refit", "1d", "--json").stdout)
    assert found["from"] == START + 2 * 86400
    assert found["days_judged"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "yesterday"], "--from: 'yesterday' is no time; write it as 2022-08-22T03:55:19Z or as seconds"),
        (["--from", "-1h", "--to", "-2h"], "is not before --to"),
        (["--refit", "often"], "--refit: 'often' is not a duration"),
        (["--refit", "0s"], "--refit: mechanisms cannot be fitted anew every 0 seconds"),
        (["--to", "2023-11-14T22:30Z", "--from", "2023-11-14T22:20Z"], "nothing could be judged"),
        (["--incidents", "none.csv"], "none.csv: cannot be read: No such file or directory"),
        (["--min-detection", "0.9", "--incidents", "{before}"], "--min-detection needs --incidents that began in"),
        (["--config", "none.yaml"], "none.yaml: there is no such file"),
        (["--calls", "none.csv"], "none.csv: cannot be read"),
    ],
)
def test_what_cannot_be_computed_is_told_and_ends_with_2(calm, arguments, message):
    before = write(calm / "before.csv", ["start", "end"], [[START, START + 60]])
    result = run("backtest", *asked(calm), *(one.format(before=before) for one in arguments))
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_a_page_shows_alarms_and_incidents(calm, tmp_path):
    page = tmp_path / "page.html"
    result = run("backtest", *asked(calm), "--report", str(page))
    assert result.exit_code == 0, result.output
    told = page.read_text()
    assert told.count("<svg") == 2
    assert "6 of 6 recorded incidents" in told


def test_a_prometheus_that_is_gone_is_told_and_ends_with_2():
    result = run("backtest", "--config", SHOP, "--prometheus", "http://127.0.0.1:9", "--from", "-1h")
    assert result.exit_code == 2
    assert "http://127.0.0.1:9 cannot be reached (connection refused)" in result.stderr


SERVED = """
prometheus: {{url: "{url}", latency_offset: 5s}}
step: 30s
baseline: 3h
entities: {{service: {{labels: [namespace, service]}}}}
signals:
  requests: {{entity: service, query: 'service:requests:rate30s', window: 30s, role: load}}
  errors: {{entity: service, query: 'service:errors:rate30s', window: 30s, role: failure}}
relations:
  calls: {{source: service_graph, query: 'call:requests:rate30s'}}
graph: {{templates: [requests -> errors, errors -> errors along calls from server to client]}}
"""


def test_the_past_of_a_prometheus_is_replayed_with_the_calls_that_it_knows(tmp_path):
    fault = PAST[0]
    shop = LiveShop(Shop(), last_grid_time(time.time()), fault.start_step + 120)
    began = shop.origin + 30 * (fault.start_step - 1)
    (tmp_path / "incidents.yaml").write_text(f"- {{start: {began}, end: {began + 900}, service: {fault.service}}}")
    server = start_standin(shop)
    try:
        (tmp_path / "causal.yaml").write_text(SERVED.format(url=server.url))
        files = ["--config", tmp_path / "causal.yaml", "--incidents", tmp_path / "incidents.yaml"]
        result = run("backtest", *files, "--from", "-2h", "--refit", "30m", "--json")
    finally:
        server.stop()
    assert result.exit_code in (0, 1), result.output
    found = orjson.loads(result.stdout)
    assert found["variables"] == 10
    assert found["days_judged"] == pytest.approx(2 / 24, rel=0.02)
    (incident,) = found["incidents"]
    assert incident["delay"] <= 4 * 30
    assert incident["named"][0] == "platform/payment"


def test_an_interrupt_ends_it_without_an_answer(calm, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(replaying, "_from_files", lambda *_: interrupt(0))
    result = run("backtest", *asked(calm))
    assert (result.exit_code, result.stdout) == (130, "")
    assert "interrupted" in result.stderr


# The file of incidents


def test_incidents_are_read_from_csv_and_yaml_alike(tmp_path):
    (tmp_path / "one.csv").write_text(
        "Start,End,service,signal\n2023-11-14T22:30:00Z,1700002000,shop/web,latency\n\n1700000000,1700009000,,\n"
    )
    (tmp_path / "one.yaml").write_text(
        "# last year\nincidents:\n"
        "- {start: 2023-11-14T22:30:00Z, end: 1700002000, service: shop/web, signal: latency}\n"
        "- start: 1700000000\n  end: 2023-11-15 00:43:20\n"
    )
    read = read_incidents(tmp_path / "one.csv")
    assert read == (Recorded(1700000000, 1700009000), Recorded(1700001000, 1700002000, "shop/web", "latency"))
    assert read_incidents(tmp_path / "one.yaml") == read


def test_a_service_is_known_by_the_end_of_its_name():
    web = Entity("service", (("namespace", "shop"), ("service", "web")))
    assert [Recorded(0, 1, name).is_of(web) for name in ("web", "shop/web", "eb", "other/web", "")] == [
        True,
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "when,what\n", "a.csv:1: the header needs the columns start and end"),
        ("a.csv", "", "it has nothing"),
        ("a.csv", "start,end\n1700000000,1700000600\n1700000600,1700000000\n", "a.csv:3: the incident ends before it"),
        ("a.csv", "start,end\n1700000000,\n", "a.csv:2: the incident has no end; write it as 2026"),
        ("a.csv", "start,end\n1700000000,soon\n", "a.csv:2: end: 'soon' is no time"),
        ("a.csv", "start,end\n1,2,3\n", "a.csv:2: has more cells than the header has columns"),
        ("a.csv", "start,end,root\n1,2,web\n", "a.csv:2: 'root' is none of start, end, service, signal"),
        ("a.yaml", "start: 1\n", "a.yaml: should be a list, as '- {start: 2026"),
        ("a.yaml", "- {start: 1, end: 2}\n- web\n", "a.yaml:2: should be a block with start and end"),
        ("a.yaml", "- {start: 1, end: 2\n", "a.yaml: not YAML"),
        ("a.yml", "- start: 1\n  end: 2\n  team: x\n", "a.yml:1: 'team' is none of"),
    ],
)
def test_what_is_wrong_in_the_file_of_incidents_is_told_with_its_line(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(IncidentsError) as error:
        read_incidents(tmp_path / name)
    assert message in str(error.value)
