"""`causal-datasource import`: signals proposed from a Grafana dashboard or a Prometheus rule file."""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from datasource.cli.causes import Known
from datasource.cli.document import Draft, SignalText, write
from datasource.cli.labels import CLUSTER, NAMESPACE, SERVICE
from datasource.cli.timing import Timing
from datasource.data.guess import Guess, guess_signal
from datasource.graph import default_effects, default_templates
from datasource.settings import Role, SettingsError, format_duration, parse_settings
from datasource.settings.foreign import foreign_text
from datasource.settings.promql import range_seconds, read_parts, write_labels

_WINDOW = 120
_STEP = 60
_SOMEBODY = (*SERVICE, "container", "pod", "instance", "node", "host")
_UNITS = {"percent": "percent", "percentunit": "percentunit", "s": "s", "ms": "ms", "bytes": "bytes", "reqps": "reqps"}
_RANGE = re.compile(r"\[\s*(?:\$\{?\w+(?::\w+)?\}?|\[\[\w+(?::\w+)?\]\])\s*(:[^\]]*)?\]")
_VARIABLE = r"(?:\$\{?[a-zA-Z_][\w:.]*\}?|\[\[\w+(?::\w+)?\]\])"
_MATCHER = re.compile(rf"""[\w.]+\s*(?:=~|!~|!=|=)\s*(?:"[^"]*{_VARIABLE}[^"]*"|'[^']*{_VARIABLE}[^']*')\s*,?\s*""")
_COMPARED = re.compile(r"\s*(?:==|!=|>=|<=|>|<)\s*(?:bool\s+)?[+-]?[\d.]+(?:e[+-]?\d+)?\s*$", re.IGNORECASE)
_BEST = re.compile(r"^\s*(?:topk|bottomk|sort|sort_desc)\s*\((?:\s*[\w$]+\s*,)?(?P<inside>.*)\)\s*$", re.DOTALL)
_FAILED = re.compile(r"""["'~=|](?:5\.\.|5\[|5xx|4\.\.|STATUS_CODE_ERROR|error|failed)""")
_AGGREGATES = re.compile(r"\b(sum|avg|max|min|count|quantile)\s*\((?!\s*$)")


class ImportedError(Exception):
    """Nothing can be taken from the file; the text says why and what to do."""


class Found(NamedTuple):
    """A query as it stands in the file: what it is called, where, its unit; the name of the rule that records it."""

    title: str
    query: str
    unit: str = ""
    record: str = ""


class Imported(NamedTuple):
    """The text of a causal.yaml, and what was taken and left out."""

    text: str
    findings: tuple[str, ...]


def propose_from(path: str, url: str) -> Imported:
    """Settings with a signal for each query of a file that is about services. Raises ImportedError."""
    found = list(_read(path))
    if not found:
        raise ImportedError(
            f"{path}: holds no query; it should be a dashboard, as 'Export -> JSON' writes it, or a file of rules"
        )
    window = _usual_window(found)
    cleaned = {one: _clean(one, window) for one in found}
    labels = _labels(cleaned.values())
    recorded = {
        one.record for one, query in cleaned.items() if one.record and set(read_parts(query).grouping) == set(labels)
    }
    signals: dict[str, SignalText] = {}
    findings: list[str] = []
    queries: set[str] = set()
    for one in found:
        query, why = _by_entity(one.record or cleaned[one], labels, recorded)
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


def _read(path: str) -> Iterator[Found]:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ImportedError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        data = json.loads(text) if text.lstrip().startswith("{") and '"' in text[:200] else yaml.safe_load(text)
    except ValueError as error:
        raise ImportedError(f"{path}: is JSON that cannot be read ({error}); export the dashboard again") from None
    except yaml.YAMLError as error:
        helm = "; it is a template: render it first, as 'helm template' does" if "{{" in text else ""
        raise ImportedError(f"{path}: is not YAML ({' '.join(str(error).split())}){helm}") from None
    if isinstance(data, Mapping):
        dashboard = data.get("dashboard", data)
        if isinstance(dashboard, Mapping) and isinstance(dashboard.get("panels", dashboard.get("rows")), list):
            yield from _of_dashboard(dashboard)
        spec = data.get("spec", data)
        groups = spec.get("groups") if isinstance(spec, Mapping) else None
        yield from _of_rules(groups if isinstance(groups, list) else ())


def _of_dashboard(part: Mapping[str, Any]) -> Iterator[Found]:
    """The queries of panels, in rows and out of them."""
    for panel in (*_list(part, "panels"), *_list(part, "rows")):
        if not isinstance(panel, Mapping):
            continue
        yield from _of_dashboard(panel)
        unit = _block(_block(panel, "fieldConfig"), "defaults").get("unit") or _old_unit(panel)
        targets = [one for one in _list(panel, "targets") if isinstance(one, Mapping) and one.get("expr")]
        for target in targets:
            legend = str(target.get("legendFormat") or "")
            words = re.sub(r"\{\{.*?\}\}|__auto|\W+", " ", legend).strip() if len(targets) > 1 else ""
            title = " ".join(filter(None, (str(panel.get("title") or "query"), words)))
            yield Found(title, str(target["expr"]), str(unit))


