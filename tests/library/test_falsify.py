"""Graphs and first looks of files: `cd.falsify`, `cd.associations`, and their commands."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import datasource as cd
from datasource.cli import main

RIGHT = ["requests -> cpu", "cpu -> latency"]
SETTINGS = """
prometheus: {url: 'http://p:9090'}
step: 60s
entities:
  service: {labels: [service]}
signals:
  requests: {entity: service, query: requests, window: 1m, role: load}
  cpu: {entity: service, query: cpu, window: 1m, role: saturation}
  latency: {entity: service, query: latency, window: 1m, role: latency}
graph:
  templates: [RULES]
"""


@pytest.fixture
def table() -> pd.DataFrame:
    """Two services: load moves cpu, cpu moves latency two minutes later."""
    rng = np.random.default_rng(1)
    rows = 1500
    found = pd.DataFrame({"time": pd.date_range("2026-01-01", periods=rows, freq="1min")})
    for name in ("web", "db"):
        load = rng.gamma(9.0, 3.0, size=rows)
        cpu = load + rng.normal(0, 4, size=rows)
        found[f"{name}.requests"], found[f"{name}.cpu"] = load, cpu
        found[f"{name}.latency"] = np.roll(cpu, 2) + rng.normal(0, 4, size=rows)
    return found


@pytest.fixture
def files(table: pd.DataFrame, tmp_path: Path) -> tuple[str, Path]:
    path = tmp_path / "services.csv"
    table.to_csv(path, index=False)
    return str(path), tmp_path / "causal.yaml"


def check(data: str, config: Path, rules: list[str], *more: str) -> tuple[int, str]:
    config.write_text(SETTINGS.replace("RULES", ", ".join(rules)))
    found = CliRunner().invoke(main, ["graph", "check", "--data", data, "--config", str(config), *more])
    return found.exit_code, found.output


def test_a_graph_that_holds_ends_with_0(files: tuple[str, Path]) -> None:
    code, said = check(*files, ["requests -> cpu", "cpu -> latency (lag 2)"])
    assert code == 0, said
    assert "0 of" in said


def test_a_missing_rule_and_an_idle_one_end_with_2_and_are_named(files: tuple[str, Path]) -> None:
    code, said = check(*files, ["cpu -> latency (lag 2)"])
    assert code == 2
    assert "web.requests" in said
    code, said = check(*files, ["requests -> cpu", "cpu -> latency (lag 2)", "requests -> latency"])
    assert code == 2
    assert "'requests -> latency' explains at most" in said
    code, said = check(*files, ["cpu -> latency (lag 2)"], "--json")
    document = json.loads(said)
    assert {"contradictions", "doubtful", "independences", "not_tested", "share", "shuffled"} <= set(document)
    assert code == 2


def test_without_a_graph_there_is_nothing_to_test(table: pd.DataFrame) -> None:
    with pytest.raises(cd.StudyError, match="no graph to test"):
        cd.falsify(table)


def test_every_form_of_the_answer(table: pd.DataFrame) -> None:
    one = table[["time", "web.requests", "web.cpu", "web.latency"]]
    found = cd.falsify(one.rename(columns=lambda name: name.removeprefix("web.")), graph=cd.graph("requests -> cpu"))
    assert list(found.to_frame().columns) == ["variable", "effect", "given", "explained", "p_value", "adjusted"]
    assert not found.holds()
    assert "latency" in str(found)
    assert found.plot() is not None


def test_associations_find_the_lag_and_say_that_they_are_no_more_than_that(table: pd.DataFrame) -> None:
    found = cd.associations(table)
    rows = {(row["variable"], row["later"]): row for row in found.to_dict()["associations"]}
    assert rows["web.cpu", "web.latency"]["lag"] == 2
    assert rows["web.cpu", "web.latency"]["lower"] > 0.8
    assert not any(one.startswith("web") != other.startswith("web") for one, other in rows)
    assert "none of them says what causes what" in str(found)
    assert len(found.to_frame()) == len(rows)


@pytest.mark.parametrize("bend", ["pearson", "spearman"])
def test_a_coefficient_is_told_for_either(table: pd.DataFrame, bend: str) -> None:
    table["web.latency"] = np.exp(table["web.latency"] / 3)
    found = cd.associations(table[["time", "web.cpu", "web.latency"]], coefficient=bend).found
    assert found[0].spearman > 0.8 > found[0].pearson


def test_series_with_memory_that_have_nothing_in_common_are_no_association() -> None:
    rng = np.random.default_rng(3)
    table = pd.DataFrame({f"walk{n}": pd.Series(rng.normal(size=800)).ewm(alpha=0.05).mean() for n in range(12)})
    assert len(cd.associations(table).found) <= 4


def test_wrong_questions_are_told_what_to_change(table: pd.DataFrame, files: tuple[str, Path]) -> None:
    with pytest.raises(cd.StudyError, match="pearson or spearman"):
        cd.associations(table, coefficient="kendall")
    with pytest.raises(cd.StudyError, match="from 0 to 750"):
        cd.associations(table, longest_lag=800)
    with pytest.raises(cd.StudyError, match="from 0 to 60"):
        cd.discover(table, longest_lag=61)
    printed = CliRunner().invoke(main, ["associations", "--data", files[0], "--json"])
    assert printed.exit_code == 0
    assert json.loads(printed.output)["associations"]
    assert CliRunner().invoke(main, ["associations", "--data", files[0], "--longest-lag", "-1"]).exit_code == 2
