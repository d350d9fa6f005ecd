"""Every tool over stdio, against a service on simulated data: numbers with what shows them, one-line failures."""

import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scripted_agent import Agent, Running, settings_reading
from worlds import World

from datasource.demo.processes import start_prometheus
from datasource.mcp.telling import MOST
from datasource.settings import load_settings

TOOLS = ["whats_wrong", "incident", "rank_windows", "effect", "what_if", "explain_change", "graph", "mark_incident"]
TOOLS += ["record_intervention"]
NUMBER = re.compile(r"\d")


def claims(text: str) -> list[tuple[str, str]]:
    """The lines of an answer below headings, each with its heading."""
    found, heading = [], ""
    for line in text.splitlines():
        if line.startswith("- "):
            found.append((heading, line))
        else:
            heading = line
    return found


def windows(world: World) -> dict[str, str]:
    """A normal time of the shop, and its incident."""
    end = world.client.end
    times = {"normal_from": end - 12_000, "normal_to": end - 2_000, "incident_from": end - 600, "incident_to": end}
    return {name: str(at) for name, at in times.items()}


def test_nine_tools_are_offered_and_two_of_them_write(agent: Agent) -> None:
    tools = agent.tools()
    assert [tool.name for tool in tools] == TOOLS
    assert [tool.name for tool in tools if not tool.annotations.read_only_hint] == TOOLS[-2:]
    assert all(len(tool.description) > 60 for tool in tools)


def test_what_is_wrong_now_names_cause_size_and_remedy(agent: Agent, service: Running) -> None:
    text = agent.answer("whats_wrong")
    assert text.startswith("At 2023-11-16T22:13:00Z: 1 incident open, 5 entities anomalous\n")
    assert f"(shown by panel incidents, {service.url}/api/v1/incidents)" in text
    assert "126 ms from platform/inventory (its own latency, 89% sure)" in text
    assert "To do: roll platform/inventory back" in text


def test_an_incident_has_a_path_with_numbers_that_add_up(agent: Agent) -> None:
    text = agent.answer("incident")
    assert agent.answer("incident", incident="20231116T220130Z-shop-web.latency") == text
    adding = [line for heading, line in claims(text) if heading.startswith("Where the gap comes from")]
    gap, *parts = (float(re.search(r"(-?[\d.]+) s\b", line)[1]) for line in adding)  # type: ignore[index]
    assert sum(parts) == pytest.approx(gap, rel=1e-3)
    path = [line for heading, line in claims(text) if heading.startswith("Path")]
    assert [line.partition(" (")[0] for line in path] == [
        "- platform/inventory -> shop/catalog",
        "- shop/catalog -> shop/web",
    ]
    assert all("usually" in line and "score" in line for line in path)


