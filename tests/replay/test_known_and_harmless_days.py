"""Quiet times in the clock, in single evaluations and in replay: one rule for all."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from worlds import SETTINGS, START, STEP, Inline, World, half_a_day

from datasource.anomaly import LeftOut, Mechanisms
from datasource.causes import Outside, QuietTimes, judge
from datasource.data import Entity, Floats, Matrix, Roles, Variable
from datasource.graph import build_graph
from datasource.panels import REGISTRY, Frame, Query
from datasource.replay import evaluate_matrix
from datasource.replay.backtest import backtest
from datasource.replay.judging import replay
from datasource.replay.score_file import score_matrix
from datasource.replay.windows import stretches_of
from datasource.service import Snapshot, samples, snapshot_json
from datasource.service.jobs import fit_job
from datasource.settings import Loaded, QuietTime, Settings, parse_settings

HOUR = 3600
POINTS = 12 * HOUR // STEP
SIGNALS = """\
prometheus: {url: 'http://prometheus.test'}
baseline: 6h
full_resolution: 6h
entities:
  service: {labels: [service]}
signals:
  latency: {entity: service, query: 'latency', window: 30s, unit: s, role: latency}
relations:
  calls: [web -> db]
graph:
  templates: [latency -> latency along calls from server to client]
"""

SHOP = SETTINGS.read_text()
WITHOUT_EFFECTS = SHOP[: SHOP.index("\neffects:")]


def service(name: str) -> Entity:
    return Entity("service", (("service", name),))


def backup(first: int, points: int, *entities: str) -> QuietTime:
    """A quiet time that begins at a point."""
    begins = datetime.fromtimestamp(START + first * STEP, UTC)
    cron = f"{begins.minute} {begins.hour} * * *"
    return QuietTime.model_validate(
        {"cron": cron, "duration": points * STEP, "entities": entities, "reason": "nightly backup"}
    )


def settings(*times: QuietTime) -> Settings:
    return parse_settings(SIGNALS).model_copy(update={"quiet_times": times})


def world(*slow: tuple[str, int, int], points: int = POINTS) -> Matrix:
    """Latencies of web, which calls db; some of them slow from a point on, to another one."""
    rng = np.random.default_rng(5)
    own = {name: 0.1 * np.exp(0.05 * rng.standard_normal(points)) for name in ("db", "web", "mail")}
    for name, first, stop in slow:
        own[name][first:stop] += 0.3
    rows = {"db": own["db"], "web": own["web"] + own["db"], "mail": own["mail"]}
    variables = tuple(Variable(service(name), "latency") for name in rows)
    return Matrix(variables, START, STEP, np.stack([*rows.values()]))


def replayed(matrix: Matrix, *times: QuietTime):
    asked, since = settings(*times), START + 6 * HOUR
    return replay(asked, since, matrix.end, stretches_of(asked, matrix, since, matrix.end, 2 * HOUR))


# The fault begins at a whole minute, as quiet times do.
FIRST = POINTS - 121
LAST = FIRST + 40
FAULT = ("db", FIRST, LAST)


def alarmed(found) -> set[str]:
    return {str(alarm.variable.entity) for alarm in found.alarms}


def test_a_replay_has_no_alarm_in_a_quiet_time_and_as_ever_without() -> None:
    assert alarmed(replayed(world(FAULT))) == {"db", "web"}
    quiet = replayed(world(FAULT), backup(FIRST, 40, "db"))
    assert alarmed(quiet) == set()
    assert quiet.looks == ()


def test_a_replay_tells_who_broke_by_himself_meanwhile() -> None:
    found = replayed(world(FAULT, ("mail", FIRST, LAST)), backup(FIRST, 40, "db"))
    assert alarmed(found) == {"mail"}
    assert {root for look in found.looks for root in look.roots} == {service("mail")}
    assert alarmed(replayed(world(FAULT, ("web", FIRST, LAST)), backup(FIRST, 40, "db"))) == {"web"}


def test_a_replay_alarms_once_the_quiet_time_is_over() -> None:
    found = replayed(world(FAULT), backup(FIRST, 20, "db"))
    assert alarmed(found) == {"db", "web"}
    over = START + (FIRST + 20) * STEP
    first = {str(alarm.variable.entity): alarm.start for alarm in found.alarms}
    assert over < first["db"] <= over + 6 * STEP
    assert first["db"] <= first["web"] <= over + 8 * STEP


def test_a_replay_says_what_an_evaluation_at_that_time_would_have_said() -> None:
    matrix, quiet = world(FAULT), backup(FIRST, 20, "db")
    found = replayed(matrix, quiet)
    asked, since = settings(quiet), START + 6 * HOUR
    at = {alarm.variable.entity: (alarm.start, alarm.end) for alarm in found.alarms}

    stretch = next(
        one for one in stretches_of(asked, matrix, since, matrix.end, 2 * HOUR) if one.matrix.end >= matrix.end - HOUR
    )
    graph = build_graph(asked, stretch.baseline.variables, stretch.topology).graph
    times = QuietTimes((quiet,), Roles(asked.signals), graph)
    left_out = times.left_out([v.entity for v in matrix.variables], stretch.baseline.start, stretch.baseline.end)
    mechanisms = fit_job(asked, stretch.baseline, graph, stretch.older, left_out)
    for column in range(FIRST, LAST + 5):
        now = START + column * STEP
        said = judge(
            matrix.between(START, now), mechanisms, Roles(asked.signals), stretch.topology, quiet_times=times
        ).verdicts
        assert {one.entity for one in said} == {e for e, (start, end) in at.items() if start <= now <= end}, column


def test_only_where_everything_is_quiet_is_no_day_judged() -> None:
    matrix = world()
    whole, some, none = (
        replayed(matrix, *times).days for times in ((), (backup(FIRST, 60, "db"),), (backup(FIRST, 60),))
    )
    assert some == whole
    assert none == pytest.approx(whole - 62 * STEP / 86400), "a window longer, its last point included"
    assert backtest(replayed(matrix, backup(FIRST, 60)), [], 0.5).days == none


def test_a_replay_tells_names_that_stand_for_nobody() -> None:
    assert "quiet_times[0].entities: 'dbx'" in replayed(world(), backup(FIRST, 10, "dbx")).notices[0]


def nightly(points: int, first: int, stop: int) -> Matrix:
    """A database whose latency scatters three times as much for a while every day."""
    matrix = world(points=points)
    values, rng = matrix.values.copy(), np.random.default_rng(6)
    for begin in range(first, points, 86400 // STEP):
        values[0, begin : begin + stop - first] += rng.normal(0, 0.015, stop - first)
    return Matrix(matrix.variables, START, STEP, values)


def test_quiet_times_do_not_widen_the_interval() -> None:
    points = 2 * 86400 // STEP
    matrix = nightly(points, 302, 602)
    longer = {"baseline": 172800.0, "full_resolution": 172800.0}

    def widths(*times: QuietTime) -> Floats:
        asked = settings(*times).model_copy(update=longer)
        evaluated = evaluate_matrix(Loaded(asked, "test"), matrix).mechanisms
        scored = score_matrix(asked, matrix).mechanisms
        assert evaluated
        return np.array([one.marginal[Variable(service("db"), "latency")].above for one in (evaluated, scored)])

    assert (widths(backup(302, 300, "db")) < 0.8 * widths()).all()


def test_a_file_does_not_follow_what_a_quiet_time_brings() -> None:
    """A long backup is no new level, of which the time after it would be expected."""
    points = 2 * 86400 // STEP
    first, stop = points // 2 + 22, points // 2 + 22 + 8 * HOUR // STEP
    whole = world(("db", first, stop), points=points)
    usual, later = whole.between(START, START + (first - 1) * STEP), whole.between(START + first * STEP, whole.end)

    def after(*times: QuietTime) -> float:
        asked = settings(*times).model_copy(update={"baseline": 86400.0, "full_resolution": 86400.0})
        scored = {one.variable: one for one in score_matrix(asked, later, usual)}
        return float(np.median(scored[Variable(service("db"), "latency")].marginal.expected[stop - first + 5 :][:120]))

    assert after() > 0.11, "it follows"
    assert after(backup(first, stop - first, "db")) == pytest.approx(0.1, rel=0.03)


def test_a_replay_leaves_quiet_times_out_of_its_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[LeftOut, ...]] = []

    def fit(*arguments: Any) -> Mechanisms:
        asked.append(arguments[-1])
        return fit_job(*arguments)

    monkeypatch.setattr("datasource.replay.judging.fit_job", fit)
    replayed(world(), backup(301, 60, "db"))
    begin = START + 301 * STEP
    assert asked[0] == (LeftOut(service("db"), begin, begin + 61 * STEP),)


def test_an_evaluation_says_nothing_but_that_it_is_quiet() -> None:
    matrix = world(("db", POINTS - 12, POINTS))
    loud = evaluate_matrix(Loaded(settings(), "test"), matrix)
    assert loud.incidents
    quiet = evaluate_matrix(Loaded(settings(backup(POINTS - 13, 40, "db")), "test"), matrix)
    assert quiet.incidents == ()
    rows = snapshot_json(quiet)
    assert rows["anomalies"] == []
    assert [(row["entity"], row["reason"], row["because"]) for row in rows["quiet"]] == [
        ("db", "nightly backup", ""),
        ("web", "nightly backup", "db"),
    ]
    assert any(one.startswith("db is quiet until ") and one.endswith(": nightly backup") for one in quiet.notices)
    found = {(sample.name, sample.labels.get("service")): sample.value for sample in samples(quiet)}
    assert found["causal_service_anomaly", "db"] == found["causal_service_anomaly", "web"] == 0
    assert (found["causal_quiet", "db"], found["causal_quiet", "web"], found["causal_quiet", "mail"]) == (1, 1, 0)
    assert found["causal_anomaly_score", "db"] > 1, "nobody is blind"


def test_panels_show_the_quiet_time_and_its_reason_in_place_of_what_broke() -> None:
    matrix = world(("db", POINTS - 12, POINTS))

    def asked(panel: str, *times: QuietTime) -> Frame:
        snapshot = evaluate_matrix(Loaded(settings(*times), "test"), matrix)
        (frame,) = REGISTRY.answer(Query(panel, START + 6 * HOUR, matrix.end, {}), snapshot, "")
        return frame

    def titles(*times: QuietTime) -> list[str]:
        return next(list(field.values) for field in asked("episodes", *times).fields if field.name == "title")

    quiet = backup(POINTS - 13, 40, "db")
    assert "db.latency broke" in titles()
    assert [one for one in titles(quiet) if "db" in one] == ["db quiet: nightly backup"]
    assert "everything quiet: nightly backup" in titles(backup(POINTS - 13, 40))
    told = asked("anomalies", quiet).notices
    assert told[0] == "nothing is anomalous now"
    assert told[1].startswith("db is quiet until")


def days(minutes: int, load: Floats, slow: Floats) -> Matrix:
    """A point every five minutes of a service whose latency grows with its load."""
    rng = np.random.default_rng(3)
    requests = 100 * load * np.exp(0.03 * rng.standard_normal(load.size))
    latency = 0.1 + 0.001 * requests + slow + 0.003 * rng.standard_normal(load.size)
    web = service("web")
    variables = (Variable(web, "requests"), Variable(web, "latency"))
    return Matrix(variables, START // 86400 * 86400, 60 * minutes, np.stack([requests, latency]))


def alarms_by_day(matrix: Matrix, baseline: str) -> list[float]:
    """Hours in alarm of each day that is judged, settings as `init` writes them."""
    asked = parse_settings(
        f"""\