def _list(part: Mapping[str, Any], name: str) -> list[Any]:
    found = part.get(name)
    return found if isinstance(found, list) else []


def _block(part: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = part.get(name)
    return found if isinstance(found, Mapping) else {}


def _old_unit(panel: Mapping[str, Any]) -> str:
    axes = panel.get("yaxes")
    return str(axes[0].get("format") or "") if isinstance(axes, list) and axes and isinstance(axes[0], Mapping) else ""


def _of_rules(groups: Sequence[Any]) -> Iterator[Found]:
    for group in groups:
        for rule in (group.get("rules") or ()) if isinstance(group, Mapping) else ():
            if isinstance(rule, Mapping) and rule.get("expr"):
                record = str(rule.get("record") or "")
                yield Found(record or str(rule.get("alert") or "rule"), str(rule["expr"]), "", record)


def _usual_window(found: Sequence[Found]) -> float:
    """The most common range in seconds, for those that a dashboard fills in."""
    counts = Counter(seconds for one in found for seconds in range_seconds(_RANGE.sub("", one.query)))
    return counts.most_common(1)[0][0] if counts else _WINDOW


def _clean(found: Found, window: float) -> str:
    """A query without a dashboard's variables, an alert's threshold, and what only orders series."""
    query = _RANGE.sub(lambda one: f"[{format_duration(window)}{one[1] or ''}]", found.query.strip())
    query = re.sub(r",\s*\}", "}", _MATCHER.sub("", query))
    query = re.sub(r"\{\s*\}", "", query).strip().rstrip(",;")
    query = re.sub(r"\bby\s*\(([^()]*)\)", lambda one: f"by ({_without_variables(one[1])})", query)
    if not found.record:
        query = _COMPARED.sub("", query)
    while (best := _BEST.match(query)) and _balanced(best["inside"]):
        query = best["inside"].strip()
    return " ".join(query.split())


def _balanced(text: str) -> bool:
    """Whether every parenthesis in a text is opened before it is closed."""
    depth = 0
    for mark in re.sub(r"\"[^\"]*\"|'[^']*'", "", text):
        depth += (mark == "(") - (mark == ")")
        if depth < 0:
            return False
    return depth == 0


def _without_variables(labels: str) -> str:
    return ", ".join(label.strip() for label in labels.split(",") if label.strip() and "$" not in label)


def _labels(queries: Iterable[str]) -> tuple[str, ...]:
    """The labels by which most queries tell somebody apart, the name last."""
    counts = Counter(label for query in queries for label in read_parts(query).grouping)
    named = [label for label in _SOMEBODY if counts[label]]
    name = max(named, key=lambda label: (counts[label], -_SOMEBODY.index(label)), default="service")
    where = []
    for candidates in (CLUSTER, NAMESPACE):
        there = [label for label in candidates if counts[label] and 2 * counts[label] >= counts[name]]
        where += there[:1]
    return (*where, name)


def _by_entity(query: str, labels: tuple[str, ...], recorded: Collection[str]) -> tuple[str, str]:
    """The query with one series per entity, or why it has none."""
    if text := foreign_text(query):
        return query, text
    share = _numerator(query)
    if share and (_FAILED.search(query) or guess_signal(share).role == "failure"):
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
    le = any(selector.metric.endswith("_bucket") for selector in parts.selectors)
    by = write_labels((*labels, "le") if le else labels)
    if parts.grouping:
        return re.sub(r"\bby\s*\([^()]*\)", f"by ({by})", query), ""
    if _AGGREGATES.search(query):
        return _AGGREGATES.sub(lambda one: f"{one[1]} by ({by}) (", query), ""
    how = "avg" if "/" in query or "quantile" in query or "avg" in query else "sum"
    return f"{how} by ({write_labels(labels)}) ({query})", ""


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
    window = int(min(windows)) if windows else _recorded_window(found) or _STEP
    return SignalText(name, "service", query, window, guess.unit, guess.role or "", guess.kind)


def _recorded_window(found: Found) -> int:
    windows = range_seconds(found.query) if found.record else ()
    return int(min(windows)) if windows else 0


def _guess(found: Found, query: str) -> Guess:
    """What a signal is, by its query where that tells, and by its title."""
    title = guess_signal(found.title, _UNITS.get(found.unit, ""))
    metrics = " ".join(selector.metric for selector in read_parts(query).selectors)
    failed = _FAILED.search(query)
    if found.record:
        query = found.query
    if "histogram_quantile" in query:
        return Guess("latency", title.unit if title.unit in ("s", "ms") else "s", "quantile")
    if re.search(r"_(?:sum|seconds)\b", metrics) and "/" in query and "_count" in metrics:
        return Guess("latency", "ms" if "milliseconds" in metrics else "s", "gauge")
    if failed and "/" not in query:
        return Guess("failure", "reqps", "rate")
    if title.role:
        return title
    return guess_signal(metrics.split(" ")[0] if metrics else "", _UNITS.get(found.unit, ""))


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
