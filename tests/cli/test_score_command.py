"""`score` says at every point of a file who broke and who only suffers."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import orjson
import pytest
from click.testing import CliRunner

from datasource.cli import main
from datasource.demo.faults import PRESENT
from datasource.demo.series import SERIES
from datasource.demo.services import CALLS, HISTORY_STEPS
from datasource.demo.shop import Shop

POINTS, STEP, START = HISTORY_STEPS, 30, 1_700_000_010
COLUMNS = ["observed", "expected", "lower", "upper", "causal_score", "marginal_score", "alarm"]
SIGNALS = {
    "service:requests:rate30s": "requests",
    "service:busy_seconds:rate30s": "busy",
    "service:latency_seconds:mean30s": "latency",
    "service:cpu_cores:rate30s": "cpu",
}
FAULT = PRESENT.start_step
"""The row of the shop's file at which the last fault begins."""


def run(*arguments, command="score"):
    result = CliRunner().invoke(main, [command, *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def printed(*arguments) -> list[dict[str, str]]:
    """The rows of the CSV on standard output."""
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return list(csv.DictReader(io.StringIO(result.stdout)))


def write(path, header, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def iso(row: int) -> str:
    return str(np.datetime64(START + STEP * row, "s")) + "Z"


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Two days of the demo's shop, whose inventory gets slow in the last twelve minutes, and its calls."""
    directory = tmp_path_factory.mktemp("shop")
    taken = [place for place, one in enumerate(SERIES) if one.name in SIGNALS]
    header = [f"{'/'.join(dict(SERIES[p].labels).values())}.{SIGNALS[SERIES[p].name]}" for p in taken]
    steps = Shop().history()
    rows = ([START + STEP * row, *(step.values[place] for place in taken)] for row, step in enumerate(steps))
    write(directory / "shop.csv", ["time", *header], rows)
    calls = [(call.client, call.server) for call in CALLS if not call.queue]
    write(directory / "calls.csv", ["caller", "callee"], calls)
    return directory


@pytest.fixture(scope="module")
def scored(shop):
    output = shop / "scores.csv"
    result = run("--data", shop / "shop.csv", "--calls", shop / "calls.csv", "--output", output)
    assert result.exit_code == 0, result.output
    with output.open(newline="") as file:
        return result, list(csv.DictReader(file))


def scores(rows, service, signal, kind, since=0, until=POINTS):
    own = [row for row in rows if (row["service"], row["signal"]) == (service, signal)]
    return np.array([float(row[f"{kind}_score"] or "nan") for row in own])[since:until]


def test_every_point_of_every_variable_joins_with_the_file(scored):
    _, rows = scored
    assert list(rows[0]) == ["time", "namespace", "service", "signal", *COLUMNS]
    assert len({(row["time"], row["namespace"], row["service"], row["signal"]) for row in rows}) == len(rows)
    assert len(rows) == POINTS * len(SIGNALS) * 10
    assert {row["time"] for row in rows} == {iso(row) for row in range(POINTS)}


def test_values_are_the_files_own(shop, scored):
    with (shop / "shop.csv").open(newline="") as file:
        wide = {iso(number): row for number, row in enumerate(csv.DictReader(file))}
    for row in scored[1][:: POINTS // 7]:
        told = wide[row["time"]][f"{row['namespace']}/{row['service']}.{row['signal']}"]
        assert float(row["observed"]) == float(told)
        assert float(row["lower"]) <= float(row["expected"]) <= float(row["upper"])


def test_who_broke_scores_causally_and_who_waits_for_it_only_marginally(scored):
    _, rows = scored
    fault = slice(FAULT + 2, POINTS)
    assert (scores(rows, PRESENT.service, "latency", "causal")[fault] > 1).all()
    for victim, at_least in (("catalog", 1.0), ("checkout", 1.0), ("orders", 1.0), ("web", 0.5)):
        assert (scores(rows, victim, "latency", "marginal")[fault] > at_least).all()
        assert (scores(rows, victim, "latency", "causal")[fault] < 1).all()
    for kind in ("causal", "marginal"):
        assert (scores(rows, "cart", "latency", kind)[fault] < 1).all(), "it does not call the inventory"


def test_before_the_fault_there_is_hardly_a_score_above_1(scored):
    for kind in ("causal", "marginal"):
        assert np.mean(scores(scored[1], PRESENT.service, "latency", kind, until=FAULT) > 1) < 0.005


def alarmed(rows, service, signal):
    """At which rows of the file an alarm of a variable goes on."""
    own = [row["alarm"] for row in rows if (row["service"], row["signal"]) == (service, signal)]
    assert set(own) <= {"0", "1"}
    return np.flatnonzero(np.array(own) == "1")


def test_who_broke_and_who_suffers_alarm_once_their_scores_persist(scored):
    _, rows = scored
    for service in (PRESENT.service, "catalog"):
        assert alarmed(rows, service, "latency").tolist()[-(POINTS - FAULT - 2) :] == [*range(FAULT + 2, POINTS)]
        assert FAULT not in alarmed(rows, service, "latency"), "one point is none"
    assert not (alarmed(rows, "cart", "latency") >= FAULT).any(), "it does not call the inventory"


def test_signals_that_alarm_for_nobody_never_alarm_whatever_their_score(tmp_path):
    rows = printed("--data", small(tmp_path / "web.csv", header=("latency", "requests"), broken=range(150, 165)))
    assert len(above(rows, "requests")) >= 10
    assert not alarmed(rows, "web", "requests").size
    named = printed("--data", small(tmp_path / "web.csv", header=("requests", "latency"), broken=range(150, 165)))
    assert alarmed(named, "web", "latency").tolist() == [*range(151, 167)], (
        "from the second point, which is far outside"
    )


def test_a_resource_alarms_for_who_broke_and_not_for_who_suffers(tmp_path):
    rows = printed("--data", load_of_cpu(tmp_path / "web.csv"))
    surge = slice(150, 165)
    assert (scores(rows, "web", "cpu", "marginal", until=200)[surge] > 1).all()
    assert not alarmed(rows, "web", "cpu").size


def load_of_cpu(path):
    """A surge of requests that the cpu follows."""
    rng = np.random.default_rng(4)
    requests = 100 + rng.standard_normal(200)
    requests[150:165] += 50
    cpu = 0.1 * requests + 0.05 * rng.standard_normal(200)
    return write(path, ["time", "requests", "cpu"], zip(range(60_000, 72_000, 60), requests, cpu, strict=True))


def test_an_alarm_goes_on_between_points_that_lie_close_together(tmp_path):
    broken = [*range(100, 105), *range(108, 113), *range(150, 153)]
    data, normal = small(tmp_path / "web.csv", broken=broken), small(tmp_path / "normal.csv")
    rows = printed("--data", data, "--baseline", normal)
    assert alarmed(rows, "web", "latency").tolist() == [*range(101, 115), *range(151, 156)]
    said = run("--data", data, "--baseline", normal, "--output", tmp_path / "scores.csv").stdout
    assert "\n2 alarms of everything together: 3 of the last 5 points of a score that alarms are above 1" in said
    quiet = run("--data", small(tmp_path / "web.csv", broken=[7, 150]), "--output", tmp_path / "scores.csv").stdout
    assert "\nNo alarms: nowhere 3 of the last 5 points of a score that alarms are above 1" in quiet


def test_json_tells_the_alarms_of_everything_together(tmp_path):
    data = two_services(tmp_path / "data.csv", a=range(100, 105), b=[*range(108, 118), *range(180, 190)])
    rows, answer = printed("--data", data), orjson.loads(run("--data", data, "--json").stdout)
    first, second = answer["alarms"]
    assert set(first["variables"]) == {"a.latency", "b.latency"}
    assert second["variables"] == ["b.latency"]
    times = [row["time"] for row in rows if row["service"] == "a"]
    assert (first["start"], first["end"]) == (times[101], times[119])
    assert (second["start"], second["end"]) == (times[181], times[191])
    assert 1 < second["peak"] <= max(float(row["causal_score"]) for row in rows)


def two_services(path, **broken):
    rng = np.random.default_rng(6)
    values = 1 + 0.05 * rng.standard_normal((2, 300))
    for row, places in zip(values, broken.values(), strict=True):
        row[list(places)] += 3
    names = [f"{name}.latency" for name in broken]
    return write(path, ["time", *names], ([60_000 + 60 * t, *values[:, t]] for t in range(300)))


# Series whose names tell no role


def series(path, header=("value",), broken=(), by=10.0, points=400):
    """Noise, and a jump of the first column in the rows `broken`."""
    rng = np.random.default_rng(8)
    values = rng.standard_normal((points, len(header)))
    values[list(broken), 0] += by
    return write(path, ["time", *header], ([60_000 + 60 * t, *row] for t, row in enumerate(values.tolist())))


def since_second_or_third(alarms, first, stop):
    """Whether these rows are an alarm of something that goes on from the first to before another, the second of which
    may be far enough outside."""
    return alarms.tolist() in ([*range(first + 1, stop)], [*range(first + 2, stop)])


@pytest.mark.parametrize("by", [10.0, -10.0])
def test_a_series_of_no_known_role_is_judged_in_both_directions(tmp_path, by):
    data = series(tmp_path / "a.csv", broken=range(390, 400), by=by)
    assert since_second_or_third(alarmed(printed("--data", data), "a", "value"), 390, 400)
    assert "no column's name tells its role: value is judged" in run("--data", data).stderr
    snapshot = orjson.loads(run("--data", data, "--json", command="evaluate").stdout)
    assert [one["value"] for one in snapshot["metrics"] if one["name"] == "causal_service_anomaly"] == [1]
    replayed = orjson.loads(run("--data", data, "--json", command="backtest").stdout)
    assert [one["end"] for one in replayed["alarms"]] == [60_000 + 60 * 399]


def test_several_series_of_no_known_role_are_all_judged(tmp_path):
    data = series(tmp_path / "a.csv", ("x", "y", "z"), broken=range(390, 400))
    assert since_second_or_third(alarmed(printed("--data", data), "a", "x"), 390, 400)
    assert "no column's name tells its role: all are judged" in run("--data", data).stderr
    shown = run("--data", data, command="check").stdout
    assert shown.count("saturation") == 3
    assert "no column's name tells its role: all are judged" in shown


def test_what_has_no_role_is_not_judged_beside_what_alarms_and_is_beside_what_does_not(tmp_path):
    beside = series(tmp_path / "a.csv", ("x", "latency"), broken=range(390, 400))
    assert not alarmed(printed("--data", beside), "a", "x").size
    assert "no column's name" not in run("--data", beside).stderr
    traffic = series(tmp_path / "a.csv", ("x", "requests"), broken=range(390, 400))
    assert since_second_or_third(alarmed(printed("--data", traffic), "a", "x"), 390, 400)
    assert "no column's name tells a role that alarms: x is judged" in run("--data", traffic).stderr


def test_with_settings_only_their_roles_count(tmp_path):
    data, config = series(tmp_path / "a.csv", broken=range(390, 400)), tmp_path / "causal.yaml"
    config.write_text(CONFIG.split("  cpu:", maxsplit=1)[0] + "  value: {entity: service, query: x, window: 1m}\n")
    result = run("--data", data, "--config", config)
    assert {row["alarm"] for row in csv.DictReader(io.StringIO(result.stdout))} == {"0"}
    assert "no column's name" not in result.stderr


def test_traffic_alone_alarms_nobody_and_that_is_told(tmp_path):
    data = series(tmp_path / "a.csv", ("requests",), broken=range(390, 400))
    assert {row["alarm"] for row in printed("--data", data)} == {"0"}
    assert "nothing here alarms: by their names, the columns are load" in run("--data", data).stderr
    result = run("--data", data, command="backtest")
    assert result.exit_code == 2
    assert "no signal alarms, for that its role has to be latency, failure, work or saturation" in result.stderr


@pytest.mark.parametrize(
    ("values", "alarms"),
    [
        ([3.0] * 200, 0),
        ([0.0] * 200, 0),
        ([0.0] * 150 + [5.0] + [0.0] * 49, 0),
        ([3.0, ""] * 100, 0),
        ([3.0] * 150 + [9.0] * 10 + [3.0] * 40, 1),
        ([1.0, 2.0, 1.5] * 10 + [1.0], 0),
    ],
)
def test_series_that_hardly_move_are_judged_all_the_same(tmp_path, values, alarms):
    rows = ([60_000 + 60 * t, one] for t, one in enumerate(values))
    data = write(tmp_path / "a.csv", ["time", "value"], rows)
    found = orjson.loads(run("--data", data, "--json").stdout)
    assert len(found["alarms"]) == alarms
    assert len(found["scores"]) == len(values)


def test_a_column_without_any_number_is_told(tmp_path):
    write(tmp_path / "a.csv", ["time", "value", "x"], ([60_000 + 60 * t, "", t % 7] for t in range(200)))
    assert "left out, since they hold no number: 'value'" in run("--data", tmp_path / "a.csv").stderr
    write(tmp_path / "a.csv", ["time", "value"], ([60_000 + 60 * t, ""] for t in range(200)))
    result = run("--data", tmp_path / "a.csv")
    assert result.exit_code == 2
    assert "no column holds numbers; it needs one for each signal" in result.stderr


def test_the_summary_says_how_much_was_scored_and_where_the_highest_scores_are(scored):
    result, rows = scored
    lines = result.stdout.splitlines()
    assert lines[0].startswith("40 variables of 10 entities, 5,760 points every 30s, 2023-11-14 22:13:30 UTC to ")
    top = next(number for number, line in enumerate(lines) if line.startswith("  variable"))
    worst = max(rows, key=lambda row: float(row["causal_score"] or -1))
    name, score = lines[top + 1].split()[:2]
    assert name == f"{worst['namespace']}/{worst['service']}.{worst['signal']}"
    assert float(score) == pytest.approx(float(worst["causal_score"]), rel=0.01)
    assert "  platform/inventory.latency  " in result.stdout
    assert "wide: 'time' is the time" in result.stdout


# Small files of any kind


def small(path, points=200, start=60_000, header=("cpu", "latency"), broken=(), seed=3, time=True):
    """A file in which latency follows cpu, and is 3 too high in the rows `broken`."""
    rng = np.random.default_rng(seed)
    cpu = 1 + 0.2 * rng.standard_normal(points)
    latency = 1 + cpu + 0.05 * rng.standard_normal(points)
    latency[list(broken)] += 3
    rows = zip(cpu.tolist(), latency.tolist(), strict=True)
    if not time:
        return write(path, header, rows)
    return write(path, ["time", *header], ([start + 60 * t, *row] for t, row in enumerate(rows)))


def above(rows, signal="latency"):
    return [row["time"] for row in rows if row["signal"] == signal and float(row["causal_score"]) > 1]


def test_a_file_of_one_entity_is_named_after_it(tmp_path):
    rows = printed("--data", small(tmp_path / "web.csv", broken=(150, 151)))
    assert {(row["service"], row["signal"]) for row in rows} == {("web", "cpu"), ("web", "latency")}
    assert above(rows)[-2:] == ["1970-01-01T19:10:00Z", "1970-01-01T19:11:00Z"]


def test_without_a_time_column_rows_are_numbered(tmp_path):
    rows = printed("--data", small(tmp_path / "web.csv", broken=(7, 150), time=False))
    assert [row["time"] for row in rows if row["signal"] == "cpu"] == [str(number) for number in range(200)]
    assert above(rows) == ["7", "150"]


def test_a_missing_sample_has_an_expected_value_and_no_score(tmp_path):
    data = small(tmp_path / "web.csv")
    lines = data.read_text().splitlines()
    lines[11] = lines[11].rpartition(",")[0] + ","
    data.write_text("\n".join(lines))
    row = printed("--data", data)[200 + 10]
    assert (row["signal"], row["observed"], row["causal_score"], row["marginal_score"]) == ("latency", "", "", "")
    assert 1 < float(row["expected"]) < 3
    found = json.loads(run("--data", data, "--json").stdout)["scores"][200 + 10]
    assert found["observed"] is None
    assert found["causal_score"] is None


def test_json_is_all_that_is_printed_and_has_the_same_rows(tmp_path):
    data = small(tmp_path / "web.csv", broken=(150,))
    result = run("--data", data, "--json", "--output", tmp_path / "scores.csv")
    assert result.stderr == ""
    answer = orjson.loads(result.stdout)
    assert list(answer) == ["scores", "alarms", "notices"]
    assert list(answer) == ["scores", "alarms", "notices"]
    with (tmp_path / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == printed("--data", data) == printed("--data", data, "--output", "-")
    for one, row in zip(answer["scores"], rows, strict=True):
        assert one["variable"] == f"web.{row['signal']}"
        assert one["time"] == row["time"]
        assert [one[name] for name in COLUMNS] == [float(row[name]) for name in COLUMNS]


def test_an_incident_of_a_few_points_is_scored_against_a_normal_time(tmp_path):
    normal = small(tmp_path / "normal.csv")
    for points in (1, 4):
        incident = small(tmp_path / "incident.csv", points, start=900_000, broken=range(points), seed=5)
        rows = printed("--data", incident, "--baseline", normal)
        assert len(rows) == 2 * points
        assert len(above(rows)) == points
        assert above(rows, "cpu") == []
    lasting = small(tmp_path / "lasting.csv", start=900_000, broken=range(200))
    assert len(above(printed("--data", lasting))) <= 5, "a file that is broken throughout is usual to itself"
    assert len(above(printed("--data", lasting, "--baseline", normal))) == 200


CONFIG = """
prometheus: {url: http://nowhere}
step: 60s
baseline: 2h
entities: {service: {labels: [app]}}
signals:
  cpu: {entity: service, query: x, window: 1m, role: saturation}
  latency: {entity: service, query: x, window: 1m, role: latency}
graph: {templates: [cpu -> latency]}
"""


def test_with_settings_the_end_scores_as_evaluate_says_and_what_lies_before_the_baseline_scores_too(tmp_path):
    data, config = small(tmp_path / "web.csv", 300, broken=(20, 299)), tmp_path / "causal.yaml"
    config.write_text(CONFIG)
    rows = printed("--data", data, "--config", config)
    assert len(rows) == 600
    assert {row["app"] for row in rows} == {"web"}
    assert (above(rows)[0], above(rows)[-1]) == ("1970-01-01T17:00:00Z", "1970-01-01T21:39:00Z")
    said = orjson.loads(run("--data", data, "--config", config, "--json", command="evaluate").stdout)["metrics"]
    evaluated = next(one["value"] for one in said if one["name"] == "causal_anomaly_score" and _is_latency(one))
    assert float(rows[-1]["causal_score"]) == pytest.approx(evaluated, rel=1e-3)
    assert "learnt from the newest 2h" in run("--data", data, "--config", config).stderr


def _is_latency(sample):
    return sample["labels"]["signal"] == "latency"


def test_labels_that_are_called_like_a_column_are_told_apart(tmp_path):
    rng = np.random.default_rng(1)
    lines = ([60 * t, name, rng.normal()] for t in range(100, 200) for name in "ab")
    rows = printed("--data", write(tmp_path / "data.csv", ["time", "signal", "cpu"], lines), "--entity", "signal")
    assert {(row["entity_signal"], row["signal"]) for row in rows} == {("a", "cpu"), ("b", "cpu")}


def test_a_variable_with_too_few_samples_is_told_and_left_out(tmp_path):
    rng = np.random.default_rng(2)
    lines = [[60 * t, rng.normal(), rng.normal() if t < 105 else ""] for t in range(100, 200)]
    result = run("--data", write(tmp_path / "data.csv", ["time", "web.cpu", "db.cpu"], lines))
    assert "fewer than 50 samples to fit on, and not scored: db.cpu" in result.stderr
    assert {row["service"] for row in csv.DictReader(io.StringIO(result.stdout))} == {"web"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "none.csv"], "none.csv: cannot be read: No such file or directory"),
        (["--data", "{short}"], "20 points are too few to fit: 30 are needed"),
        (["--data", "{data}", "--baseline", "{short}"], "20 points of the baseline are too few to fit: 30 are needed"),
        (["--data", "{sparse}"], "no variable has enough samples to fit: the fullest has 20, 100 are needed"),
        (["--data", "{data}", "--baseline", "{untimed}"], "one of data and baseline has a time column"),
        (["--data", "{slow}", "--baseline", "{data}"], "the baseline has a step of 1m, the data of 2m"),
        (["--data", "{other}", "--baseline", "{data}"], "nothing can be scored"),
        (["--data", "{data}", "--graph", "{cycle}"], "a cycle within one step"),
        (["--data", "{data}", "--calls", "{data}"], "is no list of calls"),
        (["--data", "{data}", "--config", "none.yaml"], "none.yaml: there is no such file"),
        (["--data", "{data}", "--time", "when"], "no column 'when'"),
        (["--data", "{data}", "--output", "{data}"], "is an input; choose another --output"),
        (["--data", "{data}", "--output", "{nowhere}"], "cannot be written: No such file or directory"),
    ],
)
def test_what_cannot_be_used_is_told_and_ends_with_2(tmp_path, arguments, message):
    files = {name: tmp_path / f"{name}.csv" for name in ("data", "short", "sparse", "untimed", "slow", "other")}
    small(files["data"])
    small(files["short"], 20)
    small(files["untimed"], time=False)
    small(files["other"], header=("disk", "memory"))
    write(files["slow"], ["time", "cpu"], ([120 * t, t % 7] for t in range(200)))
    services = range(10)
    sparse = ([60 * t, *("" if t % 10 != one else t % 7 for one in services)] for t in range(200))
    write(files["sparse"], ["time", *(f"s{one}.cpu" for one in services)], sparse)
    files |= {"cycle": tmp_path / "cycle.yaml", "nowhere": tmp_path / "nowhere" / "scores.csv"}
    files["cycle"].write_text("[cpu -> latency, latency -> cpu]")
    result = run(*(argument.format(**files) for argument in arguments))
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_the_example_of_the_docs_scores_as_written_there(tmp_path, monkeypatch):
    text = (Path(__file__).parents[2] / "docs" / "csv.md").read_text(encoding="utf-8")
    program = text.split("python3 - <<'END'\n")[1].split("END\n")[0]
    header, *written = text.split("## Scores at every point")[1].split("```\n")[2].strip().splitlines()
    monkeypatch.chdir(tmp_path)
    subprocess.run([sys.executable, "-"], input=program, text=True, check=True)
    rows = printed("--data", "shop.csv", "--calls", "calls.csv")
    assert header == ",".join(rows[0])
    assert len(written) == 2
    for line in written:
        told = dict(zip(header.split(","), line.split(","), strict=True))
        row = next(r for r in rows if all(r[name] == told[name] for name in ("time", "service", "signal")))
        for name in COLUMNS:
            assert float(row[name]) == pytest.approx(float(told[name]), abs=1e-4 if "score" not in name else 0.01)


def test_a_baseline_and_data_of_different_steps_share_the_grid_that_is_said(tmp_path):
    rng = np.random.default_rng(4)
    for name, step, points in (("usual", 60, 200), ("now", 20, 60)):
        lines = [f"{1_700_000_040 + step * n},{0.05 + rng.normal(0, 0.002):.4f}" for n in range(points)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["time,web.latency", *lines]))
    files = ["--data", str(tmp_path / "now.csv"), "--baseline", str(tmp_path / "usual.csv")]
    result = run(*files)
    assert result.exit_code == 2
    assert "bring them to the same step, as --step 1m does" in result.output
    rows = [line.split(",") for line in run(*files, "--step", "1m").stdout.splitlines()[1:]]
    assert 20 <= len(rows) <= 21
    assert max(len(cell) for row in rows for cell in row[4:]) <= 12, "what is computed has six digits"
