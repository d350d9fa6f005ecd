"""examples/pipelines: every file is YAML, and every call in it is one that the command line takes."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from datasource.cli import main

PIPELINES = sorted((Path(__file__).parents[2] / "examples" / "pipelines").glob("*.yml"))


def texts(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        for value in document.values():
            yield from texts(value)
    elif isinstance(document, list):
        for value in document:
            yield from texts(value)
    elif isinstance(document, str):
        yield document


def calls(path: Path) -> list[list[str]]:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    lines = [line for text in texts(document) for line in text.splitlines() if line.startswith("causal-datasource ")]
    return [shlex.split(re.sub(r"\$\{\{.*?\}\}|\$[A-Z_]+", "x", line))[1:] for line in lines]


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.name)
def test_every_call_is_taken(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAUSAL_URL", "http://127.0.0.1:8321")
    for arguments in calls(path):
        command: click.Command = main
        while isinstance(command, click.Group):
            found = command.get_command(click.Context(command), arguments.pop(0))
            assert found is not None
            command = found
        command.make_context(command.name, arguments)


def test_the_pipelines_gate_and_record() -> None:
    said = {path.name: calls(path) for path in PIPELINES}
    for name in ("github-actions.yml", "gitlab-ci.yml"):
        assert [call[:2] for call in said[name]][:2] == [["intervention", "run"], ["deploy", "check"]]


def test_what_prometheus_is_asked_for_is_exported() -> None:
    from datasource.service import HELP

    for path in PIPELINES:
        for metric in re.findall(r"causal_\w+(?=\{)", path.read_text(encoding="utf-8")):
            assert metric in HELP
