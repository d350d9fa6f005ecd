"""Settings for what a file holds: guessed from it, or the operator's with the file's columns laid under them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from datasource.data import Entity, Matrix, Roles, Variable
from datasource.data.csv.calls import NamedCall
from datasource.data.csv.files import CsvData
from datasource.data.csv.layout import some
from datasource.data.shares import recognise_shares
from datasource.graph import default_effects, default_templates
from datasource.replay.file_calls import entity_pairs, relation_of_file
from datasource.settings import Effect, Relation, Settings, SettingsError, format_duration
from datasource.settings.consistency import find_inconsistencies
from datasource.settings.model import EntityType, Evaluation, Graph
from datasource.settings.prometheus import Prometheus

CALLS = "calls"
FEWEST_POINTS = 30
_SHOWN = 8
_NOWHERE = Prometheus(url="http://no.prometheus")


def guessed_settings(
    data: CsvData, graph: Graph | None = None, calls: Sequence[NamedCall] = ()
) -> tuple[Settings, CsvData]:
    """Settings for a file that comes alone: its whole time is the baseline, and the graph follows from the roles.

    Where no signal's name tells a role that alarms, those that tell none are judged as saturation is, in the data's
    signals too. Raises SettingsError where `graph` names what the file does not have.
    """
    recognised = recognise_shares(data.signals, data.matrix)
    data = replace(data, signals=recognised.signals, notices=(*data.notices, *recognised.notices))
    data = _judged_by_default(_lone_successes(data))
    matrix = data.matrix
    entities = {variable.entity for variable in matrix.variables}
    types = {entity.type: EntityType(labels=tuple(label for label, _ in entity.labels)) for entity in sorted(entities)}
    rules = entity_pairs(calls, entities)
    relations = {CALLS: Relation(source="list", pairs=rules)} if rules else {}
    graph = graph or Graph(templates=default_templates(data.signals, CALLS if rules else ""))
    causes = {rule.cause.rpartition(".")[2] for rule in (*graph.templates, *graph.edges)}
    span = float(matrix.step * matrix.values.shape[1])
    settings = Settings(
        prometheus=_NOWHERE,
        step=float(matrix.step),
        baseline=span,
        full_resolution=span,
        entities=types,
        signals=data.signals,
        relations=relations,
        graph=graph,
        effects=tuple(Effect(treatment=t, outcome=o) for t, o in default_effects(data.signals) if t in causes),
        evaluation=Evaluation(warm_up=_warm_up(matrix)),
    )
    return _sound(settings, "the graph"), data


def _lone_successes(data: CsvData) -> CsvData:
    """How many succeed says nothing where nobody counts how many should: of no role then, but a share where it is
    never above 1."""
    roles, matrix = Roles(data.signals), data.matrix
    loaded = {v.entity for v in matrix.variables if roles.role(v) == "load"}
    counted = {v.signal for v in matrix.variables if roles.share(v) or v.entity in loaded}
    alone = [name for name, one in data.signals.items() if one.role == "success" and name not in counted]
    rows = zip(matrix.variables, np.nanmax(matrix.values, axis=1), strict=True) if alone else ()
    many = {variable.signal for variable, highest in rows if highest > 1}
    changed = {
        name: data.signals[name].model_copy(update={"role": None} if name in many else {"unit": "percentunit"})
        for name in alone
    }
    return replace(data, signals=data.signals | changed)


def _judged_by_default(data: CsvData) -> CsvData:
    """Somebody who brings series of no known role wants to know when they are anomalous: above or below."""
    roles = Roles(data.signals)
    unknown = [name for name, signal in data.signals.items() if signal.role is None]
    if any(roles.alarms(variable) for variable in data.matrix.variables):
        if not unknown:
            return data
        have = "has" if len(unknown) == 1 else "have"
        said = f"{some(unknown)} {have} no role by name, and no alarm: give one, as --role {unknown[0]}=saturation"
        return replace(data, notices=(*data.notices, said))
    if not unknown:
        known = " and ".join(sorted({str(signal.role) for signal in data.signals.values()}))
        said = (
            f"nothing here alarms: by their names, the columns are {known}, of which neither too much nor too little "
            "is a fault; to be told when they are anomalous, give them names that tell no role, as 'value'"
        )
        return replace(data, notices=(*data.notices, said))
    role = "its role" if len(unknown) == len(data.signals) else "a role that alarms"
    who = f"{unknown[0]} is" if len(unknown) == 1 else "all are" if role == "its role" else f"{_some(unknown)} are"
    said = (
        f"no column's name tells {role}: {who} judged, above and below what is expected; names as cpu, latency or "
        "errors, or --config, say it better"
    )
    judged = {name: data.signals[name].model_copy(update={"role": "saturation"}) for name in unknown}
    return replace(data, signals=data.signals | judged, notices=(*data.notices, said))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def settings_for(
    settings: Settings, data: CsvData, graph: Graph | None = None, calls: Sequence[NamedCall] = ()
) -> tuple[Settings, CsvData]:
    """The operator's settings on a file: columns are matched to signals by name, the queries are ignored.

    The step is the file's, the baseline the newest part of it that the settings ask for. A relation that would be
    read from a server is taken from `calls`, else from the calls that the file measures. Raises SettingsError.
    """
    matrix, notices = _under(settings, data)
    if matrix.step != settings.step:
        notices.append(f"the file has a step of {format_duration(matrix.step)}, the settings of {settings.step:g} s")
    changed: dict[str, Any] = {"step": float(matrix.step), "graph": graph or settings.graph}
    if settings.quiet_times and not data.has_time:
        changed["quiet_times"] = ()
        notices.append("the file has no time column, and so no quiet_times; name one with --time")
    own = settings.model_copy(update=changed)
    relations = dict(own.relations)
    for name in [*own.relations] or [CALLS] * bool(calls):
        relations |= relation_of_file(own, name, matrix, calls)
    fitted = _sound(own.model_copy(update={"relations": relations}), "the settings on this file")
    newest = matrix.between(matrix.end - (fitted.recent_points - 1) * matrix.step, matrix.end)
    return fitted, CsvData(newest, dict(settings.signals), (*data.notices, *notices), data.has_time)


def _sound(settings: Settings, what: str) -> Settings:
    findings = [text for place, text in find_inconsistencies(settings) if place[0] in ("graph", "relations")]
    if findings:
        raise SettingsError(f"{what}: {findings[0]}")
    return settings


def _warm_up(matrix: Matrix) -> int:
    """Half of a short file, so that there is something to judge; never less than 30 points."""
    points = int(np.isfinite(matrix.values).any(axis=0).sum())
    return min(120, max(FEWEST_POINTS, points // 2))


def _under(settings: Settings, data: CsvData) -> tuple[Matrix, list[str]]:
    """The file's variables as the settings name them, and what has no place there."""
    kept: list[Variable] = []
    rows: list[int] = []
    unknown: dict[str, None] = {}
    misfits: dict[str, None] = {}
    for row, variable in enumerate(data.matrix.variables):
        signal = settings.signals.get(variable.signal)
        if signal is None:
            unknown[variable.signal] = None
            continue
        labels = settings.entities[signal.entity].labels
        values = _label_values(variable.entity, labels)
        if values is None:
            misfits[f"{variable.entity} does not say {', '.join(labels)}, as entity '{signal.entity}' needs"] = None
            continue
        kept.append(Variable(Entity(signal.entity, tuple(zip(labels, values, strict=True))), variable.signal))
        rows.append(row)
    if not kept:
        reason = next(
            iter(misfits), f"its signals are {', '.join(unknown)}; the settings' {', '.join(settings.signals)}"
        )
        raise SettingsError(f"no column of the file belongs to a signal of the settings: {reason}")
    matrix = Matrix(tuple(kept), data.matrix.start, data.matrix.step, data.matrix.values[rows])
    notices = [f"left out, since the settings have no such signal: {', '.join(unknown)}"] if unknown else []
    shown = list(misfits)[:3]
    return matrix, [*notices, *shown, *([f"and {len(misfits) - 3} more like these"] if len(misfits) > 3 else [])]


def _label_values(entity: Entity, labels: Sequence[str]) -> tuple[str, ...] | None:
    """The values of an entity's labels: by name where it has them, else by place where there are as many."""
    there = dict(entity.labels)
    if set(labels) <= set(there):
        return tuple(there[label] for label in labels)
    if len(there) == len(labels):
        return tuple(there.values())
    if len(labels) == 1:
        return (str(entity),)
    parts = str(entity).split("/")
    return tuple(parts) if len(parts) == len(labels) and all(parts) else None
