"""`causal-datasource rank`: files of two times in, a ranking out."""

import json
from pathlib import Path

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
    assert list(answer) == ["ranking", "confidence", "notices"]
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


LINKS = (("web", "cart"), ("cart", "db"), ("web", "db"))


def write_spans(
    folder, name: str, points: int, seed: int, *, slow: tuple[str, str] | None = None, calls=LINKS, lines=4
):
    """Sums over ten seconds by service and by call, in two files."""
    rng = np.random.default_rng(seed)
    services = ["time,service,requests,busy,log_lines,log_errors"]
    links = ["time,client,server,calls,client_seconds,server_seconds"]
    for point in range(points):
        time = 1_700_000_000 + 10 * point + 36_000 * seed
        made = {pair: rng.poisson(5) for pair in calls}
        for service in SERVICES:
            requests = sum(made[pair] for pair in calls if pair[1] == service) or 6
            services.append(f"{time},{service},{requests},{requests * rng.gamma(20, 0.01):.6g},{lines * requests},0")
        for (client, server), number in made.items():
            served = number * rng.gamma(20, 0.002)
            waited = served + number * rng.gamma(20, 0.0002) * (100 if slow == (client, server) else 1)
            if number:
                links.append(f"{time},{client},{server},{number},{waited:.6g},{served:.6g}")
    paths = [folder / f"{name}-services.csv", folder / f"{name}-calls.csv"]
    for path, rows in zip(paths, (services, links), strict=True):
        path.write_text("\n".join(rows) + "\n")
    return [str(path) for path in paths]


@pytest.fixture
def spans(tmp_path):
    """Baseline and incident, each services and calls; the way from web to cart is slow."""
    return write_spans(tmp_path, "n", 200, 1), write_spans(tmp_path, "i", 18, 2, slow=("web", "cart"))


def rename(spans, old: str, new: str) -> None:
    """Other names of columns in the files of calls."""
    for path in (Path(spans[0][1]), Path(spans[1][1])):
        path.write_text(path.read_text().replace(old, new))


def sides(baseline: list[str], incident: list[str]) -> list[str]:
    options = {"--baseline": baseline, "--incident": incident}
    return [part for option, paths in options.items() for path in paths for part in (option, path)]


def test_measured_calls_beside_services_are_ranked_too(spans):
    found = ranking(*sides(*spans))
    assert found[0]["variable"] == "web/cart.client_seconds"
    assert len(found) == 3 * 4 + 3 * 3
    assert "--calls" not in run(*sides(*spans)).output


def test_the_table_says_what_changed_where_calls_are_measured(files, tmp_path):
    rows = [("n", 200, 1, 4), ("i", 18, 2, 2)]
    spans = [write_spans(tmp_path, name, points, seed, lines=lines) for name, points, seed, lines in rows]
    output = run(*sides(*spans)).output
    assert "adds by itself  changed" in output
    assert "calls, log lines or operations per request" in output
    assert "changed" not in run(*files).output


def test_files_of_services_are_joined_too(tmp_path):
    parts = [write(tmp_path / f"{name}.csv", 30, 1, columns=(name,)) for name in ("cpu", "latency_ms")]
    now = [write(tmp_path / f"now_{name}.csv", 3, 2, slow="db", columns=(name,)) for name in ("cpu", "latency_ms")]
    found = ranking(*sides(parts, now))
    assert found[0]["service"] == "db"
    assert len(found) == 6


def test_a_call_s_signal_may_be_named_as_one_of_services(spans, tmp_path):
    rename(spans, "client,server,calls,", "client,server,requests,")
    found = ranking(*sides(*spans))
    assert found[0]["variable"] == "web/cart.client_seconds"
    assert "web/cart.call_requests" in {one["variable"] for one in found}


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (((0, 1), (0,)), "calls are measured in the baseline only; give a file of the same calls with --incident"),
        (((0,), (0, 1)), "calls are measured in the incident only; give a file of the same calls with --baseline"),
        (((1,), (1,)), "the files hold calls alone"),
    ],
)
def test_calls_that_do_not_fit_are_refused_with_the_fix(spans, chosen, said):
    baseline, incident = ([files[i] for i in which] for files, which in zip(spans, chosen, strict=True))
    result = run(*sides(baseline, incident))
    assert result.exit_code == 2
    assert said in result.stderr


def test_calls_between_others_than_the_services_are_refused(spans, tmp_path):
    others = [
        write_spans(tmp_path, f"{name}2", points, 3, calls=(("a", "b"),))[1] for name, points in (("n", 200), ("i", 18))
    ]
    result = run(*sides([spans[0][0], others[0]], [spans[1][0], others[1]]))
    assert result.exit_code == 2
    assert "nothing in common: calls are between a, b" in result.stderr


def test_calls_whose_number_is_not_known_are_refused(spans):
    rename(spans, "client,server,calls,", "client,server,n,")
    result = run(*sides(*spans))
    assert result.exit_code == 2
    assert "name the column of their number 'calls'" in result.stderr


def test_files_of_different_steps_are_refused(spans, tmp_path):
    other = write(tmp_path / "minutes.csv", 30, 1)
    result = run(*sides([spans[0][0], other], [spans[1][0]]))
    assert result.exit_code == 2
    assert "steps of" in result.stderr


def test_the_end_of_a_call_can_be_said(spans, tmp_path):
    rename(spans, "client_seconds,server_seconds", "seen,took")
    roles = tmp_path / "roles.yaml"
    roles.write_text("seen: {role: work, unit: s}\ntook: {role: work, unit: s, end: server}\n")
    assert ranking(*sides(*spans), "--roles", str(roles))[0]["variable"] == "web/cart.seen"
    roles.write_text("took: {role: work, end: middle}\n")
    assert "client or server" in run(*sides(*spans), "--roles", str(roles)).stderr


def test_a_counter_is_told(tmp_path):
    def count(path, points, seed):
        rng = np.random.default_rng(seed)
        seen, lines = np.zeros(3), ["time," + ",".join(f"{s}.errors_total,{s}.latency_ms" for s in SERVICES)]
        for point in range(points):
            seen += rng.random(3) < 0.1
            cells = ",".join(f"{total:g},{20 + rng.normal():.3f}" for total in seen)
            lines.append(f"{1_700_000_000 + 60 * point + 90_000 * seed},{cells}")
        path.write_text("\n".join(lines) + "\n")
        return str(path)

    files = ["--baseline", count(tmp_path / "normal.csv", 120, 1), "--incident", count(tmp_path / "now.csv", 10, 2)]
    (said,) = [line for line in run(*files).stdout.splitlines() if "only grows" in line]
    assert said.strip().startswith("errors_total only grows, of ")
    assert "write its growth per second" in said
