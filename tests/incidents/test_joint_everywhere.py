"""Several signals that are a little off together: the same through every door, from one judgement."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from small_shop import POINTS, ROLES, SETTINGS, Shop, service

from datasource.anomaly import Mechanisms
from datasource.anomaly.joint import Joint
from datasource.causes import QuietTimes, judge
from datasource.data import Variable
from datasource.incidents.episodes import Episodes, Past
from datasource.incidents.grouping import group
from datasource.library import Evaluation
from datasource.panels import REGISTRY, Query
from datasource.replay import evaluate_matrix
from datasource.service import HELP, Snapshot, snapshot_json
from datasource.service.jobs import fit_job
from datasource.service.rates import promise_notices
from datasource.settings import Loaded, QuietTime

DB, WEB = service("db"), service("web")
SIGNALS = ("latency", "busy", "errors", "cpu")
LEVEL = 0.5
"""Of the joint score: what was made for these tests is above 1."""
Fitted = Callable[..., Mechanisms]


def fitting(change: Callable[[Mechanisms], Mechanisms]) -> Fitted:
    return lambda *arguments, **more: change(fit_job(*arguments, **more))


def joint_of_db(mechanisms: Mechanisms) -> Mechanisms:
    """No variable is an alarm by itself, and db is by several."""
    joint = {DB: Joint(tuple(Variable(DB, name) for name in SIGNALS), LEVEL)}
    return replace(mechanisms, joint=joint)


OFF = {"latency": 0.9, "busy": 0.8, "cpu": 0.7, "errors": 0.1}
"""How far db's signals are beyond what is expected, in widths of the interval, at the two points before the newest."""


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    usual = Shop([("web", "db")]).simulate()
    known = evaluate_matrix(Loaded(SETTINGS, "test"), usual)
    values = usual.values.copy()
    for name, off in OFF.items():
        prediction = known.predict(Variable(DB, name))
        assert prediction is not None
        row, width = usual.variables.index(Variable(DB, name)), prediction.upper - prediction.expected
        values[row, -8:] = prediction.expected[-8:]
        values[row, -3:-1] += off * width[-3:-1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("datasource.replay.offline.fit_job", fitting(joint_of_db))
        return evaluate_matrix(Loaded(SETTINGS, "test"), replace(usual, values=values))


def test_an_entity_of_which_several_signals_are_a_little_off_is_anomalous_and_says_which(snapshot: Snapshot) -> None:
    judgement = snapshot.judgement
    assert judgement is not None
    own = [scores for variable, scores in judgement.scores.items() if variable.entity == DB]
    assert not any(one.causal_persists or one.marginal_persists for one in own)
    (verdict,) = judgement.verdicts
    assert verdict.entity == DB
    assert [variable.signal for variable in verdict.causes.together] == ["latency", "busy", "cpu"], (
        "most of it, largest first"
    )
    assert judgement.symptoms == (verdict.causes,)


def test_metric_and_rows_have_the_joint_score(snapshot: Snapshot) -> None:
    judgement = snapshot.judgement
    assert judgement is not None
    assert "causal_joint_anomaly_score" in HELP
    rows = snapshot_json(snapshot)
    (metric,) = [one for one in rows["metrics"] if one["name"] == "causal_joint_anomaly_score"]
    assert metric["labels"] == {"service": "db"}
    assert metric["value"] == judgement.joint[DB] > 1
    told = "several signals of db are a little off together: latency, busy, cpu"
    (anomaly,) = rows["anomalies"]
    assert (anomaly["joint_score"], anomaly["together"]) == (judgement.joint[DB], ["latency", "busy", "cpu"])
    assert anomaly["told_together"] == rows["root_causes"][0]["told_together"] == told


def test_evaluate_the_panel_and_the_incident_name_the_signals_not_one_that_is_not_above_one(
    snapshot: Snapshot,
) -> None:
    said = str(Evaluation(snapshot))
    assert "  several signals of db are a little off together: latency, busy, cpu (joint score 1." in said
    (frame,) = REGISTRY.answer(Query("anomalies", 0, snapshot.time, {}), snapshot, "")
    columns = {field.name: list(field.values) for field in frame.fields}
    assert columns["signal"] == ["latency, busy, cpu, together"]
    assert columns["joint score"] == [snapshot.judgement.joint[DB]]  # type: ignore[union-attr]
    (incident,) = snapshot.incidents
    assert incident.summary.startswith(
        "several signals of db are a little off together since 16:37 UTC: latency, busy, cpu"
    )
    assert "usual" not in incident.summary


def test_an_incident_by_the_joint_score_lasts_from_its_first_to_its_last_point_above_one(snapshot: Snapshot) -> None:
    (incident,) = snapshot.incidents
    newest = (POINTS - 1) * 60
    (episode,) = incident.episodes
    assert (episode.start, episode.last) == (newest - 120, newest - 60), "the newest point is not one of them"


def test_what_one_signal_showed_is_still_told_when_several_are_a_little_off_at_the_end(snapshot: Snapshot) -> None:
    judgement = snapshot.judgement
    assert judgement is not None
    (verdict,) = judgement.verdicts
    single = verdict._replace(causes=verdict.causes._replace(together=()))
    how = {"step": 60, "points": 3, "of": 5}
    failing = single._replace(causes=single.causes._replace(symptom=Variable(DB, "errors")))
    before = group((), replace(judgement, verdicts=(failing,), jointly={}), {}, time=snapshot.time - 60, **how)
    (after,) = group(before, judgement, {}, time=snapshot.time, **how)
    assert after.causes == failing.causes
    (other,) = group(
        group((), judgement, {}, time=snapshot.time - 60, **how),
        replace(judgement, verdicts=(single,)),
        {},
        time=snapshot.time,
        **how,
    )
    assert other.causes.together == (), "and as soon as one shows it"


def test_an_anomaly_by_the_joint_score_that_nobody_saw_begin_is_dated_by_the_past(snapshot: Snapshot) -> None:
    judgement, mechanisms = snapshot.judgement, snapshot.mechanisms
    assert judgement is not None
    assert mechanisms is not None
    low = replace(mechanisms, joint={DB: mechanisms.joint[DB]._replace(level=0.02)})
    past = Past(snapshot.matrix, low, snapshot.roles)
    (verdict,) = judgement.verdicts
    episodes = Episodes(judgement, snapshot.time, 60, 3, 5, 20, past)
    assert episodes.of_verdict(verdict, known=False).start < snapshot.time - 3600
    assert episodes.of_verdict(verdict, known=True).start == snapshot.time - 120


def test_in_a_quiet_time_the_joint_score_is_shown_and_is_no_alarm(snapshot: Snapshot) -> None:
    assert snapshot.mechanisms is not None
    asleep = QuietTime.model_validate({"cron": "* * * * *", "duration": "2m", "entities": ["db"], "reason": "backup"})
    times = QuietTimes((asleep,), ROLES, snapshot.graph)
    found = judge(snapshot.matrix, snapshot.mechanisms, ROLES, snapshot.topology, quiet_times=times)
    assert found.verdicts == ()
    assert found.joint[DB] > 1


def test_nothing_is_said_of_the_joint_score_of_an_entity_of_which_too_little_is_known(snapshot: Snapshot) -> None:
    judgement = snapshot.judgement
    assert judgement is not None
    assert WEB not in judgement.joint


def test_regions_of_the_panel_are_what_alarms(snapshot: Snapshot) -> None:
    regions = regions_of(snapshot)
    newest = snapshot.time
    assert (newest - 120, newest - 60) in [one[:2] for one in regions]
    cpu = Variable(DB, "cpu")
    assert (newest - 60, newest, "db.cpu broke") not in regions
    mechanisms = snapshot.mechanisms
    assert mechanisms is not None
    matrix = snapshot.matrix
    values = matrix.values.copy()
    values[matrix.variables.index(cpu), -2:] *= 4
    far = replace(snapshot, matrix=replace(matrix, values=values))
    assert (newest - 60, newest, "db.cpu broke") in regions_of(far), "two points far above 1 are an alarm at once"
    assert not [one for one in regions_of(far) if one[2] == "db broke" and one[1] >= newest - 300]
    never = {cpu: replace(mechanisms.causal[cpu], strong=np.inf)}
    deaf = replace(far, mechanisms=replace(mechanisms, causal=mechanisms.causal | never))
    assert (newest - 60, newest, "db.cpu broke") not in regions_of(deaf), "by the rule of the mechanism"


def regions_of(snapshot: Snapshot) -> list[tuple[int, int, str]]:
    (frame,) = REGISTRY.answer(Query("episodes", 0, snapshot.time, {"entity": ("db",)}), snapshot, "")
    columns = {field.name: list(field.values) for field in frame.fields}
    return [
        (int(start) // 1000, int(end) // 1000, title)
        for start, end, title in zip(columns["time"], columns["timeEnd"], columns["title"], strict=True)
    ]


def test_parts_of_the_baseline_that_alarm_more_often_than_asked_for_are_told_with_what_helps() -> None:
    assert promise_notices(0.74, 0.5) == ()
    assert promise_notices(np.inf, 0.5) == (), "where nothing is fitted there is nothing to tell"
    (told,) = promise_notices(0.76, 0.5)
    assert told == (
        "a baseline whose parts judge each other so supports 0.76 false alarms a day, not the 0.5 of "
        "anomaly.false_alarms_per_day: make the baseline longer, record quiet_times for what is known, or ask for less"
    )


@pytest.mark.parametrize(("supported", "count"), [(0.7, 0), (2.0, 1)])
def test_evaluate_tells_when_parts_of_the_baseline_break_the_promise(
    monkeypatch: pytest.MonkeyPatch, supported: float, count: int
) -> None:
    fit = fitting(lambda mechanisms: replace(mechanisms, supported=supported))
    monkeypatch.setattr("datasource.replay.offline.fit_job", fit)
    found = evaluate_matrix(Loaded(SETTINGS, "test"), Shop([("web", "db")]).simulate())
    assert len([one for one in found.notices if one.startswith("a baseline whose parts")]) == count
