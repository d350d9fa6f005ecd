"""What names tell of cause and effect: what a column measures, of which component, and where it stands in the flow.

Work flows from who asks to who stores: demand makes work, work takes resources, full resources make slow, slow makes
fail. All of it is opinion, given as log-odds, so that data can overrule it.
"""

import re
import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from datasource.data import Floats
from datasource.data.words import words_of as data_words_of

_KINDS: tuple[tuple[str, str], ...] = (
    (
        "failure",
        r"err|errs|errors?|fail\w*|5xx|4xx|exceptions?|timeouts?|reject\w*|drop\w*|lost|loss|discard\w*|nack\w*",
    ),
    ("failure", r"dead letters?|retransmi\w*|unavailab\w*|infect\w*|threats?"),
    ("event", r"restart\w*|oom\w*|crash\w*|deploy\w*|rollouts?|evict\w*|reboots?|kills?|killed|updates?"),
    ("latency", r"latenc\w*|durations?|\w+ times?|delays?|rtt?|elapsed|ping|p(?:50|75|90|95|99|999)|slow\w*"),
    ("queue", r"queues?\w*|backlog|pending|lag|waiting|unack\w*|buffer\w*|spool|depth|messages? ready"),
    ("resource", r"\w*cpu\w*|processors?|cores?|load ?(?:1|5|15|avg|average)|throttl\w*|util\w*|capacity|busy|iowait"),
    ("resource", r"disks?\w*|io|iops?|fs|filesystem\w*|swap\w*|saturation|gc|temperature|power"),
    ("memory", r"ram\w*|mem|memory|heap\w*|rss|pages?"),
    (
        "output",
        r"(?:net\w*|network|bytes|traffic|data|packets|messages|msgs?|if)? ?(?:out|sent|tx|transmit\w*|upload\w*)",
    ),
    ("output", r"egress|outbound|outgoing|deliver\w*|acked|acks?|written|writes?|consumed|completed|stored|insert\w*"),
    ("demand", r"(?:net\w*|network|bytes|traffic|data|packets|messages|msgs?|if)? ?(?:in|received|recv|rx)"),
    ("demand", r"incoming|inbound|arriv\w*|ingest\w*|publish\w*|produced|download\w*|users?|visit\w*|clients?"),
    (
        "concurrency",
        r"process(?:es)?|procs?|threads?|connections?|conns?|sessions?|sockets?|workers?|tasks?|jobs?|inflight",
    ),
    ("concurrency", r"in flight|active|concurren\w*|running|open\w*|fds?"),
    ("demand", r"requests?|reqs?|hits?|queries|query|calls?|rps|qps|tps|throughput|traffic|workload|load|events?|rate"),
    (
        "demand",
        r"messages?|msgs?|transactions?|invocations?|operations?|ops|emitted|executed|processed|activity|scans?",
    ),
    ("demand", r"net\w*|network|bandwidth|bytes|packets|demand|files?|mails?|tuples?|logs?|lines"),
    ("latency", r"times?|\w*(?:db|query|response|wait|exec)times?|seconds|ms|millis\w*"),
)
"""What a metric is by the words of its name, in the order of precedence."""

_TIERS: Mapping[str, float] = {
    "demand": 0.0,
    "concurrency": 1.0,
    "queue": 1.5,
    "event": 1.25,
    "resource": 2.0,
    "output": 2.0,
    "memory": 2.5,
    "latency": 3.0,
    "failure": 4.0,
}
"""Where a metric stands on the way from demand to failures."""

_OF_ROLE: Mapping[str, str] = {
    "load": "demand",
    "activity": "demand",
    "saturation": "resource",
    "event": "event",
    "work": "latency",
    "latency": "latency",
    "failure": "failure",
    "success": "failure",
}
"""The metrics that the roles of the settings are."""
_FINER: Mapping[str, tuple[str, ...]] = {
    "saturation": ("queue", "memory", "concurrency", "output"),
    "activity": ("output", "concurrency"),
}
"""What a name may say more exactly than its role."""

_STAGES: tuple[tuple[float, str], ...] = (
    (0.0, r"users?|clients?|browsers?|internet|dns|cdn|edge|internal|external|spouts?|sources?|producers?|publishers?"),
    (
        0.5,
        r"ingress|lb|loadbalancer|balancer|haproxy|nginx|proxy|gateway|front\w*|receivers?|listeners?|collectors?|input",
    ),
    (1.0, r"web\w*|http\w*|apache\w*|httpd|iis|ui|portal|agents?"),
    (1.5, r"kafka|rabbit\w*|mq|broker|bus|topics?|exchanges?|dispatch\w*|rout\w*|check\w*|split\w*"),
    (
        2.0,
        r"php\w*|app\w*|tomcat|jvm|java|node|api|services?|back\w*|workers?|bolts?|process(?:or|ing)s?|consumers?|pars\w*",
    ),
    (2.5, r"merg\w*|aggregat\w*|join\w*|enrich\w*|cache|redis|memcached?|scan\w*"),
    (
        3.0,
        r"mysql\w*|postgres\w*|pg|mongo\w*|cassandra|elastic\w*|es|db|sql|database|store|storage|sinks?|writers?|index\w*",
    ),
    (3.5, r"disks?|archive|backup|output"),
)
"""Where a component stands on the way of the work, from who asks to who stores."""
_STAGE_OF_KIND: Mapping[str, float] = {"demand": 0.0}
"""Where a metric that names no component stands: what comes in comes first."""

