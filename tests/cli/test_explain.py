"""`explain` on a real Prometheus: one version in one zone fails, and is named in one line."""

import json
import time

import explained
import histories
import pytest
from click.testing import CliRunner

import datasource as cd
from datasource.attribution import reading
from datasource.cli import main
from datasource.demo.processes import start_prometheus
from datasource.settings import parse_settings

ERRORS = 'sum(rate(http_requests_total{code=~"5.."}[5m])) / sum(rate(http_requests_total[5m]))'
SECONDS = (
    "sum(rate(http_request_duration_seconds_sum[5m])) by (path) "
    "/ sum(rate(http_request_duration_seconds_count[5m])) by (path)"
)


@pytest.fixture(scope="module")
def installation(server_binary, tmp_path_factory):
    """The url of a Prometheus on which version 4.2 fails in zone b since half an hour."""
    directory = tmp_path_factory.mktemp("explained")
    ended = [histories.Line("ended_total", {"service": one}, histories.counter(9.0)) for one in ("web", "cart")]
    history = histories.openmetrics(
        directory / "om",
        histories.samples(explained.lines(), explained.HOURS),
        histories.samples(ended, explained.HOURS, until=-400),
    )
    server = start_prometheus(server_binary("prometheus"), directory / "prometheus", backfill=history)
    yield server.url
    server.stop()


def asked(url, query, *options):
    return CliRunner().invoke(main, ["explain", "--prometheus", url, "--query", query, *options])


def test_only_one_version_in_one_zone_is_one_line(installation):
    result = asked(installation, ERRORS)
    assert result.exit_code == 0
    assert "It is only version=4.2, zone=b (10" in result.output
    assert "all others changed no more than usual" in result.output


def test_contributions_are_those_of_the_whole_query(installation):
    found = cd.explain(installation, ERRORS)
    whole = [float(one.values[0]) for one in ask(installation, ERRORS)]
    assert found.found.after == pytest.approx(whole[0], rel=0.05)
    frame = found.to_frame()
    for _, effects in frame.groupby(frame.part.where(~frame.part.isin(["story", "rest"]), "told")):
        assert effects.effect.sum() == pytest.approx(found.found.change, rel=1e-6)


def ask(url, query):
    from datasource.prometheus import PrometheusClient

    return PrometheusClient(url).query(query, time.time() - 30)


def test_which_errors_they_are_is_told_beside(installation):
    document = cd.explain(installation, ERRORS).to_dict()
    assert {one["labels"]["code"]: round(one["share"], 2) for one in document["counted"]["code"]} == {
        "500": 0.75,
        "503": 0.25,
    }


@pytest.mark.parametrize(
    ("query", "labels"),
    [
        ('sum by (zone) (rate(http_requests_total{code=~"5.."}[5m])) * 60', {"version": "4.2", "zone": "b"}),
        (f"100 * ({ERRORS}) > 5", {"version": "4.2", "zone": "b"}),
        ('1 - sum(rate(http_requests_total{code!~"5.."}[5m])) / sum(rate(http_requests_total[5m]))', None),
        (SECONDS, {"path": "/cart", "version": "4.1"}),
        ("avg(memory_bytes)", {"version": "4.2"}),
        ("sum(memory_bytes) / count(memory_bytes)", {"version": "4.2"}),
        ("memory_bytes", {"version": "4.2"}),
    ],
)
def test_sums_ratios_and_means_are_explained(installation, query, labels):
    found = cd.explain(installation, query)
    assert dict(found.parts[0].labels) == (labels or {"version": "4.2", "zone": "b"})
    assert found.parts[0].effect == pytest.approx(found.found.change, rel=0.05)


def test_victoria_metrics_is_asked_the_same(victoria):
    found = cd.explain(victoria, "sum(rate(http_requests_total[2m]))", start="-40m", over="5m")
    assert {label for label, parts in found.found.by_label.items() if len(parts) == 3} == {"job"}
    assert found.found.same == {"job": ("instance",)}
    assert found.found.after == pytest.approx(60.5, rel=0.3)


def test_before_anything_broke_nothing_is_told(installation):
    found = cd.explain(installation, ERRORS, start="-2h", end="-1h")
    assert not found.parts
    assert "no label value carries it" in found.sentence


def test_where_parts_cancel_out_they_are_told_in_the_querys_unit(installation):
    result = asked(installation, "sum(rate(http_requests_total[5m]))")
    assert "Little changed in all, but of its parts version=4.2, zone=b (+1.9" in result.output
    assert "%" not in result.output


