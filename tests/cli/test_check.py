"""`check` says for each signal what it brought, and tells the reasons of emptiness apart."""

import re
import time

import histories
import pytest
import responses
from click.testing import CliRunner
from histories import Line, counter, gauge

from datasource.cli import main
from datasource.demo.processes import start_prometheus

HEAD = """
prometheus: {{url: {url}, retries: 0}}
{grid}
entities:
  service: {{labels: [service]}}
signals:
"""
GOOD = "sum by (service) (rate(hits_total[1m]))"


@pytest.fixture(scope="module")
def prometheus(server_binary, tmp_path_factory):
    """The url of a Prometheus with a counter of two services, and others that are young, gone, or differ in labels."""
    directory = tmp_path_factory.mktemp("check")
    long = [Line("hits_total", {"service": s, "code": "200"}, counter(9.0)) for s in ("web", "cart")]
    long += [
        Line("jobs_total", {"job": "batch"}, counter(1.0)),
        Line("zero_total", {"service": "web"}, lambda _: 0.0),
        Line("rare_total", {"service": "web"}, lambda seconds: seconds // 1700),
    ]
    long += [Line("twice_total", {"service": "web", "prometheus_replica": r}, counter(9.0)) for r in "ab"]
    long += [Line("parted_total", {"service": s, "prometheus_replica": s}, counter(9.0)) for s in ("web", "cart")]
    long += [Line("age", {"service": "web"}, lambda seconds: seconds)]
    seldom = [Line("seldom", {"service": "web"}, gauge(9.0)), Line("seldom_total", {"service": "web"}, counter(9.0))]
    young = [Line("young_total", {"service": "web"}, counter(9.0))]
    gone = [Line("gone_total", {"service": "web"}, counter(9.0))]
    ancient = [Line("ancient_total", {"service": "web"}, gauge(9.0))]
    history = histories.openmetrics(
        directory / "om",
        histories.samples(long, 4),
        histories.samples(young, (histories.AHEAD + 2400) / 3600),
        histories.samples(gone, 3, until=-1800),
        histories.samples(ancient, 1, until=-6 * 3600),
        histories.samples(seldom, 4, every=600),
    )
    server = start_prometheus(server_binary("prometheus"), directory / "prometheus", backfill=history)
    yield server.url
    server.stop()


def window(query):
    return next(iter(re.findall(r"\[(\d+s)\]", query)), "1m")


@pytest.fixture
def check(prometheus, tmp_path):
    """Runs `check` on signals given as name=query, and further blocks; exit code and output."""

    def run(signals, more="", url=prometheus, grid="step: 1m\nbaseline: 3h"):
        file = tmp_path / "causal.yaml"
        lines = "".join(f"  {n}: {{entity: service, query: '{q}', window: {window(q)}}}\n" for n, q in signals.items())
        file.write_text(HEAD.format(url=url, grid=grid) + lines + more)
        result = CliRunner().invoke(main, ["check", "--config", str(file)])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result.exit_code, result.output

    return run


def line(output, name):
    return next(text for text in output.splitlines() if text.strip().startswith(name))


def test_everything_is_fine(check):
    code, output = check({"hits": GOOD})
    assert code == 0
    assert re.search(r"hits +2 services, 360 points +ok", output)
    assert "all fine" in output


def test_quiet_times_are_told_with_whom_they_are_for_and_when_they_come_next(check):
    more = """\
quiet_times:
  - {cron: "30 2 * * *", duration: 30m, entities: [web, cart], reason: nightly backup, timezone: Europe/Berlin}
  - {cron: "0 4 29 2 *", duration: 1h, entities: [webb], reason: leap day}
"""
    code, output = check({"hits": GOOD}, more)
    assert code == 0
    assert re.search(r"nightly backup +2 entities +ok: next at 20\d\d-\d\d-\d\d 02:30 CES?T, for 30m", output)
    assert re.search(r"leap day +0 entities +note: next at 20\d\d-02-29 04:00 UTC, for 1h", output)
    assert "note: quiet_times[1].entities: 'webb' is no entity that is measured; did you mean 'web'?" in output


def test_a_token_that_cannot_be_read_is_told(check, tmp_path):
    more = "writes: {token_file: token}\n"
    code, output = check({"hits": GOOD}, more)
    assert code == 0
    assert re.search(r"token +note: nobody may write: writes.token_file: .*/token cannot be read", output)
    (tmp_path / "token").write_text("t0p-secret")
    code, output = check({"hits": GOOD}, more)
    assert re.search(r"\n  token +ok\n", output)
    assert "t0p-secret" not in output


def test_a_counter_that_hardly_rises_within_an_hour_is_one(check):
    code, output = check({"rare": "sum by (service) (rare_total)"})
    assert code == 1
    assert "rare_total is a counter, and of web it only grows" in line(output, "rare")
    assert "write sum by (service) (rate(rare_total[1m]))" in line(output, "rare")


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("seldom", "seldom comes about every 10m, the step is 1m"),
        ("rate(seldom_total[120s])", r"seldom_total comes about every 10m, and \[120s\] holds fewer than two samples"),
    ],
)
def test_samples_that_come_every_ten_minutes_are_too_few_for_a_minute(check, query, says):
    code, output = check({"hits": GOOD, "seldom": query})
    assert code == 1
    assert re.search(f"WRONG: {says}", line(output, "seldom"))


