"""Queries of Grafana dashboards and Prometheus rules, wherever they stand in a file."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import yaml

_DOCUMENT = re.compile(r'"panels"\s*:|^\s*groups\s*:', re.MULTILINE)
"""A text inside of a file that is a dashboard or rules itself, as in a ConfigMap."""
_OTHER_LANGUAGES = ("query", "rawSql", "queryText", "rawQuery")
_OTHER_SERVERS = {
    "loki": "write it as a signal with source: loki",
    "tempo": "write it as a signal with source: tempo",
    **dict.fromkeys(
        ("elasticsearch", "influxdb", "graphite", "cloudwatch", "mysql", "postgres"), "ask Prometheus for the same"
    ),
}
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


def read_queries(path: str) -> Iterator[Found]:
    """Every query of a file, in the order in which they stand. Raises ImportedError."""
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
        kinds = {str(_block(one, "datasource").get("type")) for one in (*targets, panel)}
        if other := next((kind for kind in kinds if kind in _OTHER_SERVERS), ""):
            yield Found(title, "", why=f"it asks {other.capitalize()}, not Prometheus; {_OTHER_SERVERS[other]}")
            continue
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
