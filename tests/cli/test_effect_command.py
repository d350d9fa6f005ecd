"""`effect` says what one column of a file does to another: as a table, as JSON, for rows of every kind."""

import json

import asking_effects as asking
import numpy as np
import pytest
from click.testing import CliRunner

from datasource.cli import main

START, STEP = 1_700_000_010, 30


def autoregressive(rng, n, memory=0.9):
    row = rng.normal(size=n)
    for t in range(1, n):
        row[t] += memory * row[t - 1]
    return row


def delayed(row, lag):
    return np.concatenate([np.zeros(lag), row[: len(row) - lag]])


def seconds(n):
    return START + STEP * np.arange(n)


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """Two hours and more of a slow effect: half at once, all of it after two steps, 2.0 in total."""
    folder, rng, n = tmp_path_factory.mktemp("series"), np.random.default_rng(3), 1500
    load = autoregressive(rng, n)
    cpu = load + autoregressive(rng, n)
    latency = 0.5 * cpu + delayed(cpu, 1) + 0.5 * delayed(cpu, 2) + 2 * load + autoregressive(rng, n)
    path = asking.write(
        folder / "series.csv", **{"time": seconds(n), "cpu": cpu, "latency (ms)": latency, "load": load}
    )
    rules = folder / "graph.yaml"
    rules.write_text("- load -> cpu\n- load -> latency\n- cpu -> latency (lag 0..2)\n- load -> load (lag 1)\n")
    return path, rules


def test_a_file_with_times_is_a_series_whose_lags_come_from_the_graph(series):
    path, rules = series
    answer = asking.effect(path, "cpu", "latency", "--graph", rules)
    assert answer["method"] == "backdoor.distributed_lag"
    assert answer["lags"] == 2
    assert [one["lag"] for one in answer["per_lag"]] == [0, 1, 2]
    for one, truth in zip(answer["per_lag"], (0.5, 1.0, 0.5), strict=True):
        assert one["effect"] == pytest.approx(truth, abs=0.15)
    assert asking.covers(answer, 2.0)
    assert answer["association_lower"] > 2.2


def test_lags_may_be_asked_for(series):
    path, _ = series
    answer = asking.effect(path, "cpu", "latency", "--adjust", "load", "--lags", "2")
    assert answer["adjustment_set"] == ["load", "load@-1", "load@-2"]
    assert asking.covers(answer, 2.0)


def test_without_lags_a_check_says_that_effects_arrive_later(series):
    path, _ = series
    answer = asking.effect(path, "cpu", "latency", "--adjust", "load")
    assert answer["lags"] == 0
    assert asking.checks(answer)["delayed effect"] is False


def test_an_interval_of_a_series_is_wider_than_that_of_the_same_rows_without_times(series, tmp_path):
    path, _ = series
    lines = path.read_text().splitlines()
    bare = tmp_path / "bare.csv"
    bare.write_text("\n".join(line.partition(",")[2] for line in lines))
    options = "--adjust", "load", "--method", "linear_regression"
    timed, independent = (
        asking.effect(path, "cpu", "latency", *options),
        asking.effect(bare, "cpu", "latency", *options),
    )
    assert timed["effect"] == pytest.approx(independent["effect"])
    assert timed["upper"] - timed["lower"] > 1.5 * (independent["upper"] - independent["lower"])


def test_a_unit_in_the_heading_may_be_left_out(series):
    path, _ = series
    written = asking.effect(path, "cpu", "latency (ms)", "--adjust", "load")
    assert written == asking.effect(path, "cpu", "latency", "--adjust", "load")
    assert written["outcome"] == "latency (ms)"


@pytest.fixture(scope="module")
def panel(tmp_path_factory):
    """Three services, the busier ones faster by accident; an effect of 1.0, half of it one step late."""
    folder, rng, n = tmp_path_factory.mktemp("panel"), np.random.default_rng(5), 400
    rows = {"timestamp": [], "service": [], "cpu": [], "latency": []}
    for number, service in enumerate(("cart", "search", "web")):
        cpu = autoregressive(rng, n, 0.5) + 4 * number
        rows["timestamp"] += seconds(n).tolist()
        rows["service"] += [service] * n
        rows["cpu"] += cpu.tolist()
        rows["latency"] += (0.5 * cpu + 0.5 * delayed(cpu, 1) - 5 * number + autoregressive(rng, n, 0.5)).tolist()
    order = rng.permutation(3 * n)
    shuffled = {name: [column[place] for place in order] for name, column in rows.items()}
    return asking.write(folder / "panel.csv", **shuffled)


def test_times_and_units_make_a_panel_with_an_intercept_for_each_unit(panel):
    answer = asking.effect(panel, "cpu", "latency", "--lags", "1")
    assert answer["adjustment_set"] == ["service"]
    assert answer["association_upper"] < 0.5
    assert asking.covers(answer, 1.0)
    assert {group["level"] for group in answer["groups"]} == {"cart", "search", "web"}


def test_lags_never_reach_into_another_unit(panel):
    answer = asking.effect(panel, "cpu", "latency", "--lags", "1")
    assert answer["n"] == 3 * 399


def test_a_name_that_is_different_in_every_row_is_no_unit(tmp_path):
    rng = np.random.default_rng(1)
    x = rng.normal(size=60)
    path = asking.write(
        tmp_path / "d.csv", pod=[f"pod-{number}" for number in range(60)], x=x, y=x + rng.normal(size=60)
    )
    answer = asking.effect(path, "x", "y")
    assert answer["adjustment_set"] == []
    assert any("'pod' is different in every row" in notice for notice in answer["notices"])


