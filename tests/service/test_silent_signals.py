"""Who, and which signal of whom, went silent while others go on: told by every command, and by the service."""

import numpy as np
import pytest
from click.testing import CliRunner
from test_presence import CART, SETTINGS, WEB, clock, matrix, seen, service, shop

from datasource.cli import main
from datasource.data import Entity, Matrix, Variable
from datasource.service.silence import find_silent, find_unasked, silence_notices

N = 400
BUSY = 30 + np.random.default_rng(5).normal(size=N)


def silent(*rows):
    entities = [Entity("service", (("service", f"s{n}"),)) for n in range(len(rows))]
    matrix = Matrix(tuple(Variable(one, "requests") for one in entities), 0, 30, np.array(rows))
    return [(not one.usual, one.text) for one in find_silent(matrix)]


def until(end, begin=0):
    places = np.arange(N)
    return np.where((places >= begin) & (places < end), BUSY, np.nan)


def test_a_service_that_went_silent_while_others_go_on():
    ((wrong, text),) = silent(until(N), until(300), until(N))
    assert wrong
    assert text.startswith("no sample of s1 in the last 50m, while 2 other services go on")
    assert not silent(until(300), until(300)), "everybody is: that is told of each signal"
    assert not silent(until(N), until(N - 10)), "five minutes may be a restart"


def test_where_many_come_and_go_it_is_only_worth_knowing():
    pods = [until(100 * n + 100, 100 * n) for n in range(3)]
    ((wrong, text),) = silent(until(N), *pods)
    assert not wrong
    assert "no sample of s1, s2, s3" in text
    sporadic = np.where(np.arange(N) % 50 < 5, BUSY, np.nan)
    sporadic[300:] = np.nan
    assert not silent(until(N), sporadic)


def one_signal_silent(tmp_path, role_of_the_silent, load, command="check"):
    """What a command says of a file in which db has its column for only half of the time."""
    rng = np.random.default_rng(5)
    columns = {
        f"{name}.{signal}": level * (1 + 0.05 * rng.random(N))
        for name in ("web", "db", "cart")
        for signal, level in (("requests", 50.0), (role_of_the_silent, 0.2))
    }
    columns["db.requests"] = np.where(np.arange(N) < N // 2, columns["db.requests"], load)
    columns[f"db.{role_of_the_silent}"][N // 2 :] = np.nan
    lines = [
        ",".join([str(60 * n), *("" if np.isnan(row[n]) else f"{row[n]:.4f}" for row in columns.values())])
        for n in range(N)
    ]
    (tmp_path / "one.csv").write_text("\n".join([",".join(["time", *columns]), *lines]))
    return CliRunner().invoke(main, [command, "--data", str(tmp_path / "one.csv")])


def test_a_signal_that_went_silent_while_the_others_of_its_entity_go_on(tmp_path):
    result = one_signal_silent(tmp_path, "latency", 50.0)
    assert result.exit_code == 1
    assert "WRONG: no latency of db in the last" in result.output


@pytest.mark.parametrize(("signal", "load"), [("latency", 0.0), ("errors", 50.0)])
def test_who_is_not_asked_has_no_latency_and_nobody_must_fail(tmp_path, signal, load):
    assert "no " + signal + " of db in the last" not in one_signal_silent(tmp_path, signal, load).output


@pytest.mark.parametrize("command", ["evaluate", "score"])
def test_it_is_said_beside_every_answer(tmp_path, command):
    result = one_signal_silent(tmp_path, "latency", 50.0, command)
    assert result.exit_code == 0
    assert "no latency of db in the last" in result.output
    assert "no latency of db in the last" not in one_signal_silent(tmp_path, "latency", 0.0, command).output


def test_the_service_says_it_in_its_notices() -> None:
    whole = shop([WEB, CART, service("db")])
    whole[service("db"), "latency"] = np.where(np.arange(500) < 450, whole[service("db"), "latency"], np.nan)
    one, _ = clock(matrix(whole))
    assert "no latency of db in the last 25m, while its other signals and latency of others go on" in seen(one).notices


def test_the_service_says_what_check_calls_wrong() -> None:
    whole = shop([WEB, CART])
    for entity in (WEB, CART):
        whole[entity, "requests"] = np.cumsum(whole[entity, "requests"])
    one, _ = clock(matrix(whole))
    assert any(notice.startswith("signal 'requests': it only grows, of cart, as a") for notice in seen(one).notices)


def test_a_signal_of_which_nobody_has_samples_any_more() -> None:
    whole = shop([WEB])
    whole[WEB, "latency"] = np.where(np.arange(500) < 450, whole[WEB, "latency"], np.nan)
    assert silence_notices(SETTINGS, matrix(whole)) == (
        "no latency of anybody in the last 25m, while other signals go on: is its query still answered?",
    )
    both = {key: np.where(np.arange(500) < 450, row, np.nan) for key, row in shop([WEB]).items()}
    assert silence_notices(SETTINGS, matrix(both)) == (
        "no sample of anybody in the last 25m: is anything still measured?",
    )


def test_nobody_is_missed_in_nothing() -> None:
    empty = Matrix((), 0, 30, np.empty((0, 5)))
    assert silence_notices(SETTINGS, empty) == silence_notices(SETTINGS, Matrix((), 0, 30, np.empty((0, 0)))) == ()


def unasked(*rows):
    entities = [Entity("service", (("service", f"s{n}"),)) for n in range(len(rows))]
    found = Matrix(tuple(Variable(one, "requests") for one in entities), 0, 30, np.array(rows))
    return [one.text for one in find_unasked(SETTINGS, found)]


def asked_until(end, left=0.0):
    return np.where(np.arange(N) < end, BUSY, left)


def test_who_is_not_asked_any_more_is_told_of_since_no_load_alarms():
    assert unasked(asked_until(N), asked_until(N - 20)) == [
        "next to no requests of s1 in the last 10m: does nothing reach it?"
    ]
    assert unasked(asked_until(N - 20, 0.1)), "probes go on"
    assert unasked(*[asked_until(N - 12)] * 2) == [
        "next to no requests of s0, s1 in the last 6m: does nothing reach them?"
    ]


def test_few_requests_that_came_before_are_no_news():
    assert not unasked(asked_until(N - 20, 3.0)), "a tenth of the traffic is some"
    assert not unasked(asked_until(N - 5)), "two minutes may be a pause"
    nightly = np.where((np.arange(N) // 40) % 3 == 2, 0.0, BUSY)
    assert nightly[-1] > 0
    assert not unasked(nightly[: N - 20]), "as long as it often is"
    assert not unasked(asked_until(N // 2 - 10)), "for most of the time it was not asked"
    assert not unasked(np.zeros(N), np.full(N, np.nan))


def test_the_service_says_who_is_not_asked_any_more_and_not_that_pods_come_and_go() -> None:
    whole = shop([WEB, CART])
    whole[CART, "requests"] = np.where(np.arange(500) < 480, whole[CART, "requests"], 0.0)
    whole[CART, "latency"] = np.where(np.arange(500) < 480, whole[CART, "latency"], np.nan)
    one, _ = clock(matrix(whole))
    (text,) = seen(one).missed
    assert text == "next to no requests of cart in the last 10m: does nothing reach it?"
    pods = [Entity("service", (("service", f"pod-{n}"),)) for n in range(3)]
    one, times = clock(matrix(shop([WEB]) | shop(pods, last=450)))
    times.go_on(-50 * 30)
    seen(one)
    times.go_on(50 * 30)
    assert seen(one).presence.vanished
    assert seen(one).missed == ()
