"""Incidents: which anomalies belong together, from when to when, and under which name."""

import re
from collections.abc import Set as AbstractSet

import numpy as np
from judging import OF, PATIENCE, POINTS, START, STEP, Story, scores, service
from small_shop import Shop

from datasource.anomaly.persistence import since
from datasource.data import Entity, Variable
from datasource.graph import CausalGraph, Edge
from datasource.incidents import Incident
from datasource.incidents.connected import Neighbours, neighbours
from datasource.incidents.grouping import group
from datasource.topology import Topology


def names(entities: tuple[Entity, ...]) -> list[str]:
    return [entity.name for entity in entities]


def open_ones(incidents: tuple[Incident, ...]) -> list[Incident]:
    return [incident for incident in incidents if incident.open]


def test_an_incident_lasts_from_its_first_to_its_last_anomalous_point() -> None:
    story = Story({"web": scores(60, (10, 20))})
    assert story.told(until=12) == ()
    (begun,) = story.told(until=13)
    assert begun.start == story.time(10), "not the evaluation at which three of five points were reached"
    assert begun.open
    (waiting,) = story.told(until=19 + PATIENCE)
    assert waiting.open
    (over,) = story.told()
    assert over.end == story.time(19), "when the last anomaly was over, not when the patience was"
    assert over.id == begun.id


def test_an_isolated_point_is_no_incident() -> None:
    assert Story({"web": scores(60, (10, 11), (30, 32))}).told() == ()


def test_a_flapping_symptom_is_one_incident() -> None:
    story = Story({"web": scores(150, *[(first, first + 4) for first in range(10, 100, 12)])})
    (flapping,) = story.told()
    assert (flapping.start, flapping.end) == (story.time(10), story.time(97))


def test_what_comes_back_after_a_long_quiet_time_is_another_incident() -> None:
    story = Story({"web": scores(120, (10, 20), (60, 70))})
    first, second = story.told()
    assert first.id != second.id
    assert (first.end, second.start) == (story.time(19), story.time(60))


def test_callers_and_callees_are_one_incident_that_grows_and_keeps_its_name_and_start() -> None:
    story = Story(
        {"db": scores(60, (10, 40)), "cart": scores(60, (15, 40)), "web": scores(60, (20, 40)), "mail": scores(60)},
        calls=[("cart", "db"), ("web", "cart"), ("web", "mail")],
        roots={"db": "db", "cart": "db", "web": "db"},
    )
    (first,) = story.told(until=14)
    (grown,) = story.told(until=30)
    assert names(first.affected) == ["db"]
    assert (grown.id, grown.start) == (first.id, first.start)
    assert names(grown.affected) == ["db", "cart", "web"]
    assert names(grown.roots) == ["db"]
    assert str(grown.causes.symptom) == "web.latency", "what users feel"
    assert [episode.start for episode in grown.episodes] == [story.time(step) for step in (10, 15, 20)]


def test_two_failures_with_nothing_in_common_are_two_incidents() -> None:
    story = Story(
        {"web": scores(40, (10, 40)), "mail": scores(40, (10, 40)), "db": scores(40)},
        calls=[("web", "db"), ("mail", "db")],
        roots={"web": "web", "mail": "mail"},
    )
    found = story.told()
    assert sorted(names(one.affected) for one in found) == [["mail"], ["web"]]
    assert len({one.id for one in found}) == 2


def test_who_shares_a_named_root_cause_is_in_the_same_incident() -> None:
    anomalous = scores(40, (10, 40))
    story = Story({"web": anomalous, "mail": anomalous}, roots={"web": "node", "mail": "node"})
    (one,) = story.told()
    assert names(one.affected) == ["node", "mail", "web"], "the root is part of the blast radius"
    assert names(one.roots) == ["node"]


def test_causal_edges_tie_entities_that_no_relation_ties() -> None:
    edge = Edge(Variable(service("queue"), "depth"), Variable(service("mail"), "latency"), 0)
    near = neighbours(CausalGraph((edge.cause, edge.effect), (edge,)), Topology())
    assert near == {service("queue"): {service("mail")}, service("mail"): {service("queue")}}


def test_what_follows_within_a_short_gap_belongs_to_the_incident_and_what_follows_later_does_not() -> None:
    for gap, count in ((PATIENCE - 3, 1), (PATIENCE + 3, 2)):
        story = Story({"db": scores(90, (10, 20)), "web": scores(90, (19 + gap, 70))}, calls=[("web", "db")])
        assert len(story.told()) == count, gap