_WHOLE = r"global|total|all|overall|system|sys|host|machine|server|node|cluster|topology"
_MANNER = (
    r"avg|average|mean|min|max|sum|percent\w*|pct|perc|count|number|nb|num|nr|rate|per|the|of|a|s|sec|second|seconds"
)
_MANNER += (
    r"|minute|value|total|current|size|length|level|k|kb|mb|gb|kib|mib|ms|us|prev|usage|used|use|util\w*|time|times"
)
_MANNER += r"|end|to|p\d\d+|median|quantile|read|user|idle|free|available|bytes|b|in|out|rx|tx"

_AT_ONCE: Mapping[tuple[str, str], float] = {
    ("demand", "concurrency"): 1.2,
    ("demand", "resource"): 1.0,
    ("demand", "queue"): 0.8,
    ("demand", "output"): 0.8,
    ("demand", "memory"): -0.5,
    ("demand", "latency"): 0.0,
    ("demand", "event"): -1.0,
    ("demand", "failure"): -0.5,
    ("concurrency", "queue"): 0.3,
    ("concurrency", "resource"): 1.2,
    ("concurrency", "memory"): 0.7,
    ("concurrency", "output"): 0.7,
    ("concurrency", "latency"): 0.5,
    ("concurrency", "failure"): -0.5,
    ("queue", "resource"): 0.3,
    ("queue", "latency"): 1.2,
    ("queue", "memory"): 0.3,
    ("queue", "output"): 0.0,
    ("queue", "failure"): 0.8,
    ("event", "queue"): 0.3,
    ("event", "latency"): 0.5,
    ("event", "failure"): 0.8,
    ("event", "resource"): 0.0,
    ("resource", "latency"): 1.0,
    ("resource", "output"): 0.0,
    ("resource", "memory"): 0.0,
    ("resource", "failure"): 0.0,
    ("output", "latency"): -0.5,
    ("memory", "latency"): 0.0,
    ("memory", "event"): 0.5,
    ("latency", "failure"): 0.8,
}
"""Log-odds, beside those of any pair, that there is an edge between two metrics of one component."""

_SAME_COMPONENT, _OTHER_COMPONENT = 0.6, -0.4
_SAME_METRIC = 0.6
_SHARED_WORD = 0.5
_PART_OF = 2.0
_ONE_THING = 1.5
_NEXT_STAGE, _FAR_STAGE = 0.6, -0.8
_TIER_DECIDES, _STAGE_DECIDES, _NUMBER_DECIDES = 2.7, 2.2, 0.4
"""Log-odds of a direction: by metrics of different tiers, by stages of the flow, and by numbers in names."""
_TRUST = 2.5
"""How much all of these opinions on presence count."""
_EDGES_PER_VARIABLE = 1.3
"""What people draw of a monitored system: a few more edges than variables."""


_WAIT_DECIDES, _SPREAD_DECIDES, _SPREAD_OF_WHATEVER = 1.5, 0.6, 0.3
"""Log-odds of a direction between two latencies, of which the shorter is part of the longer, and between two flows, of
which the one that varies more beside its mean is part of the other; of whatever is no flow by its name, an opinion
that decides nothing."""
_FLOWS = ("demand", "concurrency", "output", "")


class Name(NamedTuple):
    """What one name tells: the metric's kind, the words of its component, its number, and its place in the flow."""

    kind: str
    component: frozenset[str]
    number: int | None
    stage: float | None
    whole: bool

    @property
    def tier(self) -> float | None:
        return _TIERS.get(self.kind)


class Belief(NamedTuple):
    """Log-odds (variables x variables): that there is an edge (symmetric), and that row causes column
    (antisymmetric)."""

    presence: Floats
    direction: Floats


def words_of(name: str) -> list[str]:
    """The words of a name, in small letters.

    >>> words_of("CpuG"), words_of("capacity_bolt2"), words_of("HTTPErrors")
    (['cpu', 'g'], ['capacity', 'bolt', '2'], ['http', 'errors'])
    """
    apart = re.sub(r"(?<=[A-Za-z])(?=\d)", " ", name)
    return data_words_of(apart).split()


