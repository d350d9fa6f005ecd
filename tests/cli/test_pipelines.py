"""examples/pipelines: every file is YAML, and every call in it is one that the command line takes."""

import re
import shlex
import subprocess
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
    return [shlex.split(re.sub(r"\$\{\{.*?\}\}|\{\{.*?\}\}|\$[A-Z_]+", "x", line))[1:] for line in lines]


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


def test_github_workflows_have_jobs_whose_steps_each_do_one_thing() -> None:
    found = [path for path in PIPELINES if path.name.startswith("github-actions")]
    assert len(found) == 2
    for path in found:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        triggers = document.pop(True)  # YAML 1.1 reads "on" so
        assert isinstance(triggers, dict)
        assert set(document) <= {"name", "permissions", "jobs"}
        for job in document["jobs"].values():
            assert {"runs-on", "steps"} <= set(job) <= {"runs-on", "steps", "env"}
            for step in job["steps"]:
                assert len({"uses", "run"} & set(step)) == 1
                assert set(step) <= {"uses", "run", "name", "if", "with"}


def test_gitlab_jobs_have_an_image_a_stage_and_a_script() -> None:
    document = yaml.safe_load((PIPELINES[0].parent / "gitlab-ci.yml").read_text(encoding="utf-8"))
    assert set(document) == {"deploy", "causal-settings"}
    known = {"image", "stage", "script", "before_script", "rules", "variables"}
    for job in document.values():
        assert {"image", "stage", "script"} <= set(job) <= known
        assert job["stage"] in (".pre", "build", "test", "deploy", ".post")
        assert all(isinstance(line, str) for line in (*job["script"], *job["before_script"]))


@pytest.mark.parametrize("name", ["chaos-mesh.yml", "litmuschaos.yml"])
def test_workflows_of_chaos_record_and_end_under_one_key(name: str) -> None:
    began, ended = calls(PIPELINES[0].parent / name)
    assert (began[:2], ended[:2]) == (["intervention", "record"], ["intervention", "end"])
    assert began[began.index("--key") + 1] == ended[2]
    document = yaml.safe_load((PIPELINES[0].parent / name).read_text(encoding="utf-8"))
    assert {"apiVersion", "kind", "metadata", "spec"} == set(document)
    named = {template["name"] for template in document["spec"]["templates"]}
    entry = document["spec"].get("entry") or document["spec"]["entrypoint"]
    children = next(one for one in document["spec"]["templates"] if one["name"] == entry)
    used = children.get("children") or [step["template"] for steps in children["steps"] for step in steps]
    assert {entry, *used, document["spec"].get("onExit", entry)} == named


def test_the_script_of_the_nightly_job_is_sh_and_calls_what_there_is() -> None:
    script = PIPELINES[0].parent / "causal.sh"
    assert subprocess.run(["sh", "-n", str(script)], check=False).returncode == 0
    lines = [line.partition(" > ")[0].partition(" || ")[0].strip() for line in script.read_text().splitlines()]
    found = [
        shlex.split(re.sub(r"\$past", "--from=-7d", line))[1:]
        for line in lines
        if line.startswith("causal-datasource ")
    ]
    assert len(found) == 7
    for arguments in found:
        command, rest = main, arguments
        while isinstance(command, click.Group):
            command, rest = command.get_command(click.Context(command), rest[0]), rest[1:]
        command.make_context(command.name, [*rest, *(["--url", "http://u"] if arguments[0] == "experiment" else [])])


def test_the_pipelines_gate_and_record() -> None:
    said = {path.name: calls(path) for path in PIPELINES}
    for name in ("github-actions.yml", "gitlab-ci.yml"):
        assert [call[:2] for call in said[name]][:2] == [["intervention", "run"], ["deploy", "check"]]


def test_what_prometheus_is_asked_for_is_exported() -> None:
    from datasource.service import HELP

    for path in PIPELINES:
        for metric in re.findall(r"causal_\w+(?=\{)", path.read_text(encoding="utf-8")):
            assert metric in HELP
