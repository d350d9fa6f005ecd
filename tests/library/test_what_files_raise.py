"""`check` asks whether numbers can mean what their signal claims, online and on files alike."""

import numpy as np
import pytest
from click.testing import CliRunner

from datasource.cli import main
from datasource.data import Entity, Matrix, Variable
from datasource.data.counters import growing
from datasource.library.doubts import find_doubts
from datasource.settings import Signal, parse_settings

N = 400
RNG = np.random.default_rng(5)
BUSY = 30 + RNG.normal(size=N)
RESTARTS = Signal(entity="service", query="restarts", window=30, role="event", kind="event")
SETTINGS = parse_settings(
    "prometheus: {url: 'http://p'}\n"
    "step: 30s\n"
    "entities: {service: {labels: [service]}}\n"
    "signals:\n"
    "  requests: {entity: service, query: requests, window: 30s, role: load}\n"
    "  busy: {entity: service, query: busy, window: 30s, role: work}\n"
    "  errors: {entity: service, query: errors, window: 30s, role: failure}\n"
    "  latency: {entity: service, query: latency, window: 30s, role: latency, kind: quantile}\n"
    "  mean: {entity: service, query: 'svc:latency:mean', window: 30s, role: latency}\n"
    "  p99: {entity: service, query: 'svc:latency:p99', window: 30s, role: latency}\n"
    "  disk: {entity: service, query: disk, window: 30s, role: saturation}\n"
)


def doubts(signal, *rows, load=None, **given):
    entities = [Entity("service", (("service", name),)) for name in ("web", "cart", "pay")]
    measured = [(Variable(entity, signal), row) for entity, row in zip(entities, rows, strict=False)]
    if load is not None:
        measured += [(Variable(entity, "requests"), np.asarray(load)) for entity in entities]
    matrix = Matrix(tuple(one for one, _ in measured), 0, 30, np.array([row for _, row in measured], dtype=float))
    return [(one.wrong, one.text) for one in find_doubts(SETTINGS, signal, matrix, **given)]


def counter(resets=0):
    row = np.cumsum(RNG.poisson(3, N)).astype(float)
    for n in range(resets):
        row[150 * (n + 1) :] -= row[150 * (n + 1)]
    return row


def gaps(keep):
    return np.where(np.arange(N) % 3 < keep, BUSY, np.nan)


@pytest.mark.parametrize("signal", ["requests", "busy", "errors", "latency"])
@pytest.mark.parametrize("resets", [0, 2])
def test_what_only_grows_is_a_counter_whatever_its_name(signal, resets):
    ((wrong, text),) = doubts(signal, counter(), counter(), **({"counter": "x_total"} if resets else {}))
    assert wrong
    assert "only grows" in text


def seldom(*resets):
    row = np.cumsum(np.isin(np.arange(N), (20, 90, 91, 170, 230, 300, 310, 380))).astype(float)
    for place in resets:
        row[place:] -= row[place]
    return row


@pytest.mark.parametrize("resets", [(), (200,)])
def test_a_counter_of_what_seldom_happens_is_one_too(resets):
    ((wrong, text),) = doubts("errors", seldom(*resets), np.zeros(N), np.zeros(N))
    assert wrong
    assert "of web it only grows" in text
    assert not doubts("disk", seldom()), "a disk may fill"
    assert not doubts("errors", np.where(np.arange(N) > 380, 3.0, 0.0)), "an outage that goes on"
    assert not doubts("errors", np.isin(np.arange(N), (20, 90, 170, 300)).astype(float))


def test_what_has_happened_twice_and_is_not_over_is_counted_since_some_start():
    restarts = (np.arange(N) > 90).astype(float) + (np.arange(N) > 200)
    assert growing(RESTARTS, {"web": restarts}) == ["web"]
    assert not growing(RESTARTS, {"web": (np.arange(N) > 90).astype(float)}), "a flag that is set"
    assert not growing(RESTARTS, {"web": np.isin(np.arange(N), (90, 200)).astype(float)})


def test_a_disk_may_fill_but_not_under_the_name_of_a_counter():
    assert not doubts("disk", counter())
    ((_, text),) = doubts("disk", counter(), counter="written_bytes_total", within="rate(written_bytes_total[2m])")
    assert "written_bytes_total is a counter" in text
    assert text.endswith("write rate(written_bytes_total[2m])")


def test_what_falls_now_and_then_is_no_counter():
    sawtooth = np.arange(N) % 20 * 1.0 + 1
    assert not doubts("requests", sawtooth)
    assert not doubts("disk", sawtooth, counter="x_total")


def test_a_latency_that_never_changes_is_not_measured():
    ((wrong, text),) = doubts("latency", np.full(N, 5.0), np.full(N, 5.0), top=None)
    assert wrong
    assert "it is 5 at every point of cart, web" in text
    ((wrong, text),) = doubts("requests", np.full(N, 5.0), BUSY)
    assert not wrong
    assert "never changes at web" in text


def test_no_failures_and_an_empty_queue_are_no_doubt():
    assert not doubts("errors", np.zeros(N))
    assert not doubts("disk", np.zeros(N))


def test_a_quantile_in_the_highest_bucket_is_more_than_it_says():
    full = np.where(np.arange(N) % 4, 10.0, 8 + RNG.random(N))
    ((wrong, text),) = doubts("latency", full, top=10.0)
    assert wrong
    assert text.startswith("75% of the points of web are exactly 10")
    assert doubts("latency", 1000 * full, top=10.0), "in milliseconds as well"
    assert not doubts("latency", full, top=60.0)