def test_two_incidents_that_turn_out_to_be_one_are_merged_into_the_older_one() -> None:
    story = Story(
        {"db": scores(60, (10, 60)), "web": scores(60, (14, 60)), "cart": scores(60, (30, 60))},
        calls=[("web", "cart"), ("cart", "db")],
    )
    older, younger = story.told(until=25)
    assert older.open
    assert younger.open
    merged = {one.id: one for one in story.told()}
    assert set(merged) == {older.id, younger.id}
    assert merged[older.id].open
    assert merged[older.id].start == story.time(10)
    assert names(merged[older.id].affected) == ["db", "web", "cart"]
    closed = merged[younger.id]
    assert closed.merged_into == older.id
    assert not closed.open
    assert older.id in closed.summary


def test_parts_of_an_incident_stay_together_when_what_tied_them_has_recovered() -> None:
    story = Story(
        {"db": scores(150, (10, 150)), "cart": scores(150, (10, 40)), "web": scores(150, (10, 150))},
        calls=[("web", "cart"), ("cart", "db")],
    )
    (one,) = story.told()
    assert names(one.affected) == ["cart", "db", "web"]
    cart = next(episode for episode in one.episodes if episode.entity.name == "cart")
    assert cart.last == story.time(39)


def test_an_entity_whose_samples_vanish_does_not_end_the_incident_at_once() -> None:
    values = np.array(scores(60, (10, 60)))
    values[20:26] = np.nan
    story = Story({"web": values.tolist()})
    (before,) = story.told(until=20)
    (gone,) = story.told(until=26)
    (back,) = story.told()
    assert before.id == gone.id == back.id
    assert gone.open
    assert back.open


def test_a_restart_or_an_outage_of_prometheus_does_not_cut_an_incident_in_two() -> None:
    story = Story({"web": scores(200, (10, 100))})
    (before,) = story.told(until=30)
    (after,) = story.told(start=80, until=90, previous=(before,))
    assert (after.id, after.start) == (before.id, before.start)


def test_what_was_seen_days_ago_is_over() -> None:
    story = Story({"web": scores(500, (10, 30), (400, 450))})
    before = story.told(until=30)
    old, new = story.told(start=403, until=410, previous=before)
    assert old.end == story.time(29)
    assert new.open
    assert new.start == story.time(400)


def test_evaluating_the_same_time_twice_changes_nothing() -> None:
    story = Story(
        {"db": scores(60, (10, 30)), "web": scores(60, (12, 35))},
        calls=[("web", "db")],
        roots={"web": "db", "db": "db"},
    )
    for until in (13, 16, 25, 40, 60):
        once = story.told(until=until)
        assert story.told(start=until - 1, until=until, previous=once) == once


def test_an_id_says_when_and_what_and_may_stand_in_a_url() -> None:
    strange = Story({"größe & co/web": scores(20, (10, 20)), "x" * 300: scores(20, (10, 20))})
    found = strange.told()
    assert len({one.id for one in found}) == 2
    for one in found:
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,110}", one.id), one.id
    (plain,) = Story({"web": scores(20, (10, 20))}).told()
    assert plain.id == "20251113T021830Z-web.latency"
    same = [Story({"a/b": scores(20, (10, 20)), "a b": scores(20, (10, 20))}).told() for _ in range(2)]
    assert [one.id for one in same[0]] == [one.id for one in same[1]]
    assert len({one.id for one in same[0]}) == 2


def test_causes_are_told_as_they_were_when_the_gap_was_largest() -> None:
    gaps = [*[0.0] * 10, *np.linspace(0.1, 0.9, 10), *np.linspace(0.9, 0.1, 10), *[0.0] * 30]
    story = Story({"web": scores(60, (10, 30))}, roots={"web": "web"}, gaps={"web": gaps})
    (over,) = story.told()
    assert over.causes.gap == max(gaps)


def test_another_root_cause_is_told_though_the_gap_is_smaller() -> None:
    gaps = [3.0] * 30 + [1.0] * 30
    story = Story({"web": scores(60, (10, 60))}, roots={"web": "db"}, gaps={"web": gaps})
    before = story.told(until=30)
    story.roots["web"] = "cache"
    (after,) = story.told(start=30, previous=before)
    assert names(after.roots) == ["cache"]
    assert after.causes.gap == 1.0