def test_warming_up_is_fine_too(check):
    code, output = check({"young": "sum by (service) (rate(young_total[1m]))"})
    assert code == 0
    assert re.search(r"[34]\d of 120 points: warming up, ready in about 1h[12]\dm", line(output, "young"))


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("sum by (service) (rate(hits_total))", "refused the query.*parse error"),
        ("sum by (service) (rate(hit_total[1m]))", "no metric 'hit_total'; did you mean hits_total"),
        ("sum by (service) (rate(ancient_total[1m]))", "ancient_total is known, but has no samples in the last 3h"),
        ("sum by (service) (rate(jobs_total[1m]))", "jobs_total has no label 'service'; it has job"),
        ("sum(rate(hits_total[1m]))", "a series has no label 'service'.*group the query by"),
        ("hits_total * on (code) group_left hits_total", "refused|ambiguous|many-to-many"),
        ("sum by (service) (zero_total) / 0", "every value is NaN or infinite"),
        ('sum by (service) (rate(hits_total{{code="500"}}[1m]))', "hits_total has samples, but none with.*500"),
        ("sum by (service) (rate(hits_total[10s]))", r"comes about every 15s, and \[10s\].*at least 1m"),
        ("hits_total * jobs_total", "joins them to nothing"),
        (
            "sum by (service) (hits_total)",
            r"hits_total is a counter, .*write sum by \(service\) \(rate\(hits_total\[1m\]",
        ),
        ("sum by (service) (rate(hits_total[20s]))", r"every 15s, and \[20s\] holds fewer than two samples"),
        ("max_over_time(hits_total[10s])", r"\[10s\] holds fewer than one; make the range at least 30s"),
        (
            "sum by (service) (hits_total) / sum by (service) (zero_total + 1)",
            r"hits_total is.* a counter.*; write sum by",
        ),
        ("sum by (service) (rate(gone_total[1m]))", "no sample in the last (2[789]|3[01])m"),
    ],
)
def test_why_a_signal_is_empty(check, query, reason):
    code, output = check({"hits": GOOD, "empty": query.replace("{{", "{").replace("}}", "}")})
    assert code == 1
    assert "WRONG" in line(output, "empty")
    assert re.search(reason, line(output, "empty"))
    assert "ok" in line(output, "hits")


LOAD = f"  load: {{entity: service, query: '{GOOD}', window: 1m, role: load}}\n"


@pytest.mark.parametrize(
    ("metric", "code", "says"),
    [
        ('hits_total{code="500"}', 0, r"note: no series anywhere: counted as zero failures where there is load; check"),
        ("hit_total", 1, "WRONG: no series anywhere.*did you mean hits_total"),
        ("gone_total", 0, "1 service, .*ok"),
        ("young_total", 0, "1 service, .*ok"),
    ],
)
def test_no_sample_of_failures_is_none_where_there_is_load(check, metric, code, says):
    query = f"sum by (service) (rate({metric}[1m]))"
    errors = f"  errors: {{entity: service, query: '{query}', window: 1m, role: failure}}\n"
    found, output = check({"hits": GOOD}, LOAD + errors)
    assert (found, bool(re.search(says, line(output, "errors")))) == (code, True), output
    assert "or 0 *" not in line(output, "errors")


def test_several_series_for_one_entity(check):
    code, output = check({"hits": 'label_replace(hits_total, "service", "one", "code", ".*")'})
    assert code == 1
    assert "refused" in line(output, "hits") or "ambiguous" in line(output, "hits")


def test_several_series_for_one_entity_are_never_fine_though_others_are_read(check):
    code, output = check({"hits": "rate(young_total[1m]) or rate(hits_total[1m])"})
    assert code == 1
    assert re.search(r"hits +2 services, .*WRONG: ambiguous: several series for web", output)


def test_what_several_servers_scraped_of_the_same_targets_is_not_added_up(check):
    by = "sum by (service) (rate({}[1m]))"
    code, output = check({"twice": by.format("twice_total"), "parted": by.format("parted_total")})
    assert code == 1
    assert "twice_total is there 2 times, once for each prometheus_replica, and a sum counts each" in output
    assert line(output, "parted").endswith("ok"), "each of them scrapes targets of its own"
    one = by.format('twice_total{prometheus_replica="a"}')
    assert line(check({"twice": one})[1], "twice").endswith("ok")


def test_a_time_or_an_age_tells_of_nothing(check):
    code, output = check({"age": "max by (service) (age)"})
    assert code == 0
    assert "rises by a second a second, of web" in line(output, "age")