prometheus: {{url: 'http://prometheus.test'}}
baseline: {baseline}
full_resolution: 2d
step: {matrix.step}s
entities: {{service: {{labels: [service]}}}}
signals:
  requests: {{entity: service, query: 'requests', window: 5m, unit: reqps, role: load}}
  latency: {{entity: service, query: 'latency', window: 5m, unit: s, role: latency}}
graph: {{templates: [requests -> latency]}}
"""
    )
    start = matrix.start + int(asked.baseline)
    found = replay(asked, start, matrix.end, stretches_of(asked, matrix, start, matrix.end, 86400))
    hours = (found.heights > 1).any(axis=0) * matrix.step / 3600
    return [float(one.sum()) for one in np.array_split(hours, round(found.days))]


def test_a_short_nightly_job_stops_alarming_after_three_nights_with_a_day_of_baseline() -> None:
    points = 9 * 288
    minute = 5 * np.arange(points) % 1440
    slow = np.where((minute >= 120) & (minute < 140), 0.1, 0.0)
    found = alarms_by_day(days(5, np.ones(points), slow), "1d")
    assert all(hours > 0.2 for hours in found[:3])
    assert sum(found[3:]) < 0.2


def test_a_monday_is_no_alarm_with_a_week_of_baseline_but_a_slow_monday_is() -> None:
    points = 16 * 288
    day = np.arange(points) // 288
    load = np.where(np.isin(day % 7, (4, 5)), 1 / 3, 1.0)  # the replay begins on a day of work
    nothing = np.zeros(points)
    assert sum(alarms_by_day(days(5, load, nothing), "7d")) < 0.5
    slow = np.where((day == 13) & (np.arange(points) % 288 > 100), 0.1, 0.0)
    assert alarms_by_day(days(5, load, slow), "7d")[6] > 5


@pytest.fixture(scope="module")
def loud() -> Snapshot:
    """The shop's incident that goes on at the end of its two days: platform/inventory is slow."""
    return World(settings=Loaded(parse_settings(WITHOUT_EFFECTS), "test")).tick()


