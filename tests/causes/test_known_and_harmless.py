"""In a quiet time an entity does not alarm, nor who suffers by it; who breaks by himself alarms as ever."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from small_shop import POINTS, ROLES, Shop, call, node, service

from datasource.anomaly.persistence import USUAL
from datasource.causes import Judgement, QuietTimes, judge
from datasource.causes.quiet import names_of
from datasource.causes.watch import silence_of, watch
from datasource.data import Entity, Matrix, Variable
from datasource.settings import QuietTime

STEP = 60
FAULT = POINTS - 8
SHOP = Shop([("web", "cart"), ("web", "mail"), ("cart", "db")])
SLOW = {"db": 0.3}


def at(point: int) -> str:
    """The time of a point as cron writes it; the first point is at midnight."""
    return f"{point % 60} {point // 60} * * *"


def quiet(*entities: str, since: int = FAULT, points: int = 7, reason: str = "backup") -> QuietTime:
    """From one point on for so many, by the signals' window of one point longer."""
    said = {"cron": at(since), "duration": points * STEP, "entities": list(entities), "reason": reason}
    return QuietTime.model_validate(said)


def anomalous(shop: Shop, matrix: Matrix, *times: QuietTime) -> list[str]:
    return [str(verdict.entity) for verdict in shop.judge(matrix, quiet=times).verdicts]


def longer(matrix: Matrix, points: int) -> Matrix:
    """The last point goes on for so many more."""
    values = np.concatenate([matrix.values, np.repeat(matrix.values[:, -1:], points, axis=1)], axis=1)
    return Matrix(matrix.variables, matrix.start, matrix.step, values)


def test_without_quiet_times_the_slow_one_and_its_callers_alarm() -> None:
    assert anomalous(SHOP, SHOP.simulate(slow=SLOW)) == ["cart", "db", "web"]


def test_a_quiet_entity_does_not_alarm_and_who_suffers_by_it_is_silent() -> None:
    judgement = SHOP.judge(SHOP.simulate(slow=SLOW), quiet=[quiet("db")])
    assert judgement.verdicts == ()
    assert judgement.symptoms == ()
    assert {service("db"), service("web")} <= judgement.judged, "they are known to be well, as far as alarms go"


def test_scores_and_expected_values_are_there_all_the_same() -> None:
    matrix, latency = SHOP.simulate(slow=SLOW), Variable(service("db"), "latency")
    spared, heard = SHOP.judge(matrix, quiet=[quiet("db")]).scores[latency], SHOP.judge(matrix).scores[latency]
    assert spared.causal.score[-1] == heard.causal.score[-1] > 1
    assert spared.causal.expected[-1] == heard.causal.expected[-1]


def test_who_breaks_by_himself_meanwhile_alarms_and_so_does_who_suffers_by_him() -> None:
    found = SHOP.judge(SHOP.simulate(slow={**SLOW, "cart": 0.3}), quiet=[quiet("db")])
    assert [str(one.entity) for one in found.verdicts] == ["cart", "web"]
    assert anomalous(SHOP, SHOP.simulate(slow={**SLOW, "mail": 0.3}), quiet("db")) == ["mail", "web"]
    assert anomalous(SHOP, SHOP.simulate(slow=SLOW, cpu={"web": 5.0}), quiet("db")) == ["web"]


def test_only_what_is_anomalous_itself_excuses_others() -> None:
    """Mail is quiet and as fast as ever: whoever is slow is so because of the database."""
    assert anomalous(SHOP, SHOP.simulate(slow=SLOW), quiet("mail")) == ["cart", "db", "web"]


def test_who_suffers_by_demand_is_not_excused_by_a_quiet_one_that_is_well() -> None:
    shop = Shop([("batch", "db"), ("db", "disk")], queue=0.3)
    calm, busy = shop.simulate(), shop.simulate(traffic=1.5)
    well = [variable.entity == service("disk") for variable in busy.variables]
    matrix = Matrix(busy.variables, 0, STEP, np.where(np.array(well)[:, None], calm.values, busy.values))
    assert "db" in anomalous(shop, matrix)
    assert "db" in anomalous(shop, matrix, quiet("disk"))


def test_who_does_not_wait_for_the_quiet_one_is_not_excused() -> None:
    assert anomalous(SHOP, SHOP.simulate(slow=SLOW), quiet("web")) == ["cart", "db"]


