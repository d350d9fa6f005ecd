"""What to change is said of what a server refuses, not of the names that it quotes."""

import pytest

from datasource.prometheus.way_out import with_way_out


@pytest.mark.parametrize(
    "said",
    [
        'bad_data: invalid parameter "query": 1:9: parse error: unexpected identifier "container_memory_usage_bytes"',
        'bad_data: parse error: unknown function with name "http_timeout"',
        "no such metric 'too_many_samples_total'",
    ],
)
def test_a_name_that_sounds_like_a_limit_is_none(said):
    assert with_way_out(said) == said


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("query processing would load too many samples into memory in query execution", "lower prometheus.max_points"),
        ("query timed out in expression evaluation", "--query.timeout"),
    ],
)
def test_a_limit_is_one(said, advice):
    assert advice in with_way_out(said)