def test_a_recorded_quantile_is_stuck_at_what_it_never_exceeds():
    full = np.where(np.arange(N) % 4, 10.0, 8 + RNG.random(N))
    ((wrong, text),) = doubts("latency", full)
    assert wrong
    assert "the histogram's highest bucket" in text
    told = doubts("latency", BUSY / 10, np.full(N, 10.0))
    assert any(wrong and text.startswith("100% of the points of cart are exactly 10") for wrong, text in told)
    assert not any(wrong for wrong, _ in doubts("latency", BUSY, np.full(N, 10.0))), "others are slower"
    ((wrong, _),) = doubts("latency", np.round(full))
    assert not wrong, "in whole seconds it is only a guess"
    assert not doubts("disk", full), "a disk may be full"
    assert not doubts("mean", full), "a mean has no buckets"
    assert doubts("p99", full)[0][0], "a quantile by its name"
    milliseconds = RNG.permutation(np.append(np.arange(100.0, 157.0), [157.0] * 3))
    assert not any(wrong for wrong, _ in doubts("latency", milliseconds)), "three of sixty are a chance"


def test_gaps_of_a_point_or_two_come_from_the_range_or_the_step():
    ((wrong, text),) = doubts("requests", gaps(2), gaps(1))
    assert wrong
    assert "only 34% of the points of cart have a sample, as of 1 other" in text
    away = np.where((np.arange(N) > 100) & (np.arange(N) < 200), np.nan, BUSY)
    ((wrong, text),) = doubts("requests", away)
    assert not wrong
    assert "only 75%" in text


def test_one_that_is_measured_more_rarely_than_the_others_is_told_too():
    every_ten_minutes = np.where(np.arange(N) % 20 < 10, BUSY, np.nan)
    ((wrong, text),) = doubts("requests", BUSY, every_ten_minutes, BUSY)
    assert wrong
    assert text.startswith("only 51% of the points of cart have a sample; samples come more rarely than every step")
    assert text.endswith("every 10m; as last_over_time(...[20m]) it has them")
    crashing = np.where(np.cumsum(RNG.random(N) < 0.1) % 2, BUSY, np.nan)
    ((wrong, _),) = doubts("requests", BUSY, crashing, BUSY)
    assert not wrong, "it comes and goes as it pleases"


def test_a_latency_has_no_sample_where_nobody_asks():
    assert not doubts("latency", gaps(1), gaps(1), gaps(1), load=np.where(np.arange(N) % 3 < 1, BUSY, 0))
    assert doubts("latency", gaps(1), gaps(1), gaps(1), load=BUSY)


def test_who_has_load_has_latency():
    ((wrong, text),) = doubts("latency", BUSY, load=BUSY)
    assert wrong
    assert "2 of 3 services with load have none: cart, pay" in text
    assert not doubts("latency", BUSY, load=np.zeros(N)), "nobody is asked"


def test_who_has_latency_is_asked_for_something():
    web, cart = (Entity("service", (("service", name),)) for name in ("web", "cart"))
    variables = Variable(web, "requests"), Variable(web, "latency"), Variable(cart, "latency")
    matrix = Matrix(variables, 0, 30, np.array([BUSY, BUSY / 9, BUSY / 8]))
    (found,) = find_doubts(SETTINGS, "requests", matrix)
    assert not found.wrong
    assert found.text.startswith("cart has latency and no load: is the query's [range] too short there")


def test_a_file_of_counters_is_refused_with_what_to_write(tmp_path):
    lines = [f"{60 * n},{30 + n % 7},{1000 + 40 * n + n % 3}" for n in range(N)]
    (tmp_path / "shop.csv").write_text("\n".join(["time,web.cpu,web.http_requests_total", *lines]))
    result = CliRunner().invoke(main, ["check", "--data", str(tmp_path / "shop.csv")])
    assert result.exit_code == 1
    assert "WRONG: http_requests_total: web.http_requests_total is a counter" in result.output
    assert "write its growth per second" in result.output


def test_a_counter_without_a_rate_that_falls_all_the_time_is_still_one():
    pods = counter() + np.where(np.arange(N) % 20 < 10, 500, 0)
    ((wrong, text),) = doubts("requests", pods, counter="x_total", within="sum by (service) (rate(x_total[2m]))")
    assert wrong
    assert "x_total is taken without a rate" in text
    ((wrong, _),) = doubts("disk", pods, counter="x_total", within="sum by (service) (rate(x_total[2m]))")
    assert not wrong


def test_a_column_whose_name_tells_no_role_is_said_to_have_none(tmp_path):
    lines = [f"{60 * n},{30 + n % 7},{5 + n % 3},{n % 5}" for n in range(N)]
    (tmp_path / "shop.csv").write_text("\n".join(["time,web.cpu,web.lod,web.lat_50", *lines]))
    command = ["check", "--data", str(tmp_path / "shop.csv")]
    result = CliRunner().invoke(main, command)
    assert "'lod', 'lat_50' have no role by name" in result.output
    assert "--role lod=saturation" in result.output
    roles = ["--role", "lod=load", "--role", "lat_50=latency"]
    assert "no role by name" not in CliRunner().invoke(main, [*command, *roles]).output
