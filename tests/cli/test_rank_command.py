"""`causal-datasource rank`: two files in, a ranking out."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from datasource.cli import main

SERVICES = ("web", "cart", "db")


def write(
    path, points: int, seed: int, *, slow: str = "", missing: float = 0.0, columns=("cpu", "memory", "latency_ms")
):
    rng = np.random.default_rng(seed)
    lines = ["time," + ",".join(f"{service}.{column}" for service in SERVICES for column in columns)]
    for point in range(points):
        cells = [str(1_700_000_000 + 60 * point + 3600 * seed)]
        for service in SERVICES:
            for column in columns:
                value = {"cpu": 0.4, "memory": 3e8}.get(column, 20.0) * (1 + 0.03 * rng.normal())
                value *= 4 if service == slow and column != "memory" else 1
                cells.append("" if rng.random() < missing else f"{value:.6g}")
        lines.append(",".join(cells))
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.fixture
def files(tmp_path):
    return [
        *("--baseline", write(tmp_path / "normal.csv", 30, 1)),
        *("--incident", write(tmp_path / "incident.csv", 3, 2, slow="db")),
    ]


def run(*arguments: str):
    return CliRunner().invoke(main, ["rank", *arguments])


def ranking(*arguments: str) -> list[dict]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert list(answer) == ["ranking"]
    return answer["ranking"]


def test_json_has_every_variable_best_first(files):
    found = ranking(*files)
    assert found[0]["service"] == "db"
    assert set(found[0]) == {"variable", "service", "score", "contribution", "unit"}
    assert len(found) == 9
    scores = [one["score"] for one in found]
    assert scores == sorted(scores, reverse=True)


def test_a_table_names_each_service_once(files):
    output = run(*files).output
    assert "1.  db" in output
    assert [output.count(f".  {service} ") for service in SERVICES] == [1, 1, 1]
    assert "--calls" in output


def test_calls_graph_symptom_and_roles_are_taken(files, tmp_path):
    calls, graph, roles = tmp_path / "calls.csv", tmp_path / "g.yaml", tmp_path / "roles.yaml"
    calls.write_text("caller,callee\nweb,cart\ncart,db\nweb,elsewhere\n")
    graph.write_text("- db.latency_ms -> cart.latency_ms\n- cart.latency_ms -> web.latency_ms\n")
    roles.write_text("latency_ms: {role: latency, unit: ms}\ncpu: saturation\n")
    for known in (["--calls", str(calls)], ["--graph", str(graph)], ["--roles", str(roles)]):
        found = ranking(*files, *known, "--symptom", "web.latency_ms")
        assert found[0]["service"] == "db"
    assert "--calls" not in run(*files, "--graph", str(graph)).output


def test_missing_samples_are_normal(tmp_path):
    normal = write(tmp_path / "n.csv", 40, 1, missing=0.2)
    incident = write(tmp_path / "i.csv", 5, 2, slow="cart", missing=0.2)
    assert ranking("--baseline", normal, "--incident", incident)[0]["service"] == "cart"


def test_columns_of_only_one_file_are_told_and_score_nothing(tmp_path):
    normal = write(tmp_path / "n.csv", 40, 1, columns=("cpu", "latency"))
    incident = write(tmp_path / "i.csv", 5, 2, slow="cart", columns=("cpu", "memory"))
    arguments = ("--baseline", normal, "--incident", incident)
    assert ranking(*arguments)[0]["variable"] == "cart.cpu"
    assert "not measured in the incident, and not judged: web.latency" in run(*arguments).output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--symptom", "web.speed"], "write it as service.signal"),
        (["--calls", "nowhere.csv"], "nowhere.csv"),
        (["--roles", "ROLES: {cpu: boss}"], "roles are load"),
        (["--roles", "ROLES: {speed: latency}"], "which the files do not have"),
        (["--roles", "ROLES: "], "holds no roles"),
        (["--roles", "ROLES: {cpu: null, memory: null, latency_ms: load}"], "no signal is known to be"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_fix(files, tmp_path, arguments, said):
    if arguments[1].startswith("ROLES: "):
        (tmp_path / "roles.yaml").write_text(arguments[1].removeprefix("ROLES: "))
        arguments = ["--roles", str(tmp_path / "roles.yaml")]
    result = run(*files, *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""
