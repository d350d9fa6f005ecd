"""`causal-datasource import`: signals proposed from a Grafana dashboard or a Prometheus rule file."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from datasource.cli.causes import Known
from datasource.cli.clean_query import clean, threshold_of, without_ranges
from datasource.cli.document import Draft, SignalText, write
from datasource.cli.found_queries import Found, ImportedError, read_queries
from datasource.cli.labels import CLUSTER, NAMESPACE, SERVICE
from datasource.cli.timing import Timing
from datasource.data.guess import Guess, guess_signal
from datasource.graph import default_effects, default_templates
from datasource.settings import Role, SettingsError, parse_settings
from datasource.settings.foreign import foreign_text
from datasource.settings.promql import range_seconds, read_matchers, read_parts, write_labels

_WINDOW = 120
_STEP = 60
_SOMEBODY = (*SERVICE, "container", "pod", "instance", "node", "host")
_WHO_ELSE = re.compile(
    r"service|workload|app|deployment|pod|container|job|instance|node|host|queue|topic|group|database"
)
"""Labels that tell somebody apart where none of those is there, as grpc_service and destination_workload do."""
_UNITS = {
    **{one: one for one in ("percent", "percentunit", "s", "ms", "ns", "bytes", "reqps", "ops", "cores")},
    **{"µs": "us", "rps": "reqps", "wps": "ops", "cps": "ops", "iops": "ops", "eps": "ops", "dtdurations": "s"},
    **{"decbytes": "bytes", "Bps": "bytes", "binBps": "bytes", "clocks": "s", "dthms": "s"},
}
"""Grafana's units, as signals have them."""
_ENDS = (
    ({"500", "502", "503", "504"}, {"400", "404"}, {"200", "201", "204"}),
    ({"5xx"}, {"4xx"}, {"2xx"}),
    ({"STATUS_CODE_ERROR"}, set[str](), {"STATUS_CODE_OK", "STATUS_CODE_UNSET"}),
    ({"error", "failed", "failure"}, {"fail", "Error"}, {"success", "ok", "succeeded"}),
    ({"Internal", "Unavailable", "Unknown"}, {"NotFound"}, {"OK"}),
)
"""How requests are said to have ended by labels as `code` and `status`: by a server's fault, by another's, and well."""
_OF_ENDS = re.compile(r"code|status|result|outcome|response|success|error", re.IGNORECASE)
_AGGREGATED = re.compile(r"\b(?:sum|avg|max|min|count|quantile|stddev|stdvar|group)\s*(?:by\b|\()")
_NO_ENTITY = re.compile(r"\b(?P<name>absent(?:_over_time)?)\s*\(|^\s*(?P<one>scalar)\s*\(")
_ONE_MINUS = re.compile(r"^\s*\(?\s*(?:100\s*\*\s*\(?\s*)?(?:1|100)\s*-")
_FAST = re.compile(r"""_bucket\b[^}]*\ble\s*=~?\s*["']""")
_BY_1000 = re.compile(r"\*\s*(?:1000|1e3)\b|\b(?:1000|1e3)\s*\*")
_SELECTED = re.compile(r"\[[^\]]+\]")
_BY_NOTHING = re.compile(r"\bby\s*\(\s*\)")
_AGGREGATES = re.compile(r"\b(sum|avg|max|min|count|quantile)\s*\((?!\s*$)")


_LOGQL = re.compile(r"""(?:^|[\s(])\{[^{}]*\}\s*(?:\|[=~>]?|!=(?=\s*["`])|!~(?=\s*["`])|!>)""")


class Imported(NamedTuple):
    """The text of a causal.yaml, and what was taken and left out."""

    text: str
    findings: tuple[str, ...]