def test_the_clock_asks_its_memory_what_recurs() -> None:
    world = World(settings=half_a_day(Loaded(parse_settings(WITHOUT_EFFECTS), "test")))
    memory = world.clock.evaluator.incidents.recurrences
    loud = world.tick()
    assert loud.judgement
    assert loud.judgement.verdicts
    assert memory.peaks, "what alarmed is remembered"
    for variable, peaks in [*memory.peaks.items()]:
        ((day, there),) = peaks.items()
        memory.peaks[variable] = {before: dict(there) for before in range(day - 3, day)}
    calm = world.tick()
    assert calm.judgement
    assert calm.judgement.verdicts == ()
    assert calm.judgement.silenced.recurring
    assert any("as on other days at this time" in one for one in calm.notices)


def test_demand_is_a_root_cause_with_a_name_and_who_is_anomalous_by_it_is_counted(loud: Snapshot) -> None:
    assert loud.judgement
    victim = next(one for one in loud.judgement.verdicts if not one.is_root_cause)
    asked = victim.entity
    more = Outside(f"demand at {asked}", 0.1, 0.9, "demand", asked)
    surge = victim._replace(causes=victim.causes._replace(outside=(more,)), root_cause=None, support=())
    found = samples(replace(loud, judgement=replace(loud.judgement, verdicts=(surge,))))
    there = dict(asked.labels) | {"root_cause": f"demand at {asked}"}
    anomaly = [one for one in found if one.name == "causal_service_anomaly" and one.value == 1]
    assert [one.labels for one in anomaly] == [there | {"is_root_cause": "false"}]
    assert [(one.labels, one.value) for one in found if one.name == "causal_demand" and one.value] == [(there, 1.0)]


