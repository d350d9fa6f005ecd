"""What a query and its numbers say otherwise than the signal's role and unit."""

import numpy as np
import pytest

from datasource.data import Entity
from datasource.library.claims import claims_otherwise
from datasource.settings import Signal

WEB = Entity("service", (("service", "web"),))
USUAL = np.random.default_rng(1).normal(250, 10, 100)


def said(query, role=None, unit="short", values=USUAL):
    signal = Signal(entity="service", query=query, window="1m", role=role, unit=unit)
    return claims_otherwise(signal, {WEB: np.asarray(values, float)})


@pytest.mark.parametrize(
    ("query", "role", "unit", "values", "says"),
    [
        ("http_latency_ms", "latency", "s", USUAL, "write unit: ms, or / 1000"),
        ("sum(rate(x_milliseconds_sum[1m])) / sum(rate(x_milliseconds_count[1m]))", "latency", "s", USUAL, "unit: ms"),
        ('avg({"http.latency.ms"})', "latency", "s", USUAL, "http.latency.ms is in ms by its name"),
        ("latency_seconds", "latency", "ms", USUAL, "write unit: s, or * 1000"),
        ("sum by (service) (rate(x_seconds_sum[1m]))", "latency", "s", USUAL, "write role: work"),
        ("queue_delta", "work", "s", -USUAL, "100% of the points of web are below 0, which no work is"),
        ("latency > bool 0.2", "latency", "s", [0, 1, 1, 0], "it is 0 or 1 and nothing else"),
        ("topk(3, latency)", "latency", "s", USUAL, "topk() answers with the first alone"),
        ("cache_hit_ratio", "load", "reqps", USUAL / 300, "cache_hit_ratio is a share by its name"),
        ("cpu_utilization", "work", "s", USUAL / 4, "write role: saturation and unit: percent"),
        ("svc:cache:hit_rate", "load", "reqps", USUAL / 300, "write role: saturation and unit: percentunit"),
        ("latency > 0.5", "latency", "s", USUAL, "'> 0.5' leaves those alone for whom it holds"),
    ],
)
def test_a_claim_that_cannot_be_is_said_with_what_to_write(query, role, unit, values, says):
    assert says in said(query, role, unit, values)


@pytest.mark.parametrize(
    ("query", "role", "unit", "values"),
    [
        ("http_latency_ms / 1000", "latency", "s", USUAL),
        ("0.001 * http_latency_ms", "latency", "s", USUAL),
        ("sum by (service) (rate(x_seconds_sum[1m]))", "work", "s", USUAL),
        ("sum(rate(x_seconds_sum[1m])) / sum(rate(x_seconds_count[1m]))", "latency", "s", USUAL),
        ("temperature", "saturation", "short", -USUAL),
        ("headroom", None, "short", -USUAL),
        ("sum by (service) (rate(x_total[1m])) > 0", "load", "reqps", USUAL),
        ("svc:cache:hit_rate", "load", "reqps", 10 * USUAL),
        ("requests:rate2m", "load", "reqps", USUAL / 300),
        ("up", "saturation", "short", [0, 1, 1, 0]),
        ("requests", "load", "reqps", [*([5] * 199), -1e-9]),
    ],
)
def test_what_may_be_is_left_alone(query, role, unit, values):
    assert said(query, role, unit, values) == ""
