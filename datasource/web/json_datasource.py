"""The JSON datasource protocol of Grafana's plugin, and of its predecessor SimpleJson."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from math import ceil, floor
from typing import Any

from flask import Blueprint, Response, current_app, request

from datasource.panels import ALL, REGISTRY, Panel, Parameter, Query, QueryError, interventions
from datasource.panels import choices as offered
from datasource.panels.frame import Frame, notice_frame, with_doubt
from datasource.panels.query import shortened
from datasource.service import Served, Snapshot
from datasource.web import parse
from datasource.web.answers import Answers, Body
from datasource.web.explain import explained
from datasource.web.render import body_response, frame_json, json_response, to_json

routes = Blueprint("json_datasource", __name__)

_MOST_BYTES = 32 * 1024 * 1024
_TOO_LARGE = (
    f"this answer would be larger than {_MOST_BYTES // 1024 // 1024} MiB; choose fewer entities or signals, a shorter "
    "time, or fewer targets"
)

_FAR = 10 * 366 * 86400.0
"""Seconds from what is known: further away there is nothing."""

_VARIABLES = {
    "entity": offered.entities,
    "signal": offered.signals,
    "symptom": offered.symptoms,
    "intervention": interventions.offered,
    "effect": offered.effects,
    "impact": offered.impacts,
    "variable": offered.variables,
    "measured": offered.measured,
}


def clock() -> Served:
    """The clock this application serves."""
    found: Served = current_app.extensions["clock"]
    return found


def cached(snapshot: Snapshot | None, question: object, compute: Callable[[], bytes]) -> Response:
    """JSON that is computed once for a snapshot and a question."""
    return body_response(answered(snapshot, question, compute))


def answered(snapshot: Snapshot | None, question: object, compute: Callable[[], bytes]) -> Body:
    """The answer of this door to a question about a snapshot, computed once."""
    answers: Answers = current_app.extensions["answers"]
    return answers.get(snapshot, (request.path, question), compute)


def waiting() -> str:
    """Why there is no snapshot yet."""
    return clock().health.error or "the first evaluation is under way"


@routes.post("/query")
def query() -> Response:
    """Frames for every target, always as an array."""
    snapshot = clock().snapshot
    asked = parse.queries(parse.body(request), snapshot.time if snapshot else 0.0)
    if snapshot is not None:
        asked = explained([on_the_grid(one, snapshot) for one in asked])
    late = f"these results are old: {clock().health.error or 'the evaluation is late'}" if clock().stale() else ""
    return cached(snapshot, (asked, late, waiting()), lambda: _answers(asked, snapshot, late))


def on_the_grid(one: Query, snapshot: Snapshot) -> Query:
    """The same question for everybody who asks it within a step: nothing lies between two points of the grid."""
    first, step = snapshot.matrix.start, snapshot.matrix.step
    start, end = (min(max(at - first, -_FAR), _FAR) / step for at in (one.start, one.end))
    return replace(one, start=first + ceil(start) * step, end=first + floor(end) * step)


def _answers(asked: Sequence[Query], snapshot: Snapshot | None, late: str) -> bytes:
    """The answers to all targets as a JSON array. Raises QueryError when none can be answered."""
    written: list[bytes] = []
    wrong, size = [], 0
    for one in asked:
        frames: Iterable[Frame]
        try:
            frames = _frames(one, snapshot, late)
        except QueryError as error:
            wrong.append(error)
            frames = [notice_frame(str(error))]
        of_target = []
        for frame in frames:
            of_target.append(to_json(frame_json(frame, one.ref_id)))
            if size + sum(map(len, of_target)) > _MOST_BYTES:
                of_target = [to_json(frame_json(notice_frame(_TOO_LARGE), one.ref_id))]
                break
        written += of_target
        size += sum(map(len, of_target))
    if wrong and len(wrong) == len(asked):
        raise wrong[0]
    return b"[" + b",".join(written) + b"]"


def _frames(one: Query, snapshot: Snapshot | None, late: str) -> list[Frame]:
    first, *others = REGISTRY.answer(one, snapshot, waiting())
    if snapshot is not None and late:
        first = with_doubt(first, late)
    return [first, *others]


@routes.post("/metrics")
def metrics() -> Response:
    """What the query builder offers: every panel with its parameters."""
    snapshot = clock().snapshot
    offers = REGISTRY.panels.values()
    return cached(snapshot, "offers", lambda: to_json([_panel_json(panel, snapshot) for panel in offers]))


@routes.post("/metric-payload-options")
def metric_payload_options() -> Response:
    """The options of one drop-down."""
    data = parse.body(request)
    panel = REGISTRY.get(str(data.get("metric", "")))
    found = [one for one in panel.parameters if one.name == data.get("name")]
    if not found:
        known = ", ".join(one.name for one in panel.parameters) or "none"
        raise QueryError(
            f"panel '{panel.name}' has no parameter '{shortened(str(data.get('name')))}'; known are: {known}"
        )
    return json_response(_options(found[0], clock().snapshot))


@routes.post("/variable")
def variable() -> Response:
    """Values for a dashboard variable: one of _VARIABLES, or any label."""
    sent = parse.body(request).get("payload")
    asked = parse.parameters(sent) or ({"target": (sent,)} if isinstance(sent, str) and sent else {})
    name = next((asked[key][0] for key in ("target", "query", "name") if asked.get(key)), "entity")
    snapshot = clock().snapshot
    if snapshot is None:
        return json_response([])
    if name in _VARIABLES:
        pairs = [(value, label) for value, label in _VARIABLES[name](snapshot) if value != ALL]
    elif values := _label_values(snapshot, name):
        pairs = [(value, value) for value in values]
    else:
        known = ", ".join(dict.fromkeys((*_VARIABLES, *_labels(snapshot))))
        raise QueryError(f"there is no variable '{shortened(name)}'; known are: {known}")
    return json_response([{"__text": label, "__value": value} for value, label in pairs])


@routes.post("/tag-keys")
def tag_keys() -> Response:
    """The labels that ad hoc filters may use."""
    snapshot = clock().snapshot
    return json_response([{"type": "string", "text": name} for name in (_labels(snapshot) if snapshot else [])])


@routes.post("/tag-values")
def tag_values() -> Response:
    """The values of one label."""
    snapshot = clock().snapshot
    key = str(parse.body(request).get("key", ""))
    return json_response([{"text": value} for value in (_label_values(snapshot, key) if snapshot else [])])


@routes.post("/search")
def search() -> Response:
    """SimpleJson's list of targets: every panel."""
    return json_response([{"text": panel.label, "value": panel.name} for panel in REGISTRY.panels.values()])


