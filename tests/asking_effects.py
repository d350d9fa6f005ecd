"""EffectsWorker `causal-datasource effect` about columns."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner, Result

from datasource.cli import main


def write(path: Path, **columns: Any) -> Path:
    """A CSV file of these columns."""
    lists = [np.asarray(column).tolist() for column in columns.values()]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *zip(*lists, strict=True)])
    return path


def ask(path: Path, treatment: str, outcome: str, *options: str) -> Result:
    """What the command prints, as a person runs it."""
    arguments = ["effect", "--data", str(path), "--treatment", treatment, "--outcome", outcome, *map(str, options)]
    result = CliRunner().invoke(main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def effect(path: Path, treatment: str, outcome: str, *options: str) -> dict[str, Any]:
    """The answer as JSON, which is all that stands on standard output."""
    result = ask(path, treatment, outcome, *options, "--json")
    assert result.exit_code == 0, result.stderr
    answer = json.loads(result.stdout)
    wanted = {"association", "effect", "lower", "upper", "p_value", "method", "adjustment_set", "n", "checks"}
    assert wanted <= set(answer)
    return answer


def refusal(path: Path, treatment: str, outcome: str, *options: str) -> str:
    """What is said on standard error where there is no answer; nothing else is printed."""
    result = ask(path, treatment, outcome, *options)
    assert result.exit_code == 1, result.output
    assert not result.stdout
    assert "Traceback" not in result.stderr
    return result.stderr


def covers(answer: dict[str, Any], truth: float) -> bool:
    return answer["lower"] <= truth <= answer["upper"]


def checks(answer: dict[str, Any]) -> dict[str, bool | None]:
    return {check["name"]: check["passed"] for check in answer["checks"]}
