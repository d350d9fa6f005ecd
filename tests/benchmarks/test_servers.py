"""The benchmark on servers counts events as they are defined, and compares at the same promise."""

import csv

import numpy as np
import pytest

from benchmarks.detectors import DETECTORS, calibrated, range_rule
from benchmarks.servers import (
    OURS,
    REPLAYED,
    Counted,
    count,
    floors,
    group_of,
    main,
    one_after_the_other,
    read_machine,
    total,
)
from benchmarks.vus import buffered, range_auc_pr, vus_pr
from datasource.anomaly.persistence import USUAL, persisting
from datasource.replay.alarms import episodes_of

STEP, TRAIN, TEST = 600, 6 * 144, 2 * 144
START = 1_700_006_400
EVENTS = ((40, 49), (150, 151), (200, 229))
"""The first is seen in one column, the second in none, the third in both."""


def write(path, header, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def lay(folder, name, gap=0):
    """Two noisy columns of a made-up machine; the test part begins so many seconds after the train part."""
    rng = np.random.default_rng(sum(map(ord, name)))
    values = 50 + rng.standard_normal((TRAIN + TEST, 2))
    values[TRAIN + 40 : TRAIN + 50, 0] += 12
    values[TRAIN + 200 : TRAIN + 230] -= 12
    times = START + STEP * np.arange(TRAIN + TEST) + np.where(np.arange(TRAIN + TEST) < TRAIN, 0, gap)
    rows = [[int(time), *row] for time, row in zip(times, values.tolist(), strict=True)]
    for part, own in (("train", rows[:TRAIN]), ("test", rows[TRAIN:])):
        write(folder / f"{name}_{part}.csv", ["time", "server.cpu_0", "server.cpu_1"], own)
    first = int(times[TRAIN])
    spans = [[first + STEP * a, first + STEP * b, "", ""] for a, b in EVENTS]
    write(folder / f"{name}_incidents.csv", ["start", "end", "service", "signal"], spans)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    directory = tmp_path_factory.mktemp("servers")
    lay(directory, "box-1")
    lay(directory, "box-1-2", gap=5 * 86400 + 7 * STEP)
    return directory


# Range-aware precision and recall, against its definition


def by_definition(events, score, buffer):
    """Threshold by threshold, as the paper says it."""
    label = np.zeros(score.size)
    for first, last in events:
        for column in range(score.size):
            away = max(first - column, column - last, 0)
            if away == 0:
                label[column] += 1
            elif away <= buffer // 2:
                label[column] += (1 - away / buffer) ** 0.5
    label = np.minimum(label, 1)
    inside = [column for column in range(score.size) if label[column] > 0]
    segments = np.split(inside, np.flatnonzero(np.diff(inside) > 1) + 1)
    plain = sum(last - first + 1 for first, last in events)
    recalls, precisions = [0.0], [1.0]
    for rank in np.linspace(0, score.size - 1, 250).astype(int):
        above = score >= sorted(score, reverse=True)[rank]
        met = np.mean([above[segment].any() for segment in segments])
        recalls.append(min(label[above].sum() / ((plain + label.sum()) / 2), 1) * met)
        precisions.append(label[above].sum() / above.sum())
    return float(np.trapezoid(precisions, recalls))


@pytest.mark.parametrize("buffer", [0, 1, 2, 7, 12])
@pytest.mark.parametrize("ties", [False, True])
def test_the_area_is_the_one_of_its_definition(buffer, ties):
    rng = np.random.default_rng(buffer)
    events = [(0, 3), (30, 34), (38, 38), (90, 99)]
    score = rng.standard_normal(100)
    score[28:36] += 2
    if ties:
        score = np.round(score)
    assert range_auc_pr(events, score, buffer) == pytest.approx(by_definition(events, score, buffer))


def test_the_volume_is_the_mean_over_the_buffers():
    score = np.random.default_rng(1).standard_normal(200)
    areas = [range_auc_pr([(50, 60)], score, buffer) for buffer in range(9)]
    assert vus_pr([(50, 60)], score, 8) == pytest.approx(np.mean(areas))


def test_a_perfect_score_has_the_whole_area_and_a_late_one_more_than_none():
    events = [(50, 60), (150, 160)]
    perfect = buffered(events, 250, 0)
    assert range_auc_pr(events, perfect, 0) == pytest.approx(1)
    late = np.roll(perfect, 13)
    assert vus_pr(events, late, 20) > vus_pr(events, np.roll(perfect, 60), 20)


# Peers


@pytest.mark.parametrize("name", [name for name in DETECTORS if name != "isolation forest"])
def test_peers_find_a_jump_and_keep_the_promise_that_they_are_calibrated_to(name):
    rng = np.random.default_rng(3)
    quiet, judged = rng.standard_normal((2, 1600, 1)) + 0.3 * rng.standard_normal((2, 1600, 4))
    judged[800:820, 0] += 8
    above = persisting(calibrated(DETECTORS[name], quiet, judged, 8.0), USUAL) > 1
    assert above[804:820].all()
    above[800:824] = False
    assert 1 <= len(episodes_of(above, USUAL.of)) <= 20


def test_a_stricter_promise_makes_fewer_alarms():
    rng = np.random.default_rng(4)
    quiet, judged = rng.standard_normal((2, 2000, 3))
    many, few = (
        len(episodes_of(persisting(calibrated(DETECTORS["N-sigma"], quiet, judged, allowed), USUAL) > 1, USUAL.of))
        for allowed in (20.0, 2.0)
    )
    assert many > 2 * few


def test_a_column_that_never_moved_does_not_alarm_for_a_hair():
    quiet = np.column_stack([np.random.default_rng(5).standard_normal(800), np.full(800, 7.0)])
    judged = quiet + np.array([0.0, 0.001])
    for detector in (DETECTORS["N-sigma"], DETECTORS["robust IQR"], DETECTORS["PCA residual"]):
        assert np.median(detector(quiet, judged)) < 3


def test_the_range_rule_follows_the_newest_eight_days():
    day = 96
    rng = np.random.default_rng(6)
    values = rng.standard_normal((20 * day, 2))
    values[10 * day :] += 30
    above = persisting(range_rule(values, 9 * day, day, 0.5), USUAL) > 1
    assert above[day + 3 : 2 * day].all(), "a level that nobody has seen"
    assert not above[2 * day + 3 :].any(), "a day later it is in the range"


# Counting


def test_events_delays_and_alarms_are_counted_on_the_path_of_the_product(folder):
    one = count(read_machine(folder, "box-1"), OURS, 0.5)
    assert one.events == (2, 3), "what is seen in no column cannot be found"
    assert all(1 <= delay <= 2 for delay in one.delays), "three points above 1 are an alarm, one may be chance"
    assert one.half[1] == 3
    assert one.supported > 0
    assert one.quiet[0] <= 1, "half a false alarm a day is promised, and the two found events are none"
    assert one.quiet[1] == pytest.approx((TEST - 10 - 2 - 30 - 3 * 5) / 144)
    assert one.alarm_quiet[1] == TEST - 10 - 2 - 30 - 3 * 5
    assert one.alarm_quiet[0] <= 5, "beside what belongs to the events"
    assert one.alarm_all[1] == TEST
    assert one.alarm_all[0] >= 10 + 30 - 2 * 2
    assert one.vus > 0.8


@pytest.mark.parametrize("name", ["box-1", "box-1-2"])
def test_the_backtest_judges_the_test_part_with_the_train_part_before_it(folder, name):
    one = count(read_machine(folder, name), REPLAYED, 0.5)
    assert one.events == (2, 3)
    assert all(1 <= delay <= 2 for delay in one.delays)
    assert one.alarm_all[1] == TEST
    assert one.seconds > 0


@pytest.mark.parametrize("name", ["box-1", "box-1-2"])
def test_the_train_part_is_moved_by_whole_days_to_just_before_the_test_part(folder, name):
    machine = read_machine(folder, name)
    matrix, start = one_after_the_other(machine.train.matrix, machine.test.matrix)
    assert start == machine.test.matrix.start
    assert matrix.end == machine.test.matrix.end
    assert (matrix.start - machine.train.matrix.start) % 86400 == 0, "the time of day is what it was"
    assert 0 <= start - matrix.start - TRAIN * STEP < 86400
    assert np.array_equal(matrix.between(start, matrix.end).values, machine.test.matrix.values)
    assert np.array_equal(matrix.values[:, :TRAIN], machine.train.matrix.values)


def test_a_quick_run_prints_every_machine_group_and_floor(folder, capsys):
    code = main(["--data", str(folder), "--only", "box-1", "--no-backtest", "--no-peers"])
    lines = capsys.readouterr().out.splitlines()
    told = [line for line in lines if line.startswith(("reached", "MISSED"))]
    assert [line.split("  ")[0] for line in lines[3:5]] == ["box-1", "all box"]
    assert len(told) == 4
    assert code == int(any(line.startswith("MISSED") for line in told))


def test_machines_are_grouped_by_their_names():
    assert [group_of(name) for name in ("omi-12", "machine-1-6", "box", "7")] == ["omi", "machine", "box", "7"]


def counted(name, **changed):
    fine = Counted(name, OURS, 60, (1, 2.0), 0.1, (1, 2.0), (2, 2), (3.0,), (1, 100), (5, 110), 0.5, 1.0)
    return fine._replace(**changed)


@pytest.mark.parametrize(
    ("changed", "missed"),
    [
        ({}, ""),
        ({"half": (2, 2.0)}, "in the second half (0.5 promised"),
        ({"quiet": (2, 2.0)}, "in the quiet test"),
        ({"events": (1, 2)}, "50% of the events (at least 65%)"),
        ({"alarm_quiet": (11, 100)}, "in alarm 11.0% of the quiet time"),
        ({"half": (1, 2.0), "supported": 1.5}, "said to be possible"),
    ],
)
def test_a_floor_that_is_missed_is_told(changed, missed):
    told = [floor.text for floor in floors([counted("omi-1", **changed)], 0.5) if not floor.reached]
    assert len(told) == bool(missed)
    assert all(missed in text for text in told)


def test_groups_are_judged_together():
    those = [counted("omi-1", events=(1, 2)), counted("omi-2", events=(4, 4), delays=(1.0, 5.0))]
    assert all(floor.reached for floor in floors(those, 0.5))
    together = total(those, "all omi")
    assert together.events == (5, 6)
    assert together.delays == (3.0, 1.0, 5.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--only", "ghost"], "--only: none of ghost is there"), (["--data", "nowhere"], "nowhere has no NAME_incidents")],
)
def test_a_folder_without_these_machines_is_told(folder, capsys, arguments, message):
    with pytest.raises(SystemExit) as ended:
        main(["--data", str(folder), *arguments])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
