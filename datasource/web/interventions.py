"""The log of interventions: read here, and written by whoever shows a token for that."""

import logging
import time
from collections.abc import Callable, Mapping
from math import inf
from typing import Any

from flask import Blueprint, Response, g, request
from werkzeug.exceptions import RequestEntityTooLarge

from datasource.effects.study import StudyError
from datasource.interventions import (
    InterventionError,
    InterventionLog,
    KeyTakenError,
    UnknownInterventionError,
    Written,
)
from datasource.interventions.deploys import Versions
from datasource.panels import QueryError
from datasource.service import Snapshot
from datasource.service.deploys import compared_rows
from datasource.service.intervention_impact import (
    Asked,
    impact_document,
    impact_of,
    power_of,
    verdict_document,
    verdicts_of,
)
from datasource.service.next_experiment import next_documents, next_trials
from datasource.store import StoreError
from datasource.web.json_datasource import cached, clock, waiting
from datasource.web.parse import body, time_of
from datasource.web.render import error_response, json_response, to_json

log = logging.getLogger(__name__)

routes = Blueprint("interventions", __name__)
writes = Blueprint("intervention_writes", __name__)

_MOST_BYTES = 256 * 1024
_LARGEST = 7 * 86400
_SOON = 366 * 86400
_STATES = ("active", "ended", "planned")


@routes.get("/api/v1/interventions")
def interventions() -> Response:
    """Interventions, the one that began last first; `?state=`, `?target=`, `?kind=`, `?from=` and `?to=` leave out,
    `?key=` asks for the one that was recorded under it."""
    asked = {name: request.args.getlist(name) for name in ("state", "target", "kind")}
    if wrong := [state for state in asked["state"] if state not in _STATES]:
        raise QueryError(f"there is no state '{wrong[0][:100]}'; known are {', '.join(_STATES)}")
    start = time_of(request.args["from"]) if request.args.get("from") else -inf
    end = time_of(request.args["to"]) if request.args.get("to") else inf
    now, key = time.time(), request.args.get("key", "")
    shown = [
        row
        for row in (one.row(now) for one in ([_log().under(key)] if key else _log().all()))
        if (not asked["state"] or row["state"] in asked["state"])
        and (not asked["kind"] or row["kind"] in asked["kind"])
        and (not asked["target"] or set(asked["target"]) & set(row["targets"]))
        and row["start"] <= end
        and (row["end"] is None or row["end"] >= start)
    ]
    return json_response(shown)


@routes.get("/api/v1/interventions/<int:id>")
def intervention(id: int) -> Response:
    """One intervention, and every entry of the log on it."""
    found = _log().one(id).row(time.time())
    return json_response(found | {"history": [vars(entry) for entry in _log().entries(id)]})


@routes.get("/api/v1/interventions/<int:id>/impact")
def impact(id: int) -> Response:
    """What it changed in the variable `?outcome=`, against `?control=` if named; `?settle=` seconds are left out."""
    snapshot, one = clock().snapshot, _log().one(id)
    if snapshot is None:
        return error_response(503, waiting())
    name = request.args.get("outcome", "")
    if not name:
        raise QueryError("say of what, as ?outcome=shop/web.latency")
    settle = request.args.get("settle", 0.0, _not_negative)
    asked, every = Asked(one, name, tuple(request.args.getlist("control")), settle), _log().all()

    def compute() -> bytes:
        found = impact_of(asked, snapshot, every)
        return to_json(impact_document(one, found, snapshot.settings.signals[found.outcome.signal].unit))

    return _answered(snapshot, (asked, every), compute)


@routes.get("/api/v1/interventions/<int:id>/verdicts")
def edges(id: int) -> Response:
    """What it says of the edges out of its targets: confirmed, refuted or undecided, with the numbers."""
    snapshot, one, every = clock().snapshot, _log().one(id), _log().all()
    if snapshot is None:
        return error_response(503, waiting())
    return _answered(
        snapshot,
        every,
        lambda: to_json([verdict_document(verdict) for verdict in verdicts_of(one, snapshot, every)]),
    )


@routes.get("/api/v1/interventions/verify")
def verify() -> Response:
    """Whether the log is as it was written; `?known=` is a digest that was noted before."""
    found = _log().verify(request.args.get("known", ""))
    return json_response({"whole": not found.broken, **found._asdict()})


@routes.get("/api/v1/interventions/next")
def next_ones() -> Response:
    """The cheapest experiments and measurements that would tell: of `?incident=` its cause, else edges of the graph at
    `?about=`."""
    snapshot = clock().snapshot
    if snapshot is None:
        return error_response(503, waiting())
    incident, about = request.args.get("incident", ""), tuple(request.args.getlist("about"))
    return _answered(
        snapshot,
        (incident, about),
        lambda: to_json(next_documents(next_trials(snapshot, incident, about), snapshot)),
    )


