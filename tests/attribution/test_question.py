"""Which queries can be divided among labels, and what is said of the others."""

import pytest

from datasource.attribution.question import read_question
from datasource.attribution.syntax import QueryError


@pytest.mark.parametrize(
    ("query", "above", "below"),
    [
        ("sum(rate(a_total[5m]))", ["rate(a_total[5m])"], []),
        ("sum by (job) (rate(a_total[5m]))", ["rate(a_total[5m])"], []),
        ("sum(rate(a_total[5m])) without (pod)", ["rate(a_total[5m])"], []),
        ("sum(sum by (job) (increase(a_total[1h] offset 1d)))", ["increase(a_total[1h] offset 1d)"], []),
        ("sum(max by (pod) (a))", ["max by (pod) (a)"], []),
        ("sum(rate(a[5m]) * on(pod) group_left(version) b)", ["rate(a[5m]) * on(pod) group_left(version) b"], []),
        (
            'sum(rate({"http.requests", "service.name"="x"}[5m]))',
            ['rate({"http.requests", "service.name"="x"}[5m])'],
            [],
        ),
        ("sum(a) or vector(0)", ["a"], []),
        ("sum(a) or 0 * sum(b)", ["a"], []),
        ("sum(a) + sum(b)", ["a", "b"], []),
        ("SUM BY (job) (rate(a_total[5m] OFFSET 1h))", ["rate(a_total[5m] OFFSET 1h)"], []),
        ("rate(a_sum[5m]) / rate(a_count[5m])", ["rate(a_sum[5m])"], ["rate(a_count[5m])"]),
        ("1 - sum(a) / sum(b)", ["a"], ["b"]),
        ("(sum(a) - sum(b)) / sum(a)", ["a", "b"], ["a"]),
        ("sum(a) / sum(c) + sum(b) / sum(c)", ["a", "b"], ["c"]),
        ("sum(a) / ignoring(code) group_left sum(b) > bool 1", None, None),
        ("sum(a) / on(job) sum(b) > 0.05 and sum(b) > 10", ["a"], ["b"]),
        ("avg(a)", ["a"], ["a"]),
        ("histogram_avg(sum(rate(h[5m])))", ["histogram_sum(rate(h[5m]))"], ["histogram_count(rate(h[5m]))"]),
        ("scalar(sum(a)) / 60", ["a"], []),
    ],
)
def test_a_query_is_taken_apart_into_sums_over_series(query, above, below):
    if above is None:
        with pytest.raises(QueryError):
            read_question(query)
        return
    question = read_question(query)
    assert [term.inner for term in question.terms] == above
    assert [term.inner for term in question.below] == below


@pytest.mark.parametrize(
    ("query", "factor", "constant"),
    [
        ("100 * (1 - sum(a) / sum(b))", -100, 100),
        ("-sum(a) / sum(b) * 1e2", -100, 0),
        ("sum(a) / sum(b) + 0x10", 1, 16),
    ],
)
def test_constants_scale_and_shift_a_ratio(query, factor, constant):
    question = read_question(query)
    assert (question.factor, question.constant) == (factor, constant)


def test_constants_scale_the_terms_of_a_sum():
    question = read_question("60 * sum(a) - sum(b) / 4")
    assert [term.factor for term in question.terms] == [60, -0.25]


def test_what_selects_above_the_line_alone_says_what_is_counted():
    ratio = read_question('sum(rate(a{job="x", code=~"5.."}[5m])) / sum(rate(a{job="x"}[5m]))')
    assert ratio.of_the_numerator == {"code"}


@pytest.mark.parametrize(
    ("query", "says"),
    [
        (
            'histogram_quantile(0.9, sum by (le) (rate(lat_bucket{job="a"}[2m])))',
            """ask for the mean, 'sum(rate(lat_sum{job="a"}[2m])) / sum(rate(lat_count{job="a"}[2m]))'""",
        ),
        ("sum(quantile_over_time(0.5, a[5m]))", "quantiles of label values do not add up"),
        ("quantile(0.5, a)", "quantiles of label values do not add up"),
        ("max(a)", "max() does not add up over label values; ask for a sum"),
        ("topk(3, sum by (job) (a))", "topk() does not add up"),
        ("sum(a) * sum(b)", "the product of two sums"),
        ("sum(a) / sum(b) / sum(c)", "more than one ratio of sums"),
        ("sum(a) / sum(b) - sum(a) / sum(c)", "two ratios over different sums"),
        ("avg_over_time(sum(a)[1h:1m])", "a subquery of what is aggregated"),
        ("clamp_max(sum(a) / sum(b), 1)", "clamp_max() of what is aggregated"),
        ("sum(a) ^ 2", "'^' between aggregated values"),
        ("sum(a) or sum(b)", "'or' between two sums"),
        ("sum(a) / 0", "divides by 0"),
        ("time() - a", "time() has no labels"),
        ("5", "is a constant"),
        ("'text'", "is a text"),
        ("", "is empty"),
        ("sum(a", "a bracket missing"),
        ("sum(a))", "cannot be read at ')', character 7"),
        ("a b", "cannot be read at 'b'"),
        ("(" * 20_000 + "a", "nested too deeply"),
        ("-" * 20_000 + "a", "nested too deeply"),
        ("sum(a{job='x)", "ends too early"),
        ("{{ .Values.query }}", "cannot be read at '}'"),
        ("sum(rate(a[$__rate_interval]))", "'$__rate_interval' is a variable of a dashboard"),
        ('sum(a{job="${job:regex}"})', "'${job:regex}' is a variable of a dashboard"),
    ],
)
def test_what_cannot_be_divided_is_refused_with_what_to_ask_instead(query, says):
    with pytest.raises(QueryError) as refused:
        read_question(query)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_raw_counter_is_noticed():
    assert "ask for rate(a_total[5m])" in read_question("sum(a_total) / count(b_total)").notices[0]
    assert len(read_question("sum(a_total) / count(b_total)").notices) == 1
    assert not read_question("sum(rate(a_total[5m]))").notices


def test_a_regular_expression_that_ends_in_a_dollar_is_no_variable():
    assert read_question('sum(a{path=~"/api/.*$"})').terms[0].inner == 'a{path=~"/api/.*$"}'


@pytest.mark.parametrize("query", ["sum(x) > -1", "sum(x) > 60*5", "0.5 < sum(x)", "sum(x) > 3"])
def test_the_threshold_of_an_alert_is_left_out(query):
    question = read_question(query)
    assert [term.inner for term in question.terms] == ["x"]
    assert "is left out" in question.notices[0]


@pytest.mark.parametrize("query", ["sum(up)/1e-320", "sum(up)*NaN", "sum(up) + Inf", "sum(x)/sum(y)*0", "sum(x) * 0"])
def test_what_leaves_no_number_is_refused(query):
    with pytest.raises(QueryError, match="leaves no number"):
        read_question(query)