def test_the_clock_is_quiet_and_what_a_quiet_time_brings_is_not_followed(
    loud: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = '\nquiet_times:\n  - {cron: "* 21-22 * * *", duration: 2m, entities: [inventory, nobody], reason: drill}\n'
    assert loud.judgement
    assert "platform/inventory" in {str(one.entity) for one in loud.judgement.verdicts}
    world = World(settings=Loaded(parse_settings(WITHOUT_EFFECTS + lines), "test"))
    fitted: list[tuple[Any, ...]] = []
    worker = world.clock.evaluator.workers
    monkeypatch.setattr(worker, "submit", lambda *job: fitted.append(job) or Inline().submit(*job))
    world.clock.tick()
    fit = world.clock.snapshot.mechanisms if world.clock.snapshot else None
    quiet = world.tick()
    assert quiet.judgement
    assert quiet.judgement.verdicts == ()
    assert quiet.incidents == ()
    assert any("platform/inventory is quiet until" in one for one in quiet.notices)
    assert any("quiet_times[0].entities: 'nobody'" in one for one in quiet.notices)
    left_out = [one for job in fitted if job[0] is fit_job for one in job[5]]
    assert {str(one.entity) for one in left_out} == {"platform/inventory"}
    mechanisms = world.clock.evaluator._mechanisms
    assert fit
    assert mechanisms
    services = {variable: one for variable, one in mechanisms.causal.items() if variable.entity.type == "service"}
    followed = {str(variable.entity) for variable, one in services.items() if one.drift != fit.causal[variable].drift}
    assert "platform/inventory" not in followed
    assert "platform/payment" in followed
