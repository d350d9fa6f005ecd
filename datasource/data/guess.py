"""What a signal probably is, from its name and unit: for files that come without settings."""

import re
from typing import NamedTuple

from datasource.data.words import words_of
from datasource.settings import Kind, Role


class Guess(NamedTuple):
    """A signal's probable role, unit and kind."""

    role: Role | None
    unit: str
    kind: Kind


class _Word(NamedTuple):
    """A pattern that a name's words, joined by blanks, are searched for, and what a signal with it is."""

    pattern: str
    role: Role | None
    unit: str = "short"
    kind: Kind = "gauge"


_WORDS = tuple(
    _Word(rf"\b(?:{word.pattern})", *word[1:])
    for word in (
        _Word(r"(?:error )?budget\w*|burn rate\b|apdex\b", "saturation"),
        _Word(r"uptime\w*|(?:start|boot|creation|build|expir\w*|last \w+) time\w*|timestamp\b|age\b|ttl\b", None, "s"),
        _Word(r"messages (?:ready|unack\w*)|unacked\b", "saturation"),
        _Word(r"succe\w*|availability|2xx\b|goodput", "success"),
        _Word(r"error\w*|errs?\b|fail\w*|5xx\b|4xx\b|exception\w*|timeouts?\b|reject\w*|drop(?:s|ped)?\b", "failure"),
        _Word(
            r"(?:http|status|code|responses?) (?:code )?[45]\d\d\b|panic\w*|deadlock\w*|unhealthy|unavailable",
            "failure",
        ),
        _Word(r"refus\w*|discard\w*|dead ?letters?\b|dlq\b|retransmi\w*|aborts?\b|lost\b", "failure"),
        _Word(r"restart\w*|oom\w*|crash\w*|deploy(?:s|ment|ments)?\b|rollouts?\b|evict\w*", "event", "short", "event"),
        _Word(r"busy (?:worker|thread|connection|process|slot|server)\w*", "saturation"),
        _Word(r"(?:worker|thread|cpu|disk|io|core|node|host)s? busy", "saturation"),
        _Word(r"busy|(?:work|duration|latency) (?:seconds )?(?:sum|rate)\b|work seconds|seconds sum\b", "work", "s"),
        _Word(r"latenc\w*|duration\w*|(?:response|load) ?times?\b|delay\w*|rtt\b|elapsed", "latency", "s"),
        _Word(r"ttfb\b|ping\b|jitter|p(?:50|75|90|95|99|999)\b", "latency", "s"),
        _Word(
            r"cpu\w*|mem\b|memory\w*|disk\w*|filesystem\w*|fs\b|net\b|network\w*|syscall\w*|sys call\w*", "saturation"
        ),
        _Word(r"throttl\w*|saturation|utili[sz]ation|sockets?\b|threads?\b|heap\w*|gc\b|swap\w*|iops?\b", "saturation"),
        _Word(
            r"(?:received?|transmit\w*|sent|read|written|write) bytes|load ?(?:1|5|15|avg|average)\b|system load\b",
            "saturation",
        ),
        _Word(
            r"queue\w*|connections?\b|backlog|inflight|in flight|pending|lag\b|slow\b|(?:packet )?loss\b", "saturation"
        ),
        _Word(
            r"requests?\b|workload\w*|ops\b|traffic|qps\b|rps\b|reqps\b|tps\b|throughput|calls?\b|hits?\b",
            "load",
            "reqps",
        ),
        _Word(r"load\b|queries|transactions|messages|invocations", "load", "reqps"),
        _Word(r"log ?lines?\b|operations?\b|spans?\b", "activity"),
        _Word(r"seconds\b|time\b", "latency", "s"),
        _Word(r"work\b", "work", "s"),
        _Word(r"(?:up|alive|healthy|reachable)\b|heartbeats?\b", "saturation"),
    )
)
"""In the order of precedence: request errors are failures, request latency is latency, and requests alone are load."""

_ROLE_BY_UNIT: dict[str, Role] = {
    "ops": "load",
    "reqps": "load",
    "rps": "load",
    "qps": "load",
    "s": "latency",
    "ms": "latency",
    "us": "latency",
    "m": "saturation",
    "mi": "saturation",
    "cores": "saturation",
    "bytes": "saturation",
}
_UNIT_IN_NAME = (
    (r"\b(?:ms|millis\w*)\b", "ms"),
    (r"\b(?:us|micros\w*)\b", "us"),
    (r"\bseconds\b", "s"),
    (r"\bbytes\b", "bytes"),
)
_SHARE_IN_NAME = (
    (r"\b(?:percent(?:age|unit)?s?|pct|perc)\b", "percent"),
    (
        r"\b(?:ratio|share|fraction|proportion|utili[sz]ation)s?\b|availability|succe\w* rate\b|"
        r"\b(?:hit|miss|eviction|acceptance|sampling) rate\b",
        "percentunit",
    ),
)
_OF_SHARES = ("percent", "percentunit", "%", "ratio")
_COUNTED: tuple[Role, ...] = ("load", "work", "latency", "activity", "event")
"""What no share is: how much there is of something, or how long it takes."""
_BEYOND_THE_WHOLE = 1.5
_QUANTILE = re.compile(r"\b(?:p\d\d+|quantile|percentile|median|q\d\d+)|latency (?:50|75|9\d+)\b")


def share_in_name(name: str, highest: float = 0.0) -> str:
    """The unit of what is a share by its name, as its highest value allows; empty where it is none.

    >>> share_in_name("cache_hit_ratio", 0.98), share_in_name("cpu_utilization", 97.0), share_in_name("cpu_seconds")
    ('percentunit', 'percent', '')
    """
    words = words_of(name)
    found = next((unit for pattern, unit in _SHARE_IN_NAME if re.search(pattern, words)), "")
    if highest > _BEYOND_THE_WHOLE * 100:
        return ""
    return "percent" if found and highest > _BEYOND_THE_WHOLE else found


def guess_signal(name: str, unit: str = "", highest: float = 0.0) -> Guess:
    """The probable role, unit and kind of a signal; `unit` is what the file says, empty where it says nothing, and
    `highest` its highest value, where that is known: no share of 1 goes far beyond it, and none beyond 100%.

    >>> guess_signal("PodClientLatencyP90", "s")
    Guess(role='latency', unit='s', kind='quantile')
    >>> guess_signal("requests").role, guess_signal("request_errors").role, guess_signal("pod_restarts").role
    ('load', 'failure', 'event')
    >>> guess_signal("cache_hit_rate", highest=0.98)[:2], guess_signal("cache_hit_rate", highest=800)[:2]
    (('saturation', 'percentunit'), ('load', 'reqps'))
    """
    words = words_of(name)
    found = next((word for word in _WORDS if re.search(word.pattern, words)), None)
    said = unit or next((unit for pattern, unit in _UNIT_IN_NAME if re.search(pattern, words)), "")
    share = (unit if unit.lower() in _OF_SHARES else "") if unit else share_in_name(name, highest)
    if found is None:
        return Guess(_ROLE_BY_UNIT.get(said.lower()), said or "short", "gauge")
    if share and found.role in _COUNTED:
        return Guess("saturation", share, "gauge")
    kind: Kind = "quantile" if found.role == "latency" and _QUANTILE.search(words) else found.kind
    if share and found.role in ("failure", "success"):
        said = share
    return Guess(found.role, said or found.unit, kind)