def test_services_that_are_treated_as_a_whole_are_not_told_apart(tmp_path):
    rng = np.random.default_rng(9)
    service = np.repeat(np.arange(8), 50)
    canary = service % 2
    path = asking.write(
        tmp_path / "d.csv",
        service=np.array(list("abcdefgh"))[service],
        canary=canary,
        latency=3 * canary + rng.normal(size=400),
    )
    answer = asking.effect(path, "canary", "latency")
    assert asking.covers(answer, 3.0)
    assert any("never moves within one 'service'" in notice for notice in answer["notices"])


def test_texts_are_adjusted_for_as_indicators(tmp_path):
    rng = np.random.default_rng(2)
    zone = rng.integers(0, 3, 600)
    x = 2.0 * (zone == 1) + rng.normal(size=600)
    y = x + 5 * (zone == 1) - 3 * (zone == 2) + rng.normal(size=600)
    path = asking.write(tmp_path / "d.csv", x=x, y=y, zone=np.array(["b", "a", "c"])[zone])
    answer = asking.effect(path, "x", "y", "--adjust", "zone")
    assert answer["adjustment_set"] == ["zone"]
    assert asking.covers(answer, 1.0)
    assert not asking.covers(answer, answer["association"])


@pytest.mark.parametrize("method", ["linear_regression", "double_machine_learning", "CausalForestDML"])
def test_modifiers_bring_the_effect_at_each_level_beside_the_pooled_one(tmp_path, method):
    rng = np.random.default_rng(4)
    tier = rng.integers(0, 2, 800)
    x = rng.normal(size=800)
    y = np.where(tier == 1, 3.0, 1.0) * x + rng.normal(size=800)
    path = asking.write(tmp_path / "d.csv", x=x, y=y, tier=np.array(["free", "paid"])[tier])
    answer = asking.effect(path, "x", "y", "--adjust", "tier", "--modifiers", "tier", "--method", method)
    found = {group["level"]: group["effect"] for group in answer["groups"]}
    assert found["free"] == pytest.approx(1.0, abs=0.25)
    assert found["paid"] == pytest.approx(3.0, abs=0.25)
    assert 1.7 < answer["effect"] < 2.3


def test_yes_and_no_are_a_treatment(tmp_path):
    rng = np.random.default_rng(6)
    on = rng.integers(0, 2, 300)
    path = asking.write(tmp_path / "d.csv", canary=np.array(["no", "yes"])[on], latency=4 * on + rng.normal(size=300))
    answer = asking.effect(path, "canary", "latency")
    assert answer["method"] == "difference_in_means"
    assert asking.covers(answer, 4.0)


def test_the_table_shows_association_beside_effect_and_why_it_is_one(series):
    path, rules = series
    shown = asking.ask(path, "cpu", "latency", "--graph", rules).stdout
    for text in (
        "cpu -> latency (ms): 1,498 rows over time ('time' every 30s)",
        "association",
        "effect, lags 0 to 2 summed",
        "95% interval",
        "backdoor.distributed_lag",
        "adjusted for   load",
        "This is the effect if",
        "Effect by lag",
        "pass  placebo treatment",
    ):
        assert text in shown


def test_a_failed_check_stands_out(series):
    path, _ = series
    assert "FAIL  delayed effect" in asking.ask(path, "cpu", "latency", "--adjust", "load").stdout


def test_json_holds_numbers_or_null_and_a_sentence_for_every_check(tmp_path):
    path = asking.write(tmp_path / "d.csv", g=[0, 0, 1, 1], p=[0, 1, 0, 1], y=[20, 22, 18, 25])
    result = asking.ask(path, "g", "y", "--group", "g", "--post", "p", "--json")
    assert "NaN" not in result.stdout
    answer = json.loads(result.stdout)
    assert answer["effect"] == 5
    assert answer["lower"] is answer["upper"] is answer["p_value"] is None
    assert all(check["text"] and check["passed"] in (True, False, None) for check in answer["checks"])


def test_the_command_says_what_it_takes():
    shown = CliRunner().invoke(main, ["effect", "--help"]).output
    for option in ("--data", "--treatment", "--outcome", "--graph", "--adjust", "--instrument", "--mediator", "--unit"):
        assert option in shown
    for option in ("--time", "--group", "--post", "--strata", "--modifiers", "--method", "--lags", "--json"):
        assert option in shown


def test_a_counter_is_told_wherever_it_stands(tmp_path):
    rng, n = np.random.default_rng(1), 400
    load = autoregressive(rng, n)
    errors = np.cumsum(np.maximum(5 + load + rng.normal(size=n), 0))
    errors[200:] -= errors[200]
    path = asking.write(tmp_path / "counter.csv", time=seconds(n), load=load, errors_total=errors)
    done = CliRunner().invoke(main, ["effect", "--data", path, "--treatment", "load", "--outcome", "errors_total"])
    assert done.exit_code == 0, done.output
    assert "errors_total only ever rises, as counters do" in done.output
    assert "load only ever rises" not in done.output


def test_a_counter_of_what_seldom_happens_is_told_too(tmp_path):
    rng, n = np.random.default_rng(1), 400
    load = autoregressive(rng, n)
    crashes = np.cumsum(rng.random(n) < 0.02).astype(float)
    disk = np.cumsum(rng.random(n) < 0.02).astype(float)
    columns = {"load": load, "disk": disk, "crash_total": crashes, "latency": 2 * load + rng.normal(size=n)}
    path = asking.write(tmp_path / "rare.csv", time=seconds(n), **columns)
    command = ["effect", "--data", path, "--outcome", "latency", "--treatment"]
    assert "crash_total only ever rises" in CliRunner().invoke(main, [*command, "crash_total"]).output
    assert "only ever rises" not in CliRunner().invoke(main, [*command, "disk"]).output
