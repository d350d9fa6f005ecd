"""Discovery of a file: names as they stand there, every form of the answer, and the command that prints it."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import datasource as cd
from datasource.cli import main
from datasource.library.graph_diff import with_rules
from datasource.settings import load_settings, parse_settings
from datasource.settings.rules import parse_rule

NAMES = ("net in", "http_processes", "cpu_http", "cpu (global)", "response_time")
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
  templates:
    # the only one
    - RULE
"""


def web(rows: int = 900, seed: int = 0) -> pd.DataFrame:
    """Each column moves the next."""
    rng = np.random.default_rng(seed)
    columns = [rng.gamma(9.0, 3.0, size=rows)]
    for _ in NAMES[1:]:
        columns.append(columns[-1] + rng.normal(0, 4, size=rows))
    table = pd.DataFrame(dict(zip(NAMES, columns, strict=True)))
    table.insert(0, "time", pd.date_range("2026-01-01", periods=rows, freq="1min"))
    return table


def services(path: Path, rows: int = 1500) -> str:
    """Load moves cpu, cpu moves latency, in each of two services; written to a file."""
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"time": pd.date_range("2026-01-01", periods=rows, freq="1min")})
    for name in ("web", "db"):
        table[f"{name}.requests"] = rng.gamma(9.0, 3.0, size=rows)
        table[f"{name}.cpu"] = table[f"{name}.requests"] + rng.normal(0, 4, size=rows)
        table[f"{name}.latency"] = table[f"{name}.cpu"] + rng.normal(0, 4, size=rows)
    table.to_csv(path, index=False)
    return str(path)


def test_columns_are_called_as_in_the_file_and_names_give_directions() -> None:
    found = cd.discover(web())
    edges = {(edge["cause"], edge["effect"]) for edge in found.to_dict()["edges"]}
    assert edges == set(pairwise(NAMES))


def test_the_document_has_exactly_its_keys() -> None:
    document = cd.discover(web()).to_dict()
    assert set(document) == {"edges", "refused", "notices"}
    keys = {"cause", "effect", "lag", "strength", "stability", "oriented", "evidence"}
    assert all(set(edge) == keys for edge in document["edges"])


def test_every_form_of_the_answer_tells_the_same_edges() -> None:
    found = cd.discover(web())
    edges = found.to_dict()["edges"]
    assert list(found.to_frame()["cause"]) == [edge["cause"] for edge in edges]
    assert all(edge["cause"] in str(found) and edge["effect"] in str(found) for edge in edges)
    assert "<svg" in found.page()


def test_columns_of_which_only_some_have_a_dot_are_all_taken() -> None:
    table = web().rename(columns={"cpu_http": "host1.cpu"})
    names = {name for edge in cd.discover(table).to_dict()["edges"] for name in (edge["cause"], edge["effect"])}
    assert names == {"host1.cpu" if name == "cpu_http" else name for name in NAMES}


def test_rows_without_times_are_taken_in_their_order() -> None:
    table = web().drop(columns="time")
    assert len(cd.discover(table).proposal.edges) == len(NAMES) - 1


def test_a_wrong_method_or_lag_is_refused_in_a_sentence() -> None:
    with pytest.raises(cd.StudyError, match="known are: hybrid"):
        cd.discover(web(), method="guess")
    with pytest.raises(cd.StudyError, match="longest_lag is -1"):
        cd.discover(web(), longest_lag=-1)


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["discover", *arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_the_command_prints_the_librarys_answer(tmp_path: Path) -> None:
    path = tmp_path / "web.csv"
    web().to_csv(path, index=False)
    assert json.loads(run("--data", str(path), "--json")) == cd.discover(str(path)).to_dict()
    assert run("--data", str(path)) == f"{cd.discover(str(path))}\n"


def test_a_graph_that_lacks_an_edge_ends_with_2_and_the_diff_adds_it(tmp_path: Path) -> None:
    data, settings = services(tmp_path / "services.csv"), tmp_path / "causal.yaml"
    settings.write_text(SETTINGS.replace("RULE", "cpu -> latency"))
    diff = run("--data", data, "--settings", str(settings), "--diff", code=2)
    assert "+    - requests -> cpu\n" in diff
    changed = [line[1:] for line in diff.splitlines()[3:] if line[0] in " +"]
    assert "    # the only one" in changed
    settings.write_text(SETTINGS.replace("    - RULE", "    - cpu -> latency\n    - requests -> cpu"))
    assert load_settings(settings).settings.graph.templates
    assert run("--data", data, "--settings", str(settings), "--diff", code=0) == ""


def test_what_data_doubt_is_told_beside_its_rule_and_stays(tmp_path: Path) -> None:
    data, settings = services(tmp_path / "services.csv"), tmp_path / "causal.yaml"
    rules = "cpu -> latency\n    - requests -> cpu\n    - requests -> latency"
    settings.write_text(SETTINGS.replace("RULE", rules))
    diff = run("--data", data, "--settings", str(settings), "--diff", code=2)
    assert [line for line in diff.splitlines() if line.startswith("+    - requests -> latency  # doubtful: ")]
    assert not [line for line in diff.splitlines() if line.startswith("+    - cpu")]


def test_without_settings_the_diff_is_a_graph_block_that_commands_read(tmp_path: Path) -> None:
    data, graph = services(tmp_path / "services.csv"), tmp_path / "graph.yaml"
    graph.write_text(run("--data", data, "--diff"))
    assert cd.discover(data, graph=str(graph)).disagrees is False


def test_calls_alone_make_no_edge_known(tmp_path: Path) -> None:
    found = cd.discover(services(tmp_path / "services.csv"), calls=[("web", "db")])
    assert all(edge.is_new for edge in found.proposal.edges)
    assert not found.disagrees


def test_a_column_that_never_moves_is_named_as_in_the_file() -> None:
    found = cd.discover(web().assign(**{"disk io": 1.0}))
    assert found.proposal.notices == ("disk io is left out: it never moves",)


@pytest.mark.parametrize(
    "graph",
    [
        "graph: {templates: [cpu -> latency]}",
        "graph: {templates: []}",
        "graph: {forbid: [cpu -> requests]}",
        "graph: {}",
        "graph:\n  templates: [cpu -> latency, requests -> latency]  # in one line",
        "graph:\n  templates: []",
        "graph:\n  templates:\n  forbid: [cpu -> requests]",
        "graph:\n  templates:\n  - cpu -> latency\n  forbid: [cpu -> requests]",
        "graph:\n  forbid:\n    - cpu -> requests",
        "step: 60s",
    ],
)
def test_rules_are_added_however_the_graph_is_written(graph: str) -> None:
    bare = SETTINGS.partition("graph:")[0].replace("step: 60s\n", "") if graph == "step: 60s" else None
    text = f"{bare or SETTINGS.partition('graph:')[0]}{graph}\n"
    before = parse_settings(text).graph if "templates:\n  forbid" not in text else None
    rules = [parse_rule("requests -> cpu (lag 0..1)"), parse_rule("web.requests -> db.latency")]
    after = parse_settings(with_rules(text, rules, {})).graph
    assert str(after.templates[-1]) == "requests -> cpu (lag 0..1)"
    assert str(after.edges[-1]) == "web.requests -> db.latency"
    assert before is None or (after.templates[:-1], after.forbid) == (before.templates, before.forbid)
