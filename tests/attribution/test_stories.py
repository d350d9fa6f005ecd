"""Who is named: planted combinations among noise, nobody where nothing is, never who has three requests."""

import numpy as np
import pytest

from benchmarks.explain import QUERIES, judge, simulate
from datasource.attribution.cells import Rows, lay_out
from datasource.attribution.explanation import Measured, explain_change
from datasource.attribution.question import read_question

WINDOWS = 14
ERRORS = QUERIES["ratio"]


def measured(labels, above, below=None, there=None):
    there = np.ones((len(labels), 2), bool) if there is None else there
    rows = Rows(labels, np.asarray(above, float), there)
    cells = lay_out(rows, None if below is None else Rows(labels, np.asarray(below, float), there))
    return Measured(cells, {}, 0, 3600, 900, len(labels))


def labels_of(part):
    return dict(part.labels)


@pytest.mark.parametrize("kind", QUERIES)
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_broken_combination_is_found_in_nine_of_ten(kind, depth):
    worlds = [simulate(kind, depth, seed) for seed in range(100, 110)]
    told = [judge(explain_change(read_question(QUERIES[kind]), world.measured), world.broken) for world in worlds]
    assert told.count("exact") >= 8
    assert told.count("wrong") <= 1


@pytest.mark.parametrize("kind", QUERIES)
def test_nobody_is_named_where_nobody_is_broken(kind):
    worlds = [simulate(kind, 0, seed) for seed in range(100, 115)]
    told = [judge(explain_change(read_question(QUERIES[kind]), world.measured), world.broken) for world in worlds]
    assert told.count("none") >= 14


def test_three_requests_are_never_the_story():
    rng = np.random.default_rng(1)
    labels = [{"customer": f"c{n}"} for n in range(300)] + [{"customer": "large"}]
    below = np.full((301, WINDOWS), 3 / 900)
    below[-1] = 300
    above = np.zeros_like(below)
    above[-1] = rng.binomial(270_000, 0.01, size=WINDOWS) / 900
    above[:20, -1] = below[:20, -1]
    found = explain_change(read_question(ERRORS), measured(labels, above, below))
    assert not found.parts


def test_a_few_events_of_few_are_no_story_either():
    rng = np.random.default_rng(3)
    labels = [{"customer": f"c{n}", "path": f"p{n % 5}"} for n in range(100)]
    below = rng.poisson(3, size=(100, WINDOWS)) / 900
    above = rng.binomial(np.rint(below * 900).astype(int), 0.05) / 900
    above[7, -1], below[7, -1] = 3 / 900, 3 / 900
    assert not explain_change(read_question(ERRORS), measured(labels, above, below)).parts


def test_what_all_do_alike_is_nobodys():
    labels = [{"zone": zone, "version": version} for zone in "abc" for version in "12"]
    rng = np.random.default_rng(0)
    levels = rng.poisson(90_000, size=(6, WINDOWS)) / 900
    levels[:, -1] *= 1.5
    found = explain_change(read_question(QUERIES["sum"]), measured(labels, levels))
    assert not found.parts
    assert found.is_clear
    assert found.rest_moved


def test_of_two_values_the_one_that_changed_is_named():
    rng = np.random.default_rng(0)
    for large, small in ((900, 90), (90, 900)):
        levels = rng.poisson([[large * 900], [small * 900]], size=(2, WINDOWS)) / 900
        levels[1, -1] *= 0.3
        found = explain_change(read_question(QUERIES["sum"]), measured([{"zone": "a"}, {"zone": "b"}], levels))
        assert [labels_of(part) for part in found.parts] == [{"zone": "b"}]


def test_another_mix_is_told_from_another_rate():
    rng = np.random.default_rng(0)
    labels = [{"path": "/fast"}, {"path": "/slow"}, {"path": "/mid"}]
    counts = rng.poisson(np.array([[90_000], [9_000], [30_000]]), size=(3, WINDOWS)).astype(float)
    counts[1, -1] *= 4
    seconds = counts * np.array([[0.01], [1.0], [0.2]])
    found = explain_change(read_question(QUERIES["mean"]), measured(labels, seconds / 900, counts / 900))
    (part,) = found.parts
    assert labels_of(part) == {"path": "/slow"}
    assert part.mix > 0.8 * found.change
    assert abs(part.rate) < 0.01 * found.change


def test_a_new_version_in_one_zone_is_named_with_its_zone():
    rng = np.random.default_rng(0)
    labels = [{"zone": z, "version": v, "path": p} for z in "abc" for v in ("4.1", "4.2") for p in ("/", "/pay")]
    below = np.array([rng.poisson(20_000, size=WINDOWS) / 900 for _ in labels])
    new = np.array([one["version"] == "4.2" for one in labels])
    there = np.ones((len(labels), 2), bool)
    below[new, :-1], below[new, -1] = 0, below[new, -1] / 4
    there[new, 0] = False
    chance = np.array([[0.02 if one["path"] == "/pay" else 0.002] for one in labels]) * np.ones(WINDOWS)
    chance[new & np.array([one["zone"] == "b" for one in labels]), -1] += 0.2
    above = rng.binomial(np.rint(below * 900).astype(int), chance) / 900
    found = explain_change(read_question(ERRORS), measured(labels, above, below, there))
    assert labels_of(found.parts[0]) == {"version": "4.2", "zone": "b"}
    assert found.parts[0].effect > 0.8 * found.change


def test_pods_that_all_were_replaced_are_said_and_not_told_apart():
    rng = np.random.default_rng(0)
    labels = [{"zone": zone, "pod": f"{zone}-{n}"} for zone in "ab" for n in range(20)]
    there = np.array([[int(one["pod"][2:]) < 10] * 2 for one in labels])
    there[:, 1] = ~there[:, 0]
    levels = rng.poisson(9_000, size=(40, WINDOWS)) / 900
    levels[~there[:, 0], :-1] = 0
    levels[~there[:, 1], -1] = 0
    levels[np.array([one["zone"] == "b" for one in labels]), -1] *= 3
    found = explain_change(read_question(QUERIES["sum"]), measured(labels, levels, there=there))
    assert set(found.replaced) == {"pod"}
    assert [labels_of(part) for part in found.parts] == [{"zone": "b"}]


def test_of_labels_that_go_together_one_is_told():
    rng = np.random.default_rng(0)
    labels = [{"instance": f"10.0.0.{n}:8080", "pod": f"p{n}"} for n in range(8)]
    levels = rng.poisson(9_000, size=(8, WINDOWS)) / 900
    levels[3, -1] *= 5
    found = explain_change(read_question(QUERIES["sum"]), measured(labels, levels))
    assert [labels_of(part) for part in found.parts] == [{"pod": "p3"}]
    assert found.same == {"pod": ("instance",)}


def test_a_change_of_level_long_ago_hides_none_of_now():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        labels = [{"job": f"j{n}"} for n in range(10)]
        levels = rng.poisson(90_000, size=(10, WINDOWS)) / 900
        levels[4, 5:] *= 3
        levels[4, -1] /= 3
        found = explain_change(read_question(QUERIES["sum"]), measured(labels, levels))
        assert [labels_of(part) for part in found.parts] == [{"job": "j4"}]


def test_what_goes_up_and_down_by_itself_is_not_named():
    rng = np.random.default_rng(0)
    labels = [{"job": f"j{n}"} for n in range(10)]
    levels = rng.poisson(90_000, size=(10, WINDOWS)) / 900
    levels[4] *= np.tile([0.2, 1.8], WINDOWS // 2)
    assert not explain_change(read_question(QUERIES["sum"]), measured(labels, levels)).parts