def test_what_goes_on_after_the_quiet_time_and_the_window_alarms_then() -> None:
    matrix = longer(SHOP.simulate(slow=SLOW), 20)
    short = quiet("db", points=7)  # counts up to point 8, with the window
    until = {points: matrix.between(0, (FAULT + 8 + points) * STEP) for points in (1, 2, 3, 5)}
    assert anomalous(SHOP, until[1], short) == []
    assert "db" in anomalous(SHOP, until[2], short), "two points far outside"
    little = longer(SHOP.simulate(slow={"db": 0.0017}), 20)
    heard = [anomalous(SHOP, little.between(0, (FAULT + 8 + points) * STEP), short) for points in (2, 3)]
    assert heard[0] == []
    assert "db" in heard[1], "three points outside"
    assert anomalous(SHOP, until[5], short) == ["cart", "db", "web"], "and those who suffer by it"


def test_what_was_over_with_the_quiet_time_never_alarms() -> None:
    whole, calm = SHOP.simulate(slow=SLOW), SHOP.simulate(seed=3)
    after = calm.values[:, -30:]
    matrix = Matrix(whole.variables, 0, STEP, np.concatenate([whole.values, after], axis=1))
    for points in range(FAULT, POINTS + 20):
        assert anomalous(SHOP, matrix.between(0, points * STEP), quiet("db")) == [], points


def test_an_alarm_that_goes_on_falls_silent_when_the_quiet_time_begins() -> None:
    matrix = SHOP.simulate(slow=SLOW)
    before = SHOP.judge(matrix.between(0, (FAULT + 4) * STEP))
    assert [str(one.entity) for one in before.verdicts] == ["cart", "db", "web"]
    now = SHOP.judge(matrix.between(0, (FAULT + 5) * STEP), before.verdicts, [quiet("db", since=FAULT + 5)])
    assert "db" not in {str(one.entity) for one in now.verdicts}


def test_a_quiet_entity_without_samples_is_not_held_anomalous() -> None:
    matrix = longer(SHOP.simulate(slow=SLOW), 6)
    before = SHOP.judge(matrix.between(0, (POINTS - 1) * STEP))
    gone = matrix.values.copy()
    gone[[variable.entity == service("db") for variable in matrix.variables], POINTS:] = np.nan
    silent = Matrix(matrix.variables, 0, STEP, gone)
    assert "db" in {str(one.entity) for one in SHOP.judge(silent, before.verdicts).verdicts}
    kept = SHOP.judge(silent, before.verdicts, [quiet("db", points=20)]).verdicts
    assert "db" not in {str(one.entity) for one in kept}


def test_all_are_quiet_without_names() -> None:
    matrix = SHOP.simulate(slow={**SLOW, "mail": 1.0}, cpu={"web": 5.0})
    assert anomalous(SHOP, matrix, quiet()) == []


def test_quiet_times_may_overlap() -> None:
    first, second = quiet("db", since=FAULT - 5, points=8), quiet("d*", since=FAULT + 2, points=10, reason="vacuum")
    judgement = SHOP.judge(SHOP.simulate(slow=SLOW), quiet=[first, second])
    assert judgement.verdicts == ()
    (db,) = [one for one in judgement.silenced.quiet if one.because is None]
    assert (db.quiet_time.reason, db.until) == ("vacuum", (FAULT + 12) * STEP), "the one that ends last"


def test_a_quiet_machine_excuses_who_runs_on_it() -> None:
    shop = Shop([("web", "db")], runs_on={"db": "n1", "web": "n2"}, per_core=0.02)
    matrix = shop.simulate()
    more = {Variable(service(name), "latency"): 0.1 for name in ("db", "web")}
    more[Variable(node("n1"), "node_cpu")] = 5.0  # cores, each of which costs a service 0.02 s
    values = matrix.values.copy()
    for variable, by in more.items():
        values[matrix.variables.index(variable), FAULT:] += by
    matrix = Matrix(matrix.variables, 0, STEP, values)
    assert anomalous(shop, matrix) == ["n1", "db", "web"]
    assert anomalous(shop, matrix, quiet("n1")) == []


def test_who_only_suffers_by_more_requests_does_not_alarm_and_is_told_of() -> None:
    shop = Shop([("batch", "db")], queue=0.3)
    matrix = shop.simulate(traffic=1.8)
    judgement = shop.judge(matrix)
    assert judgement.scores[Variable(service("db"), "latency")].marginal.score[-1] > 1
    assert "db" not in anomalous(shop, matrix)
    assert [(str(one.entity), str(one.at)) for one in judgement.silenced.surges] == [("db", "batch")]
    assert "more is asked at batch than usual: db suffers by that alone" in judgement.silenced.told(matrix.end)