def test_a_name_that_was_given_once_is_kept_while_nobody_can_be_named() -> None:
    story = Story({"web": scores(60, (10, 60))}, roots={"web": "db"})
    before = story.told(until=30)
    story.roots.clear()
    (after,) = story.told(start=30, previous=before)
    assert names(after.roots) == ["db"]


def test_two_root_causes_at_once_are_two_incidents_each_with_who_suffers_by_it() -> None:
    anomalous = scores(30, (10, 30))
    story = Story(
        {"web": anomalous, "cart": anomalous, "db": anomalous, "mail": anomalous},
        calls=[("web", "cart"), ("web", "mail"), ("cart", "db")],
        roots={"web": "mail", "mail": "mail", "cart": "db", "db": "db"},
    )
    found = story.told()
    assert [(names(one.roots), names(one.affected)) for one in found] == [
        (["db"], ["cart", "db"]),
        (["mail"], ["mail", "web"]),
    ]


def test_who_is_named_beside_the_likeliest_one_is_a_root_too() -> None:
    story = Story({"web": scores(30, (10, 30))}, roots={"web": "db"}, among={"web": {"db": 0.9, "cache": 0.7}})
    (one,) = story.told()
    assert names(one.roots) == ["db", "cache"]


def test_an_anomaly_older_than_the_newest_points_is_dated_by_its_scores() -> None:
    assert since(np.array(scores(60, (20, 60))), POINTS, OF, PATIENCE) == 20 - 59
    assert since(np.array(scores(60, (8, 12), (20, 60))), POINTS, OF, PATIENCE) == 8 - 59, "a short gap is no end"
    assert since(np.array(scores(90, (5, 9), (50, 90))), POINTS, OF, PATIENCE) == 50 - 89
    assert since(np.array(scores(60, (3, 4), (20, 60))), POINTS, OF, PATIENCE) == 20 - 59, "one point is no anomaly"
    assert since(np.array(scores(60)), POINTS, OF, PATIENCE) == 0, "where nothing persists, the newest point"


def test_an_anomaly_of_two_points_far_above_is_dated_by_these() -> None:
    far = np.array(scores(60, (50, 52), (58, 60))) * 2
    assert since(far, POINTS, OF, PATIENCE, strong=3.0) == 50 - 59
    assert since(far, POINTS, OF, PATIENCE, strong=5.0) == 0, "not far enough: no anomaly, and no error"
    assert since(far[:58], POINTS, OF, PATIENCE, strong=3.0) == 50 - 57


class Counted(dict[Entity, AbstractSet[Entity]]):
    """Neighbours that count how often somebody asks."""

    asked = 0

    def get(self, key: Entity, default: object = None) -> object:  # type: ignore[override]
        self.asked += 1
        return super().get(key, default)


def test_an_evaluation_looks_at_each_anomalous_entity_once_however_large_the_graph_is() -> None:
    anomalous, well = [f"a{number}" for number in range(500)], [f"w{number}" for number in range(2000)]
    pairs = [(f"w{number}", f"w{number + 1}") for number in range(1999)] + [("w0", name) for name in anomalous]
    story = Story({name: scores(6, (0, 6)) for name in anomalous}, calls=pairs)
    assert len(story.near) == len(anomalous) + len(well)
    near: Neighbours = Counted(story.near)
    first = group((), story.judged(4), near, time=START, step=STEP, points=POINTS, of=OF)
    near.asked = 0  # type: ignore[attr-defined]
    again = group(first, story.judged(5), near, time=START + STEP, step=STEP, points=POINTS, of=OF)
    assert len(again) == 500
    assert near.asked == 500  # type: ignore[attr-defined]


def test_the_main_symptom_stands_for_most_of_what_is_anomalous() -> None:
    """Nobody waits for either end of a queue; the one from which most others are reached is what users feel."""
    shop = Shop([("web", "shop"), ("web", "mail"), ("shop", "db"), ("mail", "db")], queued=frozenset({("web", "mail")}))
    judgement = shop.judge(shop.simulate(slow={"db": 0.3}))
    assert [str(causes.symptom) for causes in judgement.symptoms] == ["web.latency", "mail.latency"]
    near = neighbours(CausalGraph((), ()), shop.topology)
    (incident,) = group((), judgement, near, time=START, step=STEP, points=POINTS, of=OF)
    assert str(incident.causes.symptom) == "web.latency"