def propose_from(path: str, url: str) -> Imported:
    """Settings with a signal for each query of a file that is about services. Raises ImportedError."""
    found = list(read_queries(path))
    if not found:
        raise ImportedError(
            f"{path}: holds no query; it should be a dashboard, as 'Export -> JSON' writes it, or a file of rules"
        )
    window = _usual_window(found)
    cleaned = {one: clean(one.query, window, bool(one.record)) for one in found}
    labels = _labels(cleaned.values())
    recorded = {
        one.record for one, query in cleaned.items() if one.record and set(read_parts(query).grouping) == set(labels)
    }
    signals: dict[str, SignalText] = {}
    findings: list[str] = []
    queries: set[str] = set()
    for one in found:
        why = one.why or (_total(cleaned[one], labels) if one.record else "")
        query, why = ("", why) if why else _by_entity(one.record or cleaned[one], labels, recorded)
        if not why and query in queries:
            continue
        signal = None if why else _signal(one, query, signals, labels)
        problem = why or (_problem(url, labels, signal) if signal else "")
        if problem or signal is None:
            findings.append(f"left out: {one.title}: {problem}")
            continue
        queries.add(query)
        signals[signal.name] = signal
        role = signal.role or "no role: give it one, as role: saturation"
        findings.append(f"signal {signal.name}: {one.title} ({role})")
    if not signals:
        raise ImportedError(f"{path}: " + "; ".join(findings or ("holds no query",)))
    draft = _draft(path, url, labels, list(signals.values()))
    several = [name for name in ("requests", "errors", "latency") if name not in signals]
    if several:
        findings.append(f"not in the file: {', '.join(several)}; 'causal-datasource init' looks for them")
    return Imported(write(draft), tuple(findings))


def _usual_window(found: Sequence[Found]) -> float:
    """The most common range in seconds, for those that a dashboard fills in."""
    counts = Counter(seconds for one in found for seconds in range_seconds(without_ranges(one.query)))
    return counts.most_common(1)[0][0] if counts else _WINDOW


def _total(query: str, labels: tuple[str, ...]) -> str:
    """Why a recording rule has no series of one entity; empty where it may have."""
    parts = read_parts(query)
    if not _AGGREGATED.search(query) or "without" in query or set(labels) <= set(parts.grouping):
        return ""
    about = ", ".join(sorted(set(parts.grouping) - {"le"})) or "everybody together"
    return f"it is about {about}, not about {labels[-1]}"


def _labels(queries: Iterable[str]) -> tuple[str, ...]:
    """The labels by which most queries tell somebody apart, the name last."""
    counts = Counter(label for query in queries for label in read_parts(query).grouping)
    named = [label for label in _SOMEBODY if counts[label]]
    like = [one for one in counts if _WHO_ELSE.search(one) and one not in (*CLUSTER, *NAMESPACE)]
    telling = [*_SOMEBODY, *like]
    name = max(named or like, key=lambda label: (counts[label], -telling.index(label)), default="service")
    where = []
    for candidates in (CLUSTER, NAMESPACE):
        there = [label for label in candidates if counts[label] and 2 * counts[label] >= counts[name]]
        where += there[:1]
    return (*where, name)