@routes.get("/api/v1/deploys")
def deploys() -> Response:
    """Whether `?version=` is worse than `?against=`, told apart by `?label=`, beyond `?tolerate=` percent."""
    snapshot = clock().snapshot
    if snapshot is None:
        return error_response(503, waiting())
    new, old = request.args.get("version", ""), request.args.get("against", "")
    if not (new and old):
        raise QueryError("name both versions, as ?version=v2&against=v1")
    versions = Versions(request.args.get("label", "version"), new, old)
    tolerated = request.args.get("tolerate", 0.0, _not_negative) / 100

    def compute() -> bytes:
        return to_json(compared_rows(snapshot.matrix, snapshot.settings.signals, versions, tolerated))

    return _answered(snapshot, (versions, tolerated), compute)


@routes.get("/api/v1/experiments")
def experiments() -> Response:
    """What may be run, when it is due next, and how many blocks it needs."""
    snapshot, block = clock().snapshot, clock().settings.experiments
    now = time.time()
    rows = []
    for name, plan in block.plans.items():
        try:
            power = power_of(plan, snapshot) if snapshot else ""
        except StudyError as error:
            power = str(error)
        rows.append(
            {
                "experiment": name,
                "allowed": name in block.allow,
                "dry_run": block.dry_run,
                "kind": plan.kind,
                "targets": plan.targets,
                "outcome": plan.outcome,
                "guards": plan.guarded,
                "blocks": plan.blocks,
                "block": plan.block,
                "seconds": plan.seconds,
                "next": next(plan.begins(now, now + _SOON), None),
                "power": power,
            }
        )
    return json_response(rows)


@writes.post("/api/v1/experiments/<name>/run")
def run_experiment(name: str) -> Response:
    """Run one that is allowed, now; or with `dry_run` say what would be done."""
    said, _ = _said()
    if said.get("dry_run") or clock().settings.experiments.dry_run:
        return json_response({"experiment": name, "steps": clock().experimenter.dry_run(name)})
    clock().experimenter.ask(name)
    log.info("experiment %s is run with the token '%s'", name, g.visitor.name)
    return json_response({"experiment": name, "message": "it begins within seconds"}, 202)


@writes.post("/api/v1/interventions")
def record() -> Response:
    """Write an intervention down."""
    said, key = _said()
    return _written(_log().record(said, g.visitor.name, key))


@writes.post("/api/v1/interventions/<int:id>/correct")
def correct(id: int) -> Response:
    """Say something else or something more of an intervention."""
    said, key = _said()
    return _written(_log().correct(id, said, g.visitor.name, key))


@writes.post("/api/v1/interventions/<int:id>/end")
def end(id: int) -> Response:
    """It ends now, or at the `end` of the body; one that has ended stays as it is."""
    said, key = _said()
    known = _log().one(id)
    if known.end is not None and "end" not in said:
        return json_response({"intervention": known.row(time.time()), "message": "it has ended already"})
    return _written(_log().correct(id, {"end": max(int(time.time()), known.start + 1), **said}, g.visitor.name, key))


@routes.app_errorhandler(InterventionError)
def refused(error: InterventionError) -> Response:
    """What cannot be written, and what to change."""
    known = {UnknownInterventionError: 404, KeyTakenError: 409}
    return error_response(known.get(type(error), 400), str(error))


@routes.app_errorhandler(StoreError)
def lost(error: StoreError) -> Response:
    """The log cannot be read or written now."""
    return error_response(503, f"the log of interventions cannot be used: {error}")


def _answered(snapshot: Snapshot, question: object, compute: Callable[[], bytes]) -> Response:
    """What is computed of the log and a snapshot, once. Raises QueryError."""
    try:
        return cached(snapshot, question, compute)
    except StudyError as error:
        raise QueryError(str(error)) from None


def _not_negative(text: str) -> float:
    value = float(text)
    if not 0 <= value <= _LARGEST:
        raise ValueError
    return value


def _log() -> InterventionLog:
    return clock().interventions


def _said() -> tuple[Mapping[str, Any], str]:
    """What a body says, and its key. Raises QueryError."""
    request.max_content_length = _MOST_BYTES
    try:
        said = body(request)
    except RequestEntityTooLarge:
        raise InterventionError(f"the body is longer than {_MOST_BYTES // 1024} KiB; say less") from None
    key = said.pop("key", "")
    if not isinstance(key, str):
        raise QueryError("'key' is not a text; put it in quotes")
    return said, key


def _written(written: Written) -> Response:
    one, entry = written.intervention, written.entry
    if written.new:
        log.info("entry %d on intervention %d with the token '%s'", entry.number, one.id, entry.who)
    row = one.row(time.time())
    told = "it is written down" if written.new else "it was written down already"
    said = {"intervention": row, "entry": entry.number, "digest": entry.digest, "message": told}
    return json_response(said, 201 if written.new else 200)
