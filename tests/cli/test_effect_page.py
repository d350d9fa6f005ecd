"""The page on effects shows what its own commands print."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from datasource.cli import main

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
