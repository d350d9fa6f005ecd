"""What to change here when a server refuses a query, by what the servers are known to say."""

import re
from typing import NamedTuple


class _Refusal(NamedTuple):
    """A pattern in what a server says, in small letters, and what to do about it."""

    pattern: str
    advice: str


_REFUSALS = (
    _Refusal(
        r"many-to-many|duplicate series for the match group|multiple matches for labels",
        "two series of one side have the same labels: aggregate that side first, as max by (...) (...) with the labels "
        "that it is joined on, so that what two exporters say counts once",
    ),
    _Refusal(
        r"maximum resolution|max(?:imum)? ?points|too many points",
        "lower {block}.max_points, so that each request holds fewer points, or make 'step' longer",
    ),
    _Refusal(
        r"query length|query time range exceeds|max-query-length|maxquerylen|maxqueryrange",
        "lower {block}.max_points, so that each request covers a shorter time, or shorten 'baseline'",
    ),
    _Refusal(
        r"too many samples|samples limit|maxsamples|max-samples|chunks?\b|bytes limit|max-(?:fetched|estimated)\S*bytes"
        r"|memory|too large|response size|resource exhausted",
        "lower {block}.max_points, so that each request reads a shorter time and fewer samples; or shorten 'baseline', "
        "record the query as a rule, or raise the server's limit (--query.max-samples in Prometheus)",
    ),
    _Refusal(
        r"(?:number of|too many|unique|matching|fetched|max|limit\w*) (?:\w+ )*(?:time ?)?series|series limit"
        r"|max-(?:fetched-)?series|maxuniquetimeseries|maxseries",
        "let the query select fewer series by its matchers, record it as a rule, or raise the server's limit",
    ),
    _Refusal(
        r"timed? ?out|timeout|deadline exceeded|canceled",
        "lower {block}.max_points, so that each request reads a shorter time, shorten 'baseline', record the query as "
        "a rule, or raise the server's limit (--query.timeout in Prometheus)",
    ),
    _Refusal(
        r"too many (?:outstanding )?requests|rate limit|too_many_requests|\b429\b|concurren\w+ (?:queries|requests)",
        "lower {block}.concurrency, so that fewer queries are asked at a time",
    ),
)
"""The most telling first."""


def with_way_out(said: str, block: str = "prometheus") -> str:
    """What a server says of a query, and what to change. `block` is where the server stands in the settings.

    >>> with_way_out("429: too many requests.", "loki")
    '429: too many requests; lower loki.concurrency, so that fewer queries are asked at a time'
    """
    text = re.sub(r"\"[^\"]*\"|'[^']*'|`[^`]*`", "", said.lower())
    if "parse error" in text:
        return said
    found = next((one.advice for one in _REFUSALS if re.search(one.pattern, text)), "")
    return f"{said.rstrip('. ')}; {found.format(block=block)}" if found else said