def _by_entity(query: str, labels: tuple[str, ...], recorded: Collection[str]) -> tuple[str, str]:
    """The query with one series per entity, or why it has none."""
    if _LOGQL.search(query):
        return query, "it is LogQL: write it as a signal with source: loki"
    if text := foreign_text(query):
        return query, text
    if found := _NO_ENTITY.search(query):
        return query, f"{found['name'] or found['one']}() says one thing of everything, and nothing of a {labels[-1]}"
    if threshold := threshold_of(query):
        return query, f"it answers only where '{threshold}' holds; write what is compared"
    if re.search(r"\boffset\b", query) and query.count("offset") >= len(_SELECTED.findall(query)) > 0:
        return query, "it is about another time (offset), and a signal about its own"
    if _BY_NOTHING.search(query):
        return query, f"it is one number for everybody, by (); write by ({write_labels(labels)})"
    share = _numerator(query)
    if share and (_outcome(share) == "failure" or (not _outcome(share) and guess_signal(share).role == "failure")):
        query = share  # the load is measured by itself
    parts = read_parts(query)
    if not parts.selectors:
        return query, "it selects no metric"
    if all(selector.metric in recorded for selector in parts.selectors):
        return query, ""
    grouping = set(parts.grouping) - {"le"}
    if set(labels) <= grouping:
        return re.sub(r"\bby\s*\(([^()]*)\)", lambda one: f"by ({_only(one[1], labels)})", query), ""
    if grouping:
        return query, f"it is about {', '.join(sorted(grouping))}, not about {labels[-1]}"
    if " without" in query:
        return query, f"it groups 'without' labels; write it by ({write_labels(labels)})"
    le = "histogram_quantile" in query and any(selector.metric.endswith("_bucket") for selector in parts.selectors)
    by = write_labels((*labels, "le") if le else labels)
    if parts.grouping:
        return re.sub(r"\bby\s*\([^()]*\)", f"by ({by})", query), ""
    if _AGGREGATES.search(query):
        return _AGGREGATES.sub(lambda one: f"{one[1]} by ({by}) (", query), ""
    how = "avg" if "/" in query or "quantile" in query or "avg" in query else "sum"
    return f"{how} by ({write_labels(labels)}) ({query})", ""


def _outcome(query: str) -> str:
    """`failure` or `success` where a query takes the requests that ended so alone, by their codes; else nothing.

    >>> _outcome('x{code=~"[45].."}'), _outcome('x{code!~"5.."}'), _outcome('x{code!="404"}')
    ('failure', 'success', '')
    """
    for selector in read_parts(query).selectors:
        for label, matcher in sorted(read_matchers(selector)):
            for faults, others, well in _ENDS:
                failed = {value for value in faults | others if _matches(matcher, value)}
                succeeded = {value for value in well if _matches(matcher, value)}
                if matcher[1:-1] in {f'="{value}' for value in well} and matcher[0] == "!":
                    return "failure"
                if failed and not succeeded and (matcher[0] == "=" or _OF_ENDS.search(label)):
                    return "failure"
                if succeeded and not failed & faults and _OF_ENDS.search(label):
                    return "success"
    return ""


def _matches(matcher: str, value: str) -> bool:
    """Whether a label's value is one that `="..."`, `!="..."`, `=~"..."` or `!~"..."` takes."""
    operator = matcher[:2] if matcher[:2] in ("=~", "!~", "!=") else "="
    wanted = matcher[len(operator) :][1:-1].replace("\\\\", "\\")
    try:
        found = bool(re.fullmatch(wanted, value)) if "~" in operator else wanted == value
    except re.error:
        return False
    return found != operator.startswith("!")


def _numerator(query: str) -> str:
    """What a query divides, where it is a share; else nothing."""
    depth = 0
    plain = re.sub(r"\"[^\"]*\"|'[^']*'", lambda text: " " * len(text[0]), query)
    for place, mark in enumerate(plain):
        depth += (mark in "({[") - (mark in ")}]")
        if mark == "/" and not depth:
            return re.sub(r"^\s*100\s*\*\s*", "", query[:place]).strip()
    return ""


def _only(inside: str, labels: tuple[str, ...]) -> str:
    there = [label.strip() for label in inside.split(",")]
    kept = [label for label in there if label.strip('"') in (*labels, "le")]
    return ", ".join(kept or there)


def _signal(found: Found, query: str, taken: Mapping[str, SignalText], labels: tuple[str, ...]) -> SignalText:
    guess = _guess(found, query)
    name = _name(found, guess, taken)
    windows = range_seconds(query)
    if guess.role in ("load", "failure", "work") and re.search(r"\b(?:rate|irate|increase)\(", found.query):
        guess = guess._replace(kind="rate")
        query = re.sub(r"\bincrease\(", "rate(", query)  # per second, as requests are
    window = int(min(windows)) if windows else _recorded_window(found) or _STEP
    return SignalText(name, "service", query, window, guess.unit, guess.role or "", guess.kind)


