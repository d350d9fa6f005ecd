"""The page on effects shows what its own commands print."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import asking_effects as asking
import pytest
from click.testing import CliRunner

from datasource.cli import main
from datasource.settings.methods import METHODS, find_method

PAGE = (Path(__file__).parents[2] / "docs" / "effects.md").read_text(encoding="utf-8")


def run(command):
    words = shlex.split(command.replace("\\\n", " "))
    result = CliRunner().invoke(main, words[1:])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the page's files are written."""
    directory = tmp_path_factory.mktemp("page")
    program, cells = PAGE.split("python3 - <<'END'\n")[1], PAGE.split("cat > cells.csv <<'END'\n")[1]
    subprocess.run([sys.executable, "-"], input=program.split("END\n")[0], text=True, check=True, cwd=directory)
    (directory / "cells.csv").write_text(cells.split("END\n")[0])
    return directory


@pytest.mark.parametrize("data", ["services.csv", "cells.csv"])
def test_a_command_prints_what_stands_below_it(folder, monkeypatch, data):
    monkeypatch.chdir(folder)
    command = f"causal-datasource effect --data {data}"
    _, _, rest = PAGE.partition(command)
    written = rest.split("```\n\n```\n")[1].split("```")[0]
    said = run(command + rest.split("```")[0])
    assert said.split("Checks\n")[0] == written.split("Checks\n")[0]
    assert "FAIL" not in said or data == "cells.csv"


def test_double_machine_learning_and_strata_too(folder, monkeypatch):
    monkeypatch.chdir(folder)
    asked = "causal-datasource effect --data services.csv --treatment pod_restarts --outcome request_latency"
    by_method = run(f"{asked} --graph graph.yaml --method double_machine_learning")
    by_strata = run(f"{asked} --adjust traffic --strata service_id")
    for line in PAGE.split("(`--method double_machine_learning`):")[1].split("```")[1].strip().splitlines():
        assert line in by_method
    for line in PAGE.split("says so where the sign turns:")[1].split("```")[1].strip().splitlines():
        assert line in by_strata


def test_a_set_that_the_graph_finds_wrong_is_shown_as_it_is_printed(folder, monkeypatch):
    monkeypatch.chdir(folder)
    _, _, rest = PAGE.partition("causal-datasource effect --data services.csv --graph graph.yaml --adjust")
    said = run("causal-datasource effect --data services.csv --graph graph.yaml --adjust" + rest.split("```")[0])
    assert rest.split("```")[2].strip("\n") in said


def test_pairs_make_a_graph_of_names_with_spaces(tmp_path):
    asking.write(
        tmp_path / "d.csv",
        **{"node cpu": [1, 2, 4, 3] * 9, "pod restarts": [0, 1, 2] * 12, "request latency": [5, 8, 6, 9] * 9},
    )
    (tmp_path / "graph.yaml").write_text(PAGE.split("```yaml\n")[1].split("```")[0])
    answer = asking.effect(
        tmp_path / "d.csv", "pod restarts", "request latency", "--graph", str(tmp_path / "graph.yaml")
    )
    assert answer["adjustment_set"] == ["node cpu"]


def test_every_method_has_its_row():
    rows = [line.split("|") for line in PAGE.split("## Methods\n")[1].split("\n## ")[0].splitlines() if "`" in line]
    named = [re.findall("`([^`]+)`", row[1]) for row in rows if len(row) > 3]
    assert tuple(names[0] for names in named) == METHODS
    assert all(find_method(also) == names[0] for names in named for also in names)


def test_the_script_ends_well(folder, monkeypatch):
    monkeypatch.chdir(folder)
    command = PAGE.split("## For scripts")[1].split("```sh\n")[1].split("|\n")[0]
    answer = json.loads(run(command))
    assert all(check["passed"] is not False for check in answer["checks"])
    assert answer["upper"] < 20
    for key in re.findall("`([a-z_]+)`", PAGE.split("`--json` prints only JSON: ")[1].split("`checks`")[0]):
        assert key in answer