def test_what_an_incident_does_not_know_is_said(
    agent: Agent, service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = service.clock.snapshot
    assert snapshot
    (one,) = snapshot.incidents
    first, *rest = one.causes.path
    unsure = replace(
        one,
        roots=(),
        suggestions=(),
        causes=one.causes._replace(unexplained=one.causes.gap / 2, path=(first._replace(variable=None), *rest)),
    )
    monkeypatch.setattr(service.clock, "snapshot", replace(snapshot, incidents=(unsure,)))
    unknown = [line for heading, line in claims(agent.answer("incident")) if heading == "Not known"]
    assert unknown == [
        "- who broke; the likeliest: platform/inventory 89%",
        "- whether shop/catalog is off by platform/inventory: no score of that link",
        "- where 50% of the gap comes from",
        "- what to do: no remedy is configured that helps here",
    ]


def test_two_times_of_prometheus_are_ranked(agent: Agent, world: World) -> None:
    first = claims(agent.answer("rank_windows", **windows(world), symptom="shop/web.latency"))[0]
    assert first[1].startswith("- platform/inventory: ")
    assert "clearest at platform/inventory.latency" in first[1]
    assert "shown by http://127.0.0.1:" in first[0]


def test_two_files_are_ranked(agent: Agent, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    files = []
    for name, points, slow in (("normal", 200, 1), ("incident", 20, 5)):
        latency = 0.02 * slow + 0.001 * rng.normal(size=points)
        rows = [f"{60 * at},{one:.5f},{0.03 + one + 0.001 * rng.normal():.5f}" for at, one in enumerate(latency)]
        files.append(tmp_path / f"{name}.csv")
        files[-1].write_text("\n".join(["time,db.latency,web.latency", *rows]) + "\n", encoding="utf-8")
    calls = tmp_path / "calls.csv"
    calls.write_text("caller,callee\nweb,db\n", encoding="utf-8")
    text = agent.answer("rank_windows", normal_csv=str(files[0]), incident_csv=str(files[1]), calls_csv=str(calls))
    assert claims(text)[0][1].startswith("- db: ")


def test_nobody_is_blamed_for_nothing(agent: Agent, world: World) -> None:
    end = world.client.end
    times = windows(world) | {"incident_from": str(end - 3000), "incident_to": str(end - 2000)}
    text = agent.answer("rank_windows", **times)
    assert text.startswith("Who caused it is not known: nothing is far enough from normal to be blamed.")


def test_an_effect_has_interval_association_and_checks(agent: Agent) -> None:
    text = agent.answer("effect", treatment="inventory.restarts", outcome="inventory.latency")
    line = claims(text)[0][1]
    lower, upper = (float(x) for x in re.search(r"95%: ([\d.]+) to ([\d.]+)", line).groups())  # type: ignore[union-attr]
    assert lower < 0.025 < upper
    assert "association 0.07" in line
    assert "all 13 checks hold" in line
    assert "holding fixed platform/inventory.cpu" in text


def test_an_effect_that_nobody_asked_for_is_not_known(agent: Agent) -> None:
    text = agent.answer("effect", treatment="shop/web.cpu", outcome="shop/cart.errors")
    assert text.startswith("not known: causal.yaml asks for no effect of 'shop/web.cpu' on 'shop/cart.errors'")


def test_what_if_predicts_with_intervals_and_says_what_is_extrapolation(agent: Agent) -> None:
    text = agent.answer("what_if", variable="shop/web.requests", value="now * 2", outcomes=["shop/web.latency"])
    assert "313.2 is extrapolation" in text
    ((heading, line),) = [one for one in claims(text) if one[0].startswith("Predicted")]
    assert "panel what_if" in heading
    assert re.match(r"- shop/web.latency: now 0.8\d+ s, then 1.\d+ s \(95%: [\d.]+ to [\d.]+\), change 0.\d+ s", line)
    assert agent.answer("what_if", variable="shop/web.requests", value=60).startswith(
        "do(shop/web.requests = 60 reqps)"
    )


def test_the_graph_around_an_entity_has_evidence_for_every_edge(agent: Agent) -> None:
    text = agent.answer("graph", entity="inventory")
    edges = [line for heading, line in claims(text) if heading.startswith("Edges")]
    assert edges
    assert all("platform/inventory" in line and "; evidence: template" in line for line in edges)
    assert any("-> shop/catalog.latency" in line and "topology (calls from service_graph)" in line for line in edges)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("whats_wrong", {}),
        ("incident", {}),
        ("effect", {}),
        ("what_if", {"variable": "shop/web.requests", "value": "highest"}),
        ("graph", {}),
    ],
)
def test_answers_are_bounded_and_every_claim_has_what_shows_it(agent: Agent, tool: str, arguments: dict) -> None:
    text = agent.answer(tool, **arguments)
    assert len(text) <= MOST
    shown = [(heading, line) for heading, line in claims(text) if heading not in ("Not known", "Mind")]
    assert shown
    assert all("(shown by " in heading and "http://127.0.0.1:" in heading for heading, _ in shown)
    if tool == "graph":
        assert re.fullmatch(r"- cut: \d+ of 178, the smallest; name an entity, or see http\S+", shown[-1][1])


