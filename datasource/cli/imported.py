"""`causal-datasource import`: signals proposed from a Grafana dashboard or a Prometheus rule file."""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
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


_QUOTED_OR_COMMENT = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)|#[^\n]*""")
_LOGQL = re.compile(r"""(?:^|[\s(])\{[^{}]*\}\s*(?:\|[=~>]?|!=(?=\s*["`])|!~(?=\s*["`])|!>)""")
_DOCUMENT = re.compile(r'"panels"\s*:|^\s*groups\s*:', re.MULTILINE)
"""A text inside of a file that is a dashboard or rules itself, as in a ConfigMap."""
_OTHER_LANGUAGES = ("query", "rawSql", "queryText", "rawQuery")
_ELSEWHERE = "it is a library panel, whose queries are not in the file; export the dashboard to be shared externally"
_DEEPEST = 12
_NONE: Mapping[str, Any] = MappingProxyType({})


class ImportedError(Exception):
    """Nothing can be taken from the file; the text says why and what to do."""


class Found(NamedTuple):
    """A query as it stands in the file: what it is called, where, its unit; the name of the rule that records it; `why`
    it cannot be taken."""

    title: str
    query: str
    unit: str = ""
    record: str = ""
    why: str = ""


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
        query, why = ("", one.why) if one.why else _by_entity(one.record or cleaned[one], labels, recorded)
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
    yield from _walk(_parsed(path, text))


def _parsed(path: str, text: str) -> Any:
    """What a text holds: JSON, or the documents of a YAML file. Raises ImportedError."""
    template = text.lstrip().startswith("{{")
    try:
        if text.lstrip().startswith("{") and '"' in text[:200] and not template:
            return json.loads(text)
        return list(yaml.safe_load_all(text))
    except ValueError as error:
        raise ImportedError(f"{path}: is JSON that cannot be read ({error}); export the dashboard again") from None
    except yaml.YAMLError as error:
        helm = "; it is a template: render it first, as 'helm template' does" if "{{" in text else ""
        raise ImportedError(f"{path}: is not YAML ({' '.join(str(error).split())}){helm}") from None


def _walk(data: Any, elements: Mapping[str, Any] = _NONE, depth: int = 0) -> Iterator[Found]:
    """The queries of dashboards and rules, wherever they stand: in lists of Kubernetes' objects and in ConfigMaps, by
    namespace as Mimir has them, in answers of /api/v1/rules, in what Grafana provisions."""
    if depth > _DEEPEST:
        return
    if isinstance(data, Mapping):
        elements = {**elements, **_block(data, "__elements")}
        if any(isinstance(data.get(name), list) for name in ("panels", "rows")):
            yield from _of_dashboard(data, elements)
        elif isinstance(data.get("rules"), list):
            yield from _of_rules([data])
        elif data.get("kind") == "Panel" and isinstance(data.get("spec"), Mapping):
            yield from _of_panel(data["spec"])
        else:
            for inner in data.values():
                yield from _walk(inner, elements, depth + 1)
    elif isinstance(data, list):
        for inner in data:
            yield from _walk(inner, elements, depth + 1)
    elif isinstance(data, str) and _DOCUMENT.search(data):
        with suppress(ImportedError):
            yield from _walk(_parsed("", data), elements, depth + 1)


def _of_panel(spec: Mapping[str, Any]) -> Iterator[Found]:
    """The queries of a panel as dashboards have it since their second schema."""
    title = str(spec.get("title") or "query")
    unit = str(next(_named(spec.get("vizConfig"), "unit"), ""))
    for expr in _named(spec.get("data"), "expr"):
        yield Found(title, str(expr), unit)


def _named(data: Any, key: str, depth: int = 0) -> Iterator[Any]:
    """Every value of this key inside."""
    inside = data.items() if isinstance(data, Mapping) else enumerate(data) if isinstance(data, list) else ()
    for name, value in inside if depth <= _DEEPEST else ():
        if name == key and value:
            yield value
        yield from _named(value, key, depth + 1)


def _of_dashboard(part: Mapping[str, Any], elements: Mapping[str, Any]) -> Iterator[Found]:
    """The queries of panels, in rows and out of them; `elements` are the library panels that were exported with it."""
    for panel in (*_list(part, "panels"), *_list(part, "rows")):
        if not isinstance(panel, Mapping):
            continue
        title = str(panel.get("title") or "query")
        if library := _block(panel, "libraryPanel"):
            model = _block(library, "model") or _block(_block(elements, str(library.get("uid"))), "model")
            if not model:
                yield Found(str(library.get("name") or title), "", why=_ELSEWHERE)
                continue
            panel = {**model, "title": panel.get("title") or model.get("title")}  # noqa: PLW2901
            title = str(panel.get("title") or "query")
        yield from _of_dashboard(panel, elements)
        unit = _block(_block(panel, "fieldConfig"), "defaults").get("unit") or _old_unit(panel)
        targets = [one for one in _list(panel, "targets") if isinstance(one, Mapping)]
        asked = [one for one in targets if one.get("expr")]
        for target in asked:
            legend = str(target.get("legendFormat") or "")
            words = re.sub(r"\{\{.*?\}\}|__auto|\W+", " ", legend).strip() if len(asked) > 1 else ""
            yield Found(" ".join(filter(None, (title, words))), str(target["expr"]), str(unit))
        if targets and not asked and any(isinstance(one.get(key), str) for one in targets for key in _OTHER_LANGUAGES):
            yield Found(title, "", why="its query is no PromQL; ask Prometheus for the same")


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
            if not isinstance(rule, Mapping):
                continue
            if rule.get("expr"):
                record = str(rule.get("record") or "")
                yield Found(record or str(rule.get("alert") or "rule"), str(rule["expr"]), "", record)
            elif rule.get("query") and rule.get("name"):  # as /api/v1/rules answers
                record = str(rule["name"]) if rule.get("type") == "recording" else ""
                yield Found(str(rule["name"]), str(rule["query"]), "", record)
            else:  # as Grafana provisions its own alerts
                for expr in _named(rule.get("data"), "expr"):
                    yield Found(str(rule.get("title") or "rule"), str(expr))


def _usual_window(found: Sequence[Found]) -> float:
    """The most common range in seconds, for those that a dashboard fills in."""
    counts = Counter(seconds for one in found for seconds in range_seconds(_RANGE.sub("", one.query)))
    return counts.most_common(1)[0][0] if counts else _WINDOW


def _clean(found: Found, window: float) -> str:
    """A query without a dashboard's variables, an alert's threshold, and what only orders series."""
    query = _QUOTED_OR_COMMENT.sub(lambda one: one[1] or " ", found.query).strip()
    query = _RANGE.sub(lambda one: f"[{format_duration(window)}{one[1] or ''}]", query)
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
    if _LOGQL.search(query):
        return query, "it is LogQL: write it as a signal with source: loki"
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
    guess = title if title.role else guess_signal(metrics.split(" ")[0] if metrics else "", _UNITS.get(found.unit, ""))
    if guess.role in ("load", "work", "activity") and _numerator(query):
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