def _recorded_window(found: Found) -> int:
    windows = range_seconds(found.query) if found.record else ()
    return int(min(windows)) if windows else 0


def _guess(found: Found, query: str) -> Guess:
    """What a signal is, by its query where that tells, and by its title."""
    title = guess_signal(found.title, _UNITS.get(found.unit, ""))
    metrics = " ".join(selector.metric for selector in read_parts(query).selectors)
    if found.record:
        query = found.query
    outcome, hundred = _outcome(query), bool(re.search(r"\b100\b", query))
    whole, numerator = "percent" if hundred else "percentunit", _numerator(query)
    if "histogram_quantile" in query:
        return Guess("latency", title.unit if title.unit in ("s", "ms", "us", "ns") else "s", "quantile")
    if re.search(r"_(?:sum|seconds)\b", metrics) and "/" in query and "_count" in metrics:
        return Guess("latency", "ms" if "milliseconds" in metrics or _BY_1000.search(query) else "s", "gauge")
    if numerator and _FAST.search(numerator):  # those that are as fast as promised
        return Guess("failure" if _ONE_MINUS.search(query) else "success", whole, "gauge")
    if outcome and not numerator:
        return Guess("failure" if outcome == "failure" else "success", "reqps", "rate")
    if share := _outcome(numerator):
        turned = share == "success" if _ONE_MINUS.search(query) else share == "failure"
        return Guess("failure" if turned else "success", whole, "gauge")
    guess = title if title.role else guess_signal(metrics.split(" ")[0] if metrics else "", _UNITS.get(found.unit, ""))
    if guess.role == "success" and "rate(" not in query and guess.unit in ("short", "s"):
        return guess._replace(unit=whole)  # the mean of yes and no
    if guess.role == "saturation" and "cpu" in metrics and "rate(" in query:
        return guess._replace(unit="percent" if hundred else "percentunit" if _ONE_MINUS.search(query) else "cores")
    if guess.role in ("load", "work", "activity") and numerator:
        return guess._replace(role=None, unit="short", kind="gauge")  # one number over another counts nothing
    return guess


_USUAL: Mapping[Role, str] = {"load": "requests", "failure": "errors", "latency": "latency", "work": "busy"}


def _name(found: Found, guess: Guess, taken: Mapping[str, SignalText]) -> str:
    """The usual name of a role where that is free, else the title's words."""
    usual = _USUAL.get(guess.role) if guess.role else None
    words = "_".join(re.findall(r"[a-z0-9]+", found.title.lower()))[:40].strip("_") or "signal"
    words = f"_{words}" if words[0].isdigit() else words
    candidates = [*([usual] if usual else []), words, *(f"{words}_{n}" for n in range(2, len(taken) + 3))]
    return next(one for one in candidates if one not in taken)


def _draft(path: str, url: str, labels: tuple[str, ...], signals: Sequence[SignalText]) -> Draft:
    draft = Draft(
        url=url,
        title=Path(path).name,
        timing=Timing(_STEP, _WINDOW, 30),
        interval=0.0,
        baseline=86400,
        packs=(),
        entities={"service": labels},
        signals=signals,
        command="import",
    )
    settings = parse_settings(write(draft))
    templates = default_templates(settings.signals, "")
    effects = default_effects(settings.signals)
    why = "by the signals' roles: load drives everything else, full resources make slow and fail"
    causes = [Known(why, tuple(map(str, templates)))] if templates else []
    return draft._replace(causes=causes, effects=effects)


def _problem(url: str, labels: tuple[str, ...], signal: SignalText) -> str:
    """Why a signal could not stand in the file; empty where it can."""
    draft = Draft(url, "", Timing(_STEP, _WINDOW, 30), 0.0, 86400, (), {"service": labels}, [signal], command="import")
    try:
        parse_settings(write(draft))
    except SettingsError as error:
        return str(error).splitlines()[0].partition(": ")[2]
    return ""