def read_names(names: Sequence[str], roles: Sequence[str | None] = (), owners: Sequence[str] = ()) -> list[Name]:
    """What each name tells beside the others; `roles` are those of the settings, `owners` the entities, where known.

    >>> [(one.kind, one.stage) for one in read_names(["latency_spout", "capacity_bolt"])]
    [('latency', 0.0), ('resource', 2.0)]
    """
    words = [words_of(name) for name in names]
    everywhere = set.intersection(*map(set, words)) if len(words) > 1 else set()
    found = []
    for place, own in enumerate(words):
        telling = [word for word in own if word not in everywhere] or own
        kind = _kind(" ".join(telling)) or _kind(" ".join(own))
        if roles and roles[place] and kind not in _FINER.get(roles[place] or "", ()):
            kind = _OF_ROLE[roles[place] or ""]
        rest = _without(kind, " ".join(telling)).split()
        component = frozenset(word for word in rest if not re.fullmatch(rf"{_MANNER}|{_WHOLE}|\d+", word))
        if owners:
            component |= {owners[place]}
        numbers = [int(word) for word in telling if word.isdigit()]
        whole = any(re.fullmatch(_WHOLE, word) for word in telling)
        stage = _stage(telling)
        if stage is None and not component:
            stage = _STAGE_OF_KIND.get(kind)
        found.append(Name(kind, component, numbers[-1] if numbers else None, stage, whole))
    return found


def beliefs(names: Sequence[Name]) -> Belief:
    """What the names make likely, before any data."""
    count = len(names)
    presence, direction = np.zeros((2, count, count))
    for i, one in enumerate(names):
        for j, other in enumerate(names[:i]):
            presence[i, j] = presence[j, i] = _TRUST * _presence(one, other)
            direction[i, j] = _direction(one, other)
            direction[j, i] = -direction[i, j]
    return Belief(presence + _base(presence[np.tril_indices(count, -1)], count), direction)


def _base(odds: Floats, count: int) -> float:
    """The log-odds of any pair with which so many edges are expected as people draw."""
    wanted = min(_EDGES_PER_VARIABLE * count, 0.5 * len(odds))
    low, high = -30.0, 30.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if (1 / (1 + np.exp(-odds - middle))).sum() < wanted else (low, middle)
    return low


def by_size(names: Sequence[Name], values: Floats) -> Floats:
    """Log-odds that row causes column, between metrics of one kind, from how large they are and how much they vary.

    Who waits takes at least as long as who is waited for; a part of a flow varies more, for its mean, than the whole.
    """
    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        mean = np.nanmean(values, axis=1)
        spread = np.nanstd(values, axis=1) / np.abs(mean)
    found = np.zeros((len(names), len(names)))
    for i, one in enumerate(names):
        for j, other in enumerate(names):
            if i == j or one.kind != other.kind or one.whole != other.whole:
                continue
            if one.kind == "latency":
                found[i, j] = _WAIT_DECIDES * np.sign(mean[j] - mean[i])
            elif one.kind in _FLOWS:
                found[i, j] = (_SPREAD_DECIDES if one.kind else _SPREAD_OF_WHATEVER) * np.sign(spread[j] - spread[i])
    return np.nan_to_num(found)


def _kind(text: str) -> str:
    return next((kind for kind, pattern in _KINDS if re.search(rf"\b(?:{pattern})\b", text)), "")


def _without(kind: str, text: str) -> str:
    """A name without the words that tell its kind."""
    for one, pattern in _KINDS:
        if one == kind:
            text = re.sub(rf"\b(?:{pattern})\b", " ", text)
    return text


def _stage(words: Sequence[str]) -> float | None:
    found = [stage for word in words for stage, pattern in _STAGES if re.fullmatch(pattern, word)]
    return found[-1] if found else None


def _presence(one: Name, other: Name) -> float:
    odds = max(_AT_ONCE.get((one.kind, other.kind), 0.0), _AT_ONCE.get((other.kind, one.kind), 0.0), key=abs)
    if one.kind == other.kind:
        if one.whole != other.whole and not (one.component and other.component):
            return odds + _PART_OF
        same = one.component == other.component and one.number == other.number
        odds += _ONE_THING if same and one.component else _SAME_METRIC
    elif one.component and other.component:
        odds = odds + _SAME_COMPONENT if one.component == other.component else min(odds, 0.0) + _OTHER_COMPONENT
    if one.component != other.component and one.component & other.component:
        odds += _SHARED_WORD
    if one.stage is not None and other.stage is not None and one.stage != other.stage:
        odds += _NEXT_STAGE if abs(one.stage - other.stage) <= 1 else _FAR_STAGE
    return odds


def _direction(one: Name, other: Name) -> float:
    """Log-odds that `one` is the cause."""
    if one.kind == other.kind:
        if one.whole != other.whole:
            return _PART_OF if other.whole else -_PART_OF
        backwards = -1.0 if one.kind in ("latency", "failure") else 1.0
        if one.stage is not None and other.stage is not None and one.stage != other.stage:
            return backwards * (_STAGE_DECIDES if one.stage < other.stage else -_STAGE_DECIDES)
        if one.component == other.component and one.number is not None and other.number is not None:
            return _NUMBER_DECIDES * float(np.sign(other.number - one.number))
        return 0.0
    if one.tier is None or other.tier is None or one.tier == other.tier:
        return 0.0
    return _TIER_DECIDES * float(np.sign(other.tier - one.tier)) * min(1.0, abs(other.tier - one.tier) + 0.25)