def test_who_suffers_while_nobody_knows_any_more_what_is_asked_alarms() -> None:
    shop = Shop([("batch", "db")], queue=0.3)
    matrix = shop.simulate(traffic=1.8)
    left = matrix.select([variable for variable in matrix.variables if variable.signal != "requests"])
    assert "db" in anomalous(shop, left)
    seen = {one.variable: one.heights for one in watch(shop.mechanisms, left, ROLES, USUAL)}
    assert seen[Variable(service("db"), "latency")]["marginal"][-1] > 1


def test_who_breaks_while_more_is_asked_alarms_and_so_does_who_waits_for_it() -> None:
    shop = Shop([("web", "db")], queue=0.3)
    matrix = shop.simulate(traffic=1.8)
    values = matrix.values.copy()
    for name in ("db", "web"):
        values[matrix.variables.index(Variable(service(name), "latency")), FAULT:] += 0.5
    judgement = shop.judge(Matrix(matrix.variables, 0, STEP, values))
    assert {"db", "web"} <= {str(one.entity) for one in judgement.verdicts}
    assert not judgement.silenced.surges


def jointly(shop: Shop, matrix: Matrix, level: float, *times: QuietTime) -> tuple[Judgement, set[str]]:
    """A judgement where many small gaps are an alarm already at a lower level, and who has such an alarm when one looks
    at the whole time at once."""
    joint = {one: found._replace(level=found.level * level) for one, found in shop.mechanisms.joint.items()}
    mechanisms = replace(shop.mechanisms, joint=joint)
    quiet_times = QuietTimes(times, ROLES, shop.graph)
    judgement = judge(matrix, mechanisms, ROLES, shop.topology, quiet_times=quiet_times)
    newest = matrix.between(matrix.end - 6 * STEP, matrix.end)
    silence = silence_of(quiet_times, mechanisms, newest, ROLES, USUAL)
    seen = list(watch(mechanisms, newest, ROLES, USUAL, silence, following=False))
    found = {
        str(one.variable.entity) for one in seen if (one.heights.get("joint", np.zeros(1))[-USUAL.points :] > 1).any()
    }
    return judgement, found


def test_many_small_gaps_of_a_quiet_one_are_silent_in_the_quiet_time_and_right_after_it() -> None:
    whole, usual = SHOP.simulate(), SHOP.mechanisms.causal
    values = whole.values.copy()
    for row, variable in enumerate(whole.variables):
        if variable.entity == service("db") and variable.signal in ("latency", "busy", "cpu"):
            found = usual[variable].predict(whole, ROLES)
            values[row, FAULT:] = (found.expected + 0.9 * (found.upper - found.expected))[FAULT:]
    calm = SHOP.simulate(seed=3).values[:, 500:510]
    matrix = Matrix(whole.variables, 0, STEP, np.concatenate([values, calm], axis=1))
    for points in range(FAULT + 2, POINTS + 3):
        until = matrix.between(0, points * STEP)
        judgement, alarming = jointly(SHOP, until, 0.7, quiet("db"))
        assert "db" not in {str(one.entity) for one in judgement.verdicts} | alarming, points
    judgement, alarming = jointly(SHOP, matrix.between(0, (POINTS - 1) * STEP), 0.7)
    assert ({str(one.entity) for one in judgement.verdicts}, alarming) == ({"db"}, {"db"}), "without"


def test_many_small_gaps_that_more_demand_by_a_quiet_one_leaves_are_silent() -> None:
    shop = Shop([("batch", "db")], queue=0.3)
    matrix = shop.simulate(traffic=1.5)
    loud, found = jointly(shop, matrix, 0.5)
    assert loud.joint[service("db")] > 1
    assert "db" in [str(one.entity) for one in loud.silenced.surges], "without a quiet time it is demand's"
    assert found == set()
    spared, found = jointly(shop, matrix, 0.5, quiet("batch", points=18))
    assert (spared.verdicts, found) == ((), set())
    assert [(str(one.entity), str(one.because)) for one in spared.silenced.quiet] == [
        ("batch", "None"),
        ("db", "batch"),
    ]


def test_a_call_may_be_quiet_and_is_written_with_an_arrow() -> None:
    shop = Shop([("web", "db")], unmeasured=frozenset({"db"}), weighed=frozenset({("web", "db")}))
    slow = shop.simulate(slow=SLOW)
    matrix = slow.select([variable for variable in slow.variables if variable.signal != "latency"])
    assert anomalous(shop, matrix) == ["web"]
    for name in ("web -> db", "* -> db", "web/db"):
        assert anomalous(shop, matrix, quiet(name)) == [], name
    assert anomalous(shop, matrix, quiet("db")) == ["web"], "a call is not its server"