def test_a_step_shorter_than_the_time_between_samples(check):
    code, output = check({"hits": "sum by (service) (zero_total)"}, grid="step: 5s\nbaseline: 1h")
    assert code == 1
    assert re.search(r"hits .*note: zero_total comes about every 15s, the step is 5s", output)
    assert re.search(r"step +5s +WRONG: samples come every 15s at most; write step: 15s", output)


def test_every_query_is_refused(check):
    code, output = check({"one": "rate(hits_total)", "two": "sum by ("})
    assert code == 1
    assert "refused" in line(output, "one")
    assert "refused" in line(output, "two")


def test_names_that_nobody_measured(check):
    more = """
relations:
  calls: [web -> cart, web -> payment]
graph:
  templates: [hits -> more, hits -> hits along calls from client to server]
  edges: [web.hits -> cart.more, web.hits -> carts.more]
effects:
  - {treatment: hits, outcome: more}
  - {treatment: web.hits, outcome: cat.more}
"""
    code, output = check({"hits": GOOD, "more": GOOD}, more)
    assert code == 1
    assert re.search(r"calls +1 tie +ok: from list", output)
    assert "relation 'calls', list: 'payment' is no measured service; left out" in output
    assert "'carts.more' is not measured; did you mean 'cart.more'?" in output
    assert re.search(r"edges +4 edges, 4 variables +ok", output)
    assert re.search(r"hits -> more +2 questions +ok", output)
    assert "'cat.more' is not measured; did you mean 'cart.more'?" in output
    assert "2 things are empty or wrong" in output


def test_edges_of_what_nobody_measures_do_not_wait(check):
    more = """
graph:
  unmeasured: {weather: all, mood: service}
  templates: [mood -> hits, mood -> more, hits -> more]
  edges: [weather -> web.hits, web.mood -> cart.more, web.hits <-> cart.hits]
effects:
  - {treatment: hits, outcome: more}
"""
    code, output = check({"hits": GOOD, "more": GOOD}, more)
    assert code == 1, "three hours are too few for the instrument"
    assert re.search(r"1 of 2 estimated +WRONG: not to be trusted: .* fails at web: ", output)
    assert "waits" not in output
    assert "applies nowhere" not in output
    asked = line(output, "hits -> more")
    assert "1 not identified" in asked
    assert "1 by instrument hits" in asked, "cart's moves web's, and nothing else"
    assert "measure cart.mood: with it the effect is identified by adjustment" in asked


def test_each_question_says_how_its_effect_is_identified(check):
    more = """
graph: {templates: [load -> hits, load -> more, hits -> more]}
effects:
  - {treatment: hits, outcome: more}
  - {treatment: more, outcome: hits}
"""
    code, output = check({"hits": GOOD, "more": GOOD, "load": GOOD}, more)
    assert code == 0
    assert re.search(r"ok: by adjustment for load$", line(output, "hits -> more"))
    assert "note: the graph has no way" in line(output, "more -> hits")


def test_an_impact_needs_its_entity_its_event_and_its_controls(check):
    event = (
        "  restarts: {entity: service, query: 'sum by (service) (increase(zero_total[1m]))', window: 1m, kind: event}\n"
    )
    impacts = """
impacts:
  - {outcome: hits, treated: web, at: restarts}
  - {outcome: hits, treated: wob, at: restarts}
  - {outcome: hits, treated: cart, at: restarts, controls: [wob]}
  - {outcome: hits, treated: cart, at: '2001-01-01T00:00:00Z'}
"""
    code, output = check({"hits": GOOD}, event + impacts)
    assert code == 1
    assert re.search(r"at restarts +note: no restarts at web in the baseline", output)
    assert "WRONG: 'wob' has no hits among the measured entities" in output
    assert "lies outside the baseline" in output


def test_a_cycle(check):
    code, output = check({"hits": GOOD, "more": GOOD}, "graph: {templates: [hits -> more, more -> hits]}\n")
    assert code == 1
    assert "a cycle within one step" in output


def test_windows_that_do_not_go_together(check):
    more = "  wide: {entity: service, query: 'quantile by (service) (0.9, rate(hits_total[1m]))', window: 1m, "
    more += "kind: quantile}\n  long: {entity: service, query: 'sum by (service) (rate(hits_total[5m]))', window: 5m}\n"
    code, output = check({"hits": GOOD}, more + "effects: [{treatment: wide, outcome: long}]\n")
    assert code == 1
    assert "different windows" in line(output, "wide -> long")


def test_nobody_listens(check):
    code, output = check({"hits": GOOD}, url="http://127.0.0.1:9")
    assert code == 3
    assert "cannot be reached (connection refused); check prometheus.url" in output


@responses.activate
@pytest.mark.parametrize(
    "reply", [{"body": "<html>"}, {"status": 503, "body": "wait"}, {"json": {"status": "success"}}]
)
def test_not_a_prometheus(check, reply):
    for path in ("query_range", "query", "labels", "label/__name__/values"):
        responses.get(f"http://prom/api/v1/{path}", **reply)
    began = time.monotonic()
    code, output = check({"hits": GOOD}, url="http://prom")
    assert code == 3
    assert "http://prom answered" in output
    assert time.monotonic() - began < 10
