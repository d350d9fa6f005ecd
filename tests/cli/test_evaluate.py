"""`evaluate` says of a file what the service says of a Prometheus that holds the same; `check --data` what it read."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import orjson
import pytest
import yaml
from click.testing import CliRunner
from worlds import SETTINGS, START, STEP, World

from datasource.cli import main
from datasource.demo.series import SERIES
from datasource.demo.services import CALLS
from datasource.demo.shop import Shop
from datasource.service import snapshot_json
from datasource.settings import load_settings

NAMES = {s.query: name for name, s in load_settings(SETTINGS).settings.signals.items()}
TRUTH = 0.025
SERVICE, CALL = ("namespace", "service"), ("client_namespace", "client", "server_namespace", "server")


def run(*arguments, command="evaluate"):
    result = CliRunner().invoke(main, [command, *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def evaluate(*arguments):
    """The JSON of an evaluation."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return orjson.loads(result.stdout)


def verdicts(snapshot):
    return [(one["entity"], one["symptom"], one["root_cause"]) for one in snapshot["anomalies"]]


def effects(snapshot):
    return {(one["treatment"], one["outcome"]): one for one in snapshot["effects"]}


def write(path, header, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The shop's two days as a wide file with its calls, as a long file without, and the calls as a list."""
    directory = tmp_path_factory.mktemp("shop")
    steps = Shop().history()
    times = [START + STEP * number for number in range(len(steps))]
    labels = [dict(one.labels) for one in SERIES]
    entities = ["/".join(one[label] for label in (SERVICE if "service" in one else CALL)) for one in labels]
    header = [f"{entity}.{NAMES[one.name]}" for entity, one in zip(entities, SERIES, strict=True)]
    write(directory / "wide.csv", ["time", *header], ([t, *s.values] for t, s in zip(times, steps, strict=True)))
    place = {name: number for number, name in enumerate(header)}
    signals = [name for query, name in NAMES.items() if query.startswith("service:")]
    services = sorted({entity for entity in entities if entity.count("/") == 1})
    rows = (
        [time, *service.split("/"), *(step.values[place[f"{service}.{signal}"]] for signal in signals)]
        for time, step in zip(times, steps, strict=True)
        for service in services
    )
    write(directory / "long.csv", ["time", *SERVICE, *signals], rows)
    calls = [(call.client, call.server) for call in CALLS if not call.queue]
    write(directory / "calls.csv", ["caller", "callee"], calls)
    settings = yaml.safe_load(SETTINGS.read_text())
    settings["effects"] = [{"treatment": "shop/catalog.restarts", "outcome": "shop/catalog.latency"}]
    (directory / "causal.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    return directory


@pytest.fixture(scope="module")
def configured(folder):
    return evaluate("--data", folder / "wide.csv", "--config", folder / "causal.yaml")


@pytest.fixture(scope="module")
def guessed(folder):
    return evaluate("--data", folder / "long.csv", "--calls", folder / "calls.csv")


def test_a_file_gives_the_verdict_of_the_service(folder, configured):
    service = snapshot_json(World(settings=load_settings(folder / "causal.yaml")).tick())
    assert verdicts(configured) == verdicts(service)
    assert {root for _, _, root in verdicts(configured)} == {"platform/inventory"}
    assert configured.keys() == service.keys()
    shared = {
        (one["name"], str(one["labels"])): one["value"] for one in service["metrics"] if "anomaly_score" in one["name"]
    }
    ours = {(one["name"], str(one["labels"])): one["value"] for one in configured["metrics"]}
    marginal = [key for key in shared if key[0] == "causal_marginal_anomaly_score"]
    assert [ours[key] for key in marginal] == pytest.approx([shared[key] for key in marginal], rel=0.01)


def test_without_settings_the_verdict_is_the_same(guessed):
    assert {root for _, _, root in verdicts(guessed)} == {"platform/inventory"}
    top = next(one for one in guessed["root_causes"] if one["symptom"] == "shop/web.latency")
    assert top["causes"][0]["entity"] == "platform/inventory"
    assert top["causes"][0]["share"] > 0.8
    steps = [(step["cause"], step["effect"], step["relation"]) for step in top["path"]]
    assert steps[0][0] == "platform/inventory"
    assert steps[-1][1:] == ("shop/web", "calls")
    assert [cause for cause, _, _ in steps[1:]] == [effect for _, effect, _ in steps[:-1]]
    assert all(step["observed"] > step["usual"] and step["unit"] == "s" for step in top["path"])


def test_effects_of_restarts_cover_the_truth(configured, guessed):
    key = ("shop/catalog.restarts", "shop/catalog.latency")
    for found in (effects(configured)[key], effects(guessed)[key]):
        assert found["lower"] < TRUTH < found["upper"]
        assert found["association"] > 3 * TRUTH
    asked = {key: one for key, one in effects(guessed).items() if key[0].endswith(".restarts")}
    covered = sum(one["lower"] < TRUTH < one["upper"] for one in asked.values())
    assert len(asked) == 10
    assert covered >= 8


def test_at_an_earlier_time_nothing_was_wrong(folder):
    graph = folder / "graph.yaml"
    graph.write_text("[requests -> cpu, cpu -> latency]")
    before = str(START + STEP * (5760 - 200))
    result = run("--data", folder / "long.csv", "--graph", graph, "--at", before)
    assert result.exit_code == 0
    assert "Nothing is anomalous" in result.stdout
    assert "Scores at 2023-11-16 20:33:30 UTC" in result.stdout


def test_the_table_reads_from_file_to_cause(folder):
    graph = folder / "calls.yaml"
    rules = ["requests -> cpu", "cpu -> busy", "busy -> busy along calls from server to client", "restarts -> latency"]
    graph.write_text(yaml.safe_dump({"graph": {"templates": rules}}))
    result = run("--data", folder / "long.csv", "--calls", folder / "calls.csv", "--graph", graph)
    words = [
        "70 variables of 10 entities, 5,760 points every 30s, 2023-11-14 22:13:30 UTC to 2023-11-16 22:13:00 UTC",
        "root cause",
        "Root causes of shop/orders.latency, 0.12",
        "Effects",
        "Notices",
        "long: 'time' is the time",
    ]
    places = [result.stdout.find(text) for text in words]
    assert places == sorted(places)
    assert places[0] == 0
    assert re.search(r"platform/inventory  latency  \d+%  +this one", result.stdout)
    assert "1.  platform/inventory.latency" in result.stdout[places[2] : places[3]]
    assert result.stderr == ""


# Small files of any kind


def small(path, points=200, broken=True, services=("web", "db"), signals=("cpu", "memory")):
    rng = np.random.default_rng(3)
    values = 1 + 0.05 * rng.standard_normal((points, len(services) * len(signals)))
    if broken:
        values[-8:, -1] += 3
    header = [f"{service}.{signal}" for service in services for signal in signals]
    return write(path, ["time", *header], ([60 * t, *row] for t, row in enumerate(values, 1000)))


def test_only_resources_and_no_graph_at_all(tmp_path):
    found = evaluate("--data", small(tmp_path / "data.csv"))
    assert verdicts(found) == [("db", "db.memory", "db")]
    assert any("no calls are given" in notice for notice in found["notices"])
    assert evaluate("--data", small(tmp_path / "data.csv", broken=False))["anomalies"] == []


def test_a_call_graph_as_a_matrix_and_pods_of_workloads(tmp_path):
    pods = ("web-5f6585d649-fnmft", "db-579f59597d-wc2lz")
    data = small(tmp_path / "data.csv", services=pods, signals=("latency",))
    calls = tmp_path / "calls.csv"
    calls.write_text(",web,db\nweb,0,1\ndb,0,0\n")
    edges = [one for one in evaluate("--data", data, "--calls", calls)["metrics"] if one["name"] == "causal_edge_info"]
    assert [(one["labels"]["cause"], one["labels"]["effect"]) for one in edges] == [
        (f"{pods[1]}.latency", f"{pods[0]}.latency")
    ]


def test_rows_without_a_time_are_numbered(tmp_path):
    rng = np.random.default_rng(4)
    write(tmp_path / "data.csv", ["traffic", "latency"], rng.normal(1, 0.1, (100, 2)).tolist())
    result = run("--data", tmp_path / "data.csv")
    assert "100 points, row 0 to row 99" in result.stdout
    assert "no time column" in result.stdout


def test_rows_without_a_time_are_never_quiet(tmp_path):
    small(tmp_path / "small.csv")
    lines = (tmp_path / "small.csv").read_text().splitlines()
    (tmp_path / "rows.csv").write_text("\n".join(line.partition(",")[2] for line in lines))
    (tmp_path / "causal.yaml").write_text(
        """\
prometheus: {url: 'http://prometheus.test'}
step: 60s
baseline: 3h
entities: {service: {labels: [service]}}
signals:
  cpu: {entity: service, query: c, window: 60s, role: saturation}
  memory: {entity: service, query: m, window: 60s, role: saturation}
quiet_times:
  - {cron: "* * * * *", duration: 1h, reason: always}
"""
    )
    arguments = ("--data", tmp_path / "rows.csv", "--config", tmp_path / "causal.yaml")
    snapshot = evaluate(*arguments)
    assert snapshot["quiet"] == []
    assert any("no time column, and so no quiet_times" in notice for notice in snapshot["notices"])


def test_settings_that_do_not_fit_are_told(tmp_path):
    data = small(tmp_path / "data.csv")
    config = tmp_path / "causal.yaml"
    config.write_text(
        "prometheus: {url: http://nowhere}\nstep: 30s\nentities: {service: {labels: [app]}}\n"
        "signals:\n  cpu: {entity: service, query: x, window: 1m, role: saturation}\n"
        "  latency: {entity: service, query: x, window: 1m, role: latency}\n"
        "relations: {calls: {source: service_graph}}\n"
    )
    found = evaluate("--data", data, "--config", config)
    of_entities = [one for one in found["metrics"] if not one["name"].startswith(("causal_incident", "causal_graph"))]
    assert {one["labels"]["app"] for one in of_entities} == {"web", "db"}
    said = " ".join(found["notices"])
    assert "the settings have no such signal: memory" in said
    assert "the file has a step of 1m" in said
    assert "comes from Prometheus, and there is none here" in said
    assert next(one for one in found["signals"] if one["signal"] == "latency")["problem"] == "no column of this name"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "none.csv"], "none.csv: cannot be read: No such file or directory"),
        (["--data", "{data}", "--graph", "{bad}"], "'cpu disk' is not a cause and an effect"),
        (["--data", "{data}", "--graph", "{typo}"], "no signal 'cpus' in"),
        (["--data", "{data}", "--graph", "{cycle}"], "a cycle within one step"),
        (["--data", "{data}", "--graph", "none.yaml"], "none.yaml: cannot be read: No such file or directory"),
        (["--data", "{data}", "--calls", "{data}"], "is no list of calls"),
        (["--data", "{data}", "--at", "noon"], "--at: 'noon' is no time"),
        (["--data", "{data}", "--at", "2024-01-01"], "lies outside the file, which goes from 1970-01-01 16:40:00 UTC"),
        (["--data", "{data}", "--config", "none.yaml"], "none.yaml: there is no such file"),
        (["--data", "{data}", "--config", "{config}"], "no column of the file belongs to a signal of the settings"),
        (["--data", "{short}"], "20 points are too few to judge: 30 are needed"),
    ],
)
def test_what_cannot_be_used_is_told_and_ends_with_2(tmp_path, arguments, message):
    files = {"data": small(tmp_path / "data.csv"), "short": small(tmp_path / "short.csv", 20), "config": SETTINGS}
    for name, text in (
        ("bad", "[cpu disk]"),
        ("typo", "{edges: [web.cpus -> web.memory]}"),
        ("cycle", "[cpu -> memory, memory -> cpu]"),
    ):
        files[name] = tmp_path / f"{name}.yaml"
        files[name].write_text(text)
    if arguments[-1] == "{config}":
        files["data"] = small(tmp_path / "data.csv", signals=("pressure",))
    result = run(*(argument.format(**files) for argument in arguments), "--json")
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_check_says_what_was_understood(tmp_path):
    data = tmp_path / "data.csv"
    data.write_text("time,pod,CpuUsage(m),requests,note\n60,a,1,2,x\n120,a,,3,y\n240,a,5,6,z\n")
    result = run("--data", data, command="check")
    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "4 points every 1m, 1970-01-01 00:01:00 UTC to 1970-01-01 00:04:00 UTC" in lines
    assert "CpuUsage CpuUsage(m) m saturation gauge 1 2 50.0%" in lines
    assert "requests requests reqps load gauge 1 3 25.0%" in lines
    assert "note: left out, since they hold text: 'note'" in lines
    assert run("--data", tmp_path / "none.csv", command="check").exit_code == 2


def test_check_names_a_service_that_only_the_calls_know(tmp_path):
    (tmp_path / "data.csv").write_text("time,front.latency,payments.latency\n60,1,2\n120,2,3\n180,3,4\n")
    (tmp_path / "calls.csv").write_text("caller,callee\nfront,payment\n")
    result = run("--data", tmp_path / "data.csv", "--calls", tmp_path / "calls.csv", command="check")
    assert "'payment' (did you mean 'payments'?) is no measured service" in result.stdout


def test_the_example_of_the_docs_runs_and_says_what_is_written_there(tmp_path, monkeypatch):
    text = (Path(__file__).parents[2] / "docs" / "csv.md").read_text(encoding="utf-8")
    program = text.split("python3 - <<'END'\n")[1].split("END\n")[0]
    written = text.split("```\n\n```\n")[1].split("```")[0]
    monkeypatch.chdir(tmp_path)
    subprocess.run([sys.executable, "-"], input=program, text=True, check=True)
    result = run("--data", "shop.csv", "--calls", "calls.csv")
    assert result.stdout == written