@routes.post("/annotations")
def annotations() -> Response:
    """SimpleJson's annotations: incidents; the annotation's query may name an entity."""
    data = parse.body(request)
    snapshot = clock().snapshot
    if snapshot is None:
        return json_response([])
    annotation = data.get("annotation")
    annotation = annotation if isinstance(annotation, dict) else {}
    start, end = parse.time_range(data, snapshot.time)
    asked = parse.parameters(annotation.get("query")) or _entity(annotation.get("query"))
    (frame,) = REGISTRY.answer(Query("incident_regions", start, end, asked), snapshot, "")
    columns = {field.name: list(field.values) for field in frame.fields}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return json_response([row | {"annotation": annotation, "tags": row["tags"].split(",")} for row in rows])


def _entity(text: Any) -> dict[str, tuple[str, ...]]:
    return {"entity": (text,)} if isinstance(text, str) and text.strip() else {}


def _panel_json(panel: Panel, snapshot: Snapshot | None) -> dict[str, Any]:
    payloads = [
        {
            "name": one.name,
            "label": one.label,
            "type": "input" if one.free else "multi-select" if one.multiple else "select",
            "placeholder": one.placeholder or "All",
            "reloadMetric": False,
            "width": 40,
            "options": _options(one, snapshot),
        }
        for one in panel.parameters
    ]
    return {"value": panel.name, "label": panel.label, "payloads": payloads}


def _options(parameter: Parameter, snapshot: Snapshot | None) -> list[dict[str, str]]:
    if snapshot is None:
        return []
    return [{"label": label, "value": value} for value, label in parameter.options(snapshot)]


def _labels(snapshot: Snapshot) -> list[str]:
    names = [label for entity in snapshot.settings.entities.values() for label in entity.labels]
    return list(dict.fromkeys((*names, "signal")))


def _label_values(snapshot: Snapshot, label: str) -> list[str]:
    if label == "signal":
        return list(snapshot.settings.signals)
    return sorted({value for entity in snapshot.entities for name, value in entity.labels if name == label})