@pytest.mark.parametrize(
    ("name", "quiet_ones"),
    [
        ("db", ["eu/shop/db", "us/shop/db"]),
        ("shop/db", ["eu/shop/db", "us/shop/db"]),
        ("eu/shop/db", ["eu/shop/db"]),
        ("eu/*", ["eu/shop/db", "eu/shop/web"]),
        ("shop/*", ["eu/shop/db", "us/shop/db", "eu/shop/web"]),
        ("d?", ["eu/shop/db", "us/shop/db"]),
        ("shop", []),
        ("b", []),
        ("DB", []),
    ],
)
def test_names_are_written_in_full_by_their_end_or_as_globs(name: str, quiet_ones: Sequence[str]) -> None:
    labels = ("cluster", "namespace", "service")
    everybody = [
        Entity("service", tuple(zip(labels, text.split("/"), strict=True)))
        for text in ("eu/shop/db", "us/shop/db", "eu/shop/web")
    ]
    times = QuietTimes((quiet(name),), ROLES)
    assert [str(one) for one in everybody if times.of(one)] == quiet_ones
    assert bool(times.notices(everybody)) == (not quiet_ones)


def test_a_name_that_stands_for_nobody_is_told_with_what_it_may_have_been() -> None:
    times = QuietTimes((quiet("db", "shop/*"), quiet("dbx")), ROLES)
    assert times.notices([service("db"), node("n1")]) == (
        "quiet_times[0].entities: 'shop/*' is no entity that is measured; known are: db, n1",
        "quiet_times[1].entities: 'dbx' is no entity that is measured; did you mean 'db'?",
    )
    assert times.notices([]) == (), "nobody is measured yet"


def test_a_call_has_both_its_ends_in_its_name() -> None:
    long = [("client_namespace", "shop"), ("client", "web"), ("server_namespace", "data"), ("server", "db")]
    assert names_of(Entity("call", tuple(long)))[1] == "shop/web -> data/db"
    assert names_of(call("web", "db")) == ("web/db", "web -> db")


def test_people_are_told_who_is_quiet_until_when_and_why() -> None:
    def told(matrix: Matrix, *times: QuietTime) -> tuple[str, ...]:
        return SHOP.judge(matrix, quiet=times).silenced.told(matrix.end)

    matrix = SHOP.simulate(slow=SLOW)
    db = quiet("db", since=FAULT, points=18)
    assert told(matrix, db) == (
        "db is quiet until 16:50 UTC: backup",
        "cart, web do not alarm, suffering by db, which is quiet until 16:50 UTC: backup",
    )
    assert told(SHOP.simulate(), db) == ("db is quiet until 16:50 UTC: backup",), "though nothing is anomalous"
    assert told(matrix, quiet("db", "mail"))[0] == "db, mail were quiet until 16:39 UTC: backup"
    assert told(matrix, quiet(points=18)) == ("everything is quiet until 16:50 UTC: backup",)
    assert told(matrix, quiet("db", since=10, points=2000))[0] == "db is quiet until 1970-01-02 09:30 UTC: backup"


def test_quiet_times_are_no_examples_of_what_is_normal() -> None:
    hour = quiet("db", since=120, points=59)
    times = QuietTimes((hour,), ROLES)
    found = times.left_out([service("db"), service("web")], 0, POINTS * STEP)
    assert [(str(one.entity), one.start, one.end) for one in found] == [("db", 120 * STEP, 180 * STEP)]
    everybody = QuietTimes((quiet(since=120, points=59),), ROLES).left_out([service("db")], 0, POINTS * STEP)
    assert [one.entity for one in everybody] == [None]


def test_who_is_quiet_most_of_the_time_still_has_a_normal() -> None:
    mostly = QuietTime.model_validate({"cron": "*/10 * * * *", "duration": 360, "reason": "batch"})
    assert QuietTimes((mostly,), ROLES).left_out([service("db")], 0, POINTS * STEP) == ()
    seldom = QuietTime.model_validate({"cron": "*/10 * * * *", "duration": 120, "reason": "batch"})
    assert len(QuietTimes((seldom,), ROLES).left_out([service("db")], 0, POINTS * STEP)) == POINTS // 10 + 1