def test_a_person_s_word_on_an_incident_is_recorded(agent: Agent, service: Running) -> None:
    said = {"incident": "newest", "reason": "a load test", "by": "ann"}
    assert "it will be dismissed with the next evaluation" in agent.answer("mark_incident", action="dismiss", **said)
    marked = service.clock.evaluator.marking.get_nowait()
    assert "a load test" in repr(marked)
    assert "20231116T220130Z-shop-web.latency" in repr(marked)


def test_only_a_token_that_writes_may_mark(start: Callable[..., Agent], service: Running) -> None:
    said = {"incident": "newest", "action": "close", "reason": "over", "by": "ann"}
    assert "no token; send the one in" in (text := start("--url", service.url).failure("mark_incident", **said))
    assert "--token-file" in text
    assert service.clock.evaluator.marking.empty()


def test_what_was_not_judged_is_not_called_fine(
    agent: Agent, service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = service.clock.snapshot
    assert snapshot
    calm = replace(snapshot, incidents=(), judgement=None)
    monkeypatch.setattr(service.clock, "snapshot", calm)
    fine = r"At \S+ nothing is anomalous, of up to \d+ entities by {} of 9 signals"
    assert re.match(fine.format(9), agent.answer("whats_wrong"))
    lost = calm.reports[0]._replace(problem="no series")
    monkeypatch.setattr(service.clock, "snapshot", replace(calm, reports=(lost, *calm.reports[1:])))
    assert re.match(fine.format(8), text := agent.answer("whats_wrong"))
    assert ("Not known", f"- signal {lost.signal}: no series") in claims(text)
    monkeypatch.setattr(service.clock, "snapshot", replace(calm, reports=(lost,)))
    assert re.match(r"What is wrong is not known at \S+: no signal brings anything", agent.answer("whats_wrong"))
    monkeypatch.setattr(service.clock, "snapshot", replace(calm, mechanisms=None, points=3))
    assert agent.answer("whats_wrong").startswith("What is wrong is not known yet at ")
    monkeypatch.setattr(service.clock, "snapshot", calm)
    monkeypatch.setattr(service.clock, "stale", lambda: True)
    assert agent.answer("whats_wrong").startswith("What is wrong now is not known: the evaluation is late. What was")
    monkeypatch.setattr(service.clock, "snapshot", None)
    for tool in ("whats_wrong", "incident", "effect", "graph"):
        assert agent.answer(tool) == "not known: the first evaluation is under way"


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("incident", {"incident": "zzz"}, "there is no incident 'zzz'; the newest are: 2023"),
        ("what_if", {"value": "now"}, "what_if: argument 'variable': field required"),
        ("what_if", {"variable": "shop/webb.x", "value": 1}, "variable 'shop/webb.x' matches nothing; known are: "),
        ("what_if", {"variable": "shop/web.requests", "value": "much"}, "value 'much' is not understood; write "),
        ("what_if", {"variable": "", "value": 1}, "what_if: say which variable is held at a value"),
        ("graph", {"entities": "x"}, "graph has no argument 'entities'; known are: entity"),
        ("graph", {"entity": "zzz"}, "no entity of the graph is called 'zzz'; known are "),
        ("rank_windows", {}, "give either normal_csv and incident_csv, or "),
        ("rank_windows", {"normal_csv": "/a.csv", "incident_csv": "/b.csv"}, "/a.csv: cannot be read: No such file"),
        ("explain_change", {"query": "sum(rate("}, "the query ends too early; is a bracket missing?"),
        ("explain_change", {"query": "up", "start": "soon"}, "--from: "),
        (
            "mark_incident",
            {"incident": "x", "action": "shrug", "reason": "", "by": ""},
            "mark_incident: argument 'action'",
        ),
        ("mark_incident", {"incident": "x", "action": "merge", "reason": "", "by": ""}, "'into' and the action merge "),
        ("mark_incident", {"incident": "zzz", "action": "close", "reason": "", "by": ""}, "there is no incident 'zzz'"),
        ("everything", {}, "there is no tool 'everything'; known are: whats_wrong, "),
    ],
)
def test_a_failure_is_one_sentence(agent: Agent, tool: str, arguments: dict, said: str) -> None:
    text = agent.failure(tool, **arguments)
    assert text.startswith(said)
    assert "\n" not in text
    assert "Traceback" not in text
    assert len(text) <= 1000