def test_what_is_told_by_itself_is_no_part_of_the_others(installation):
    difference = 'sum(rate(http_requests_total{code=~"5.."}[5m])) - sum(rate(http_requests_total{code="200"}[5m]))'
    found = cd.explain(installation, difference)
    told = [dict(part.labels) for part in found.parts]
    assert {"version": "4.2", "zone": "b"} in told
    assert {"version": "4.2", "zone": "b", "code": "500"} in told
    assert "other version=4.2, zone=b" in str(found)
    assert sum(part.effect for part in (*found.parts, found.found.rest)) == pytest.approx(found.found.change)


def test_json_and_a_page_are_written(installation, tmp_path):
    result = asked(installation, ERRORS, "--json", "--report", str(tmp_path / "page.html"))
    document = json.loads(result.output)
    assert document["parts"][0]["labels"] == {"version": "4.2", "zone": "b"}
    assert "version=4.2, zone=b" in (tmp_path / "page.html").read_text()


def test_labels_with_many_values_are_summed_over_where_series_are_too_many(installation):
    settings = parse_settings(f"prometheus: {{url: '{installation}', max_series: 100}}\npacks: [kubernetes]")
    found = cd.explain(settings, ERRORS)
    assert dict(found.parts[0].labels) == {"version": "4.2", "zone": "b"}
    (notice,) = (one for one in found.found.notices if "max_series" in one)
    assert "144 series" in notice
    assert "pod (12 values)" in notice
    assert "pod" not in found.found.by_label


def test_series_that_come_and_go_are_summed_over_their_labels(installation, monkeypatch):
    monkeypatch.setattr(reading, "_COME_AND_GO", 0.5)
    settings = parse_settings(f"prometheus: {{url: '{installation}', max_series: 200}}\npacks: [kubernetes]")
    found = cd.explain(settings, "sum(rate(http_requests_total[5m]))")
    assert any("series and more came and went: summed over" in notice for notice in found.found.notices)
    assert "pod" not in found.found.by_label
    assert found.found.after == pytest.approx(100, rel=0.05)


def test_a_count_over_too_many_series_is_still_a_count(installation):
    settings = parse_settings(f"prometheus: {{url: '{installation}', max_series: 40}}\npacks: [kubernetes]")
    found = cd.explain(settings, "avg(rate(http_requests_total[5m]))")
    assert found.found.after == pytest.approx(100 / 144, rel=0.05)


@pytest.mark.parametrize(
    ("query", "options", "says"),
    [
        ("sum(nothing_total)", [], "'nothing_total' has no series in the 15m up to"),
        (f"{ERRORS[:-1]}", [], "is a bracket missing?"),
        ("histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m])))", [], "ask for the mean, 'sum(rate(x_sum[5m]))"),
        ("sum(rate(http_requests_total[2h]))", [], "choose times farther apart, or a shorter range in the query"),
        (ERRORS, ["--over", "1m"], "shorter than the query's own [5m]"),
        (ERRORS, ["--over", "soon"], "--over: 'soon' is not a duration"),
        (ERRORS, ["--to", "2100-01-01T00:00:00Z"], "is in the future"),
        ("time() - memory_bytes", [], "time() has no labels"),
        (ERRORS, ["--from", "yesterday"], "--from: 'yesterday' is no time"),
        (ERRORS, ["--from", "-1h", "--to", "-2h"], "exchange --from and --to"),
        (ERRORS, ["--config", "missing.yaml"], "missing.yaml: there is no such file"),
        ('sum(rate(http_requests_total{zone=~"*"}[5m]))', [], "refused the query"),
    ],
)
def test_every_refusal_is_one_sentence(installation, query, options, says):
    result = asked(installation, query, *options)
    assert result.exit_code == 2
    assert says in result.output
    assert len(result.output.splitlines()) == 1


def test_a_prometheus_that_is_not_there_is_said():
    result = asked("http://127.0.0.1:9", ERRORS)
    assert result.exit_code == 2
    assert len(result.output.splitlines()) == 1
    for address in ("ftp://prometheus", "prometheus:9090"):
        result = asked(address, ERRORS)
        assert result.exit_code == 2
        assert "http" in result.output.removeprefix(address)
        assert len(result.output.splitlines()) == 1


def test_samples_that_end_before_the_second_time_are_told(installation):
    """What is missing there counts as nothing."""
    assert "no series has a sample in the last" in asked(installation, "sum(rate(ended_total[2m]))").output
    assert "no series has a sample" not in asked(installation, "sum(rate(http_requests_total[2m]))").output