def test_who_cannot_be_reached_is_named(start: Callable[..., Agent], tmp_path: Path) -> None:
    lost = start("--url", "http://127.0.0.1:9", "--config", str(tmp_path / "none.yaml"))
    assert lost.failure("whats_wrong").startswith("http://127.0.0.1:9 cannot be reached (ConnectionError); is ")
    assert "start with --config" in lost.failure("explain_change", query="up")


def test_who_is_no_causal_datasource_is_told(start: Callable[..., Agent], config: Path, tmp_path: Path) -> None:
    prometheus = load_settings(config).settings.prometheus.url
    told = start("--url", prometheus).failure("whats_wrong")
    assert told == f"{prometheus} answers 404 and is no causal-datasource; mend --url"
    missing = tmp_path / "token"
    told = start("--url", prometheus, "--token-file", str(missing)).failure("whats_wrong")
    assert told == f"--token-file: {missing} cannot be read: no such file or directory"
    missing.write_text("two words\n", encoding="utf-8")
    told = start("--url", prometheus, "--token-file", str(missing)).failure("whats_wrong")
    assert told == f"--token-file: {missing} holds more than one word; a token is one word"


def test_one_version_carries_the_change(
    start: Callable[..., Agent], service: Running, server_binary: Callable[[str], str], tmp_path: Path
) -> None:
    now = int(time.time()) // 60 * 60
    lines = [
        f'busy{{version="{version}",zone="{zone}"}} {10 + 40 * (version == "2" and at > now - 1800) + at % 7 / 10} {at}'
        for version in "12"
        for zone in "ab"
        for at in range(now - 5 * 3600, now + 60, 60)
    ]
    history = tmp_path / "history"
    history.write_text("\n".join([*lines, "# EOF"]) + "\n", encoding="utf-8")
    server = start_prometheus(server_binary("prometheus"), tmp_path / "prometheus", backfill=history)
    try:
        config = settings_reading(server.url, tmp_path / "causal.yaml")
        text = start("--url", service.url, "--config", str(config)).answer("explain_change", query="sum(busy)")
    finally:
        server.stop()
    assert text.startswith("It is only version=2 (10")
    assert f"(shown by {server.url}/graph?g0.expr=sum%28busy%29)" in text
    assert claims(text)[0][1].startswith('- version="2": adds ')
    assert len(text) <= MOST


def test_a_prometheus_that_refuses_is_said(agent: Agent) -> None:
    assert "refused the query" in agent.failure("explain_change", query="service:busy_seconds:rate30s", end="-1m")


def test_what_was_done_is_written_down_once_with_a_token_that_may_write(
    agent: Agent, service: Running, start: Callable[..., Agent]
) -> None:
    said = {"kind": "deploy", "targets": ["shop/web"], "why": "faster", "parameters": {"version": "v2"}, "key": "d7"}
    assert "it is written down (shown by" in agent.answer("record_intervention", **said)
    assert "written down already" in agent.answer("record_intervention", **said)
    (known,) = service.clock.evaluator.interventions.all()
    assert (known.kind, known.targets, known.who) == ("deploy", ("shop/web",), "writes.token_file")
    assert "no token; send the one in" in start("--url", service.url).failure("record_intervention", **said)
    assert "choose another key" in agent.failure("record_intervention", **{**said, "why": "slower"})
    assert "small letters" in agent.failure("record_intervention", **{**said, "kind": "A Deploy"})
    assert "say who was changed" in agent.failure("record_intervention", **{**said, "targets": []})
