"""A ranking of root causes from files: a normal time, an incident, and what is known of calls, graph and roles."""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from datasource.causes.ranking.levels import CALL
from datasource.causes.ranking.measured_calls import measured_calls
from datasource.causes.ranking.rank import Ranking, rank
from datasource.data import Entity, Matrix, Variable, count_absent_failures
from datasource.data.counters import counter_notices
from datasource.data.csv.calls import NamedCall
from datasource.data.csv.files import CsvData, read_csv
from datasource.data.csv.join import join_csv
from datasource.data.csv.options import CsvOptions
from datasource.data.csv.table import Readable
from datasource.data.shares import recognise_shares
from datasource.replay.file_calls import entity_pairs
from datasource.settings import Role, Rule, SettingsError, Signal
from datasource.settings.model import Graph
from datasource.settings.yaml_file import read_yaml

_SHOWN = 8
_NOTHING_KNOWN = CsvOptions()
_FORM = "write 'signal: role' a line, or 'signal: {role: ..., unit: ..., kind: ...}'"


@dataclass(frozen=True)
class RankedFiles:
    """A ranking, and what was found out and left out on the way."""

    ranking: Ranking
    symptom: Variable | None
    notices: tuple[str, ...]


def rank_files(
    baseline: CsvData,
    incident: CsvData,
    *,
    symptom: str | None = None,
    graph: Graph | None = None,
    calls: Sequence[NamedCall] = (),
    roles: Mapping[str, Mapping[str, Any]] | None = None,
) -> RankedFiles:
    """Rank the variables of two times. Raises SettingsError where `symptom` or `roles` name what they do not have, and
    where the two times, or calls and services, do not fit."""
    guessed = {**incident.signals, **baseline.signals}
    recognised = [recognise_shares(guessed, one.matrix) for one in (baseline, incident)]
    shares = next((one for one in recognised if one.notices), recognised[0])
    signals = _with_roles(shares.signals, roles or {})
    _refuse_calls_that_do_not_fit(baseline.matrix, incident.matrix, signals)
    variables = dict.fromkeys((*baseline.matrix.variables, *incident.matrix.variables))
    before, now = (_with_absent_failures(one.matrix, signals, variables) for one in (baseline, incident))
    entities = {variable.entity for variable in variables}
    pairs = _pairs(calls, graph, signals, entities)
    notices = [*dict.fromkeys((*baseline.notices, *incident.notices, *shares.notices))]
    notices += counter_notices(signals, baseline.matrix, incident.matrix)
    measured = any(variable.entity.type == CALL for variable in variables)
    if not (pairs or measured):
        notices.append("nobody is known to call anybody (--calls): who only waits for another is harder to tell apart")
    for here, there, where in ((before, now, "incident"), (now, before, "baseline")):
        missing = [str(v) for v in here.variables if v not in there and v.entity.type != CALL]
        if missing:
            judged = "" if measured else ", and not judged"
            notices.append(f"not measured in the {where}{judged}: {_some(missing)}")
    if not set(baseline.matrix.variables) & set(incident.matrix.variables):
        raise SettingsError(
            f"the files have nothing in common: the baseline has {_some([str(v) for v in baseline.matrix.variables])}, "
            f"the incident {_some([str(v) for v in incident.matrix.variables])}; name wide columns 'service.signal', "
            "or give the column that holds the service (--entity)"
        )
    if all(signals[variable.signal].role in (None, "load", "event") for variable in variables):
        raise SettingsError(
            f"no signal is known to be latency, failure, work or saturation ({_some(signals)}); {_FORM}"
        )
    found = _variable(symptom, list(variables)) if symptom else None
    ranking = rank(before, now, signals, pairs, found)
    if ranking.outside:
        notices.append(
            f"the cause may be outside: the likeliest service calls {_some([str(e) for e in ranking.outside])}, "
            "which nobody measures"
        )
    return RankedFiles(ranking, found, tuple(notices))


def joined_files(paths: Sequence[Readable], options: CsvOptions = _NOTHING_KNOWN) -> CsvData:
    """Files of the same time as one; what has a client and a server becomes calls. Raises CsvError.

    A call's seconds are sums, as seen by the client unless the signal's name says server. A signal that is also one of
    services is called `call_...`.
    """
    parts = [read_csv(path, options) for path in paths]
    services = {name for part in parts if not _of_calls(part) for name in part.signals}
    return join_csv([_as_calls(part, services) if _of_calls(part) else part for part in parts], options.roles)


def _of_calls(data: CsvData) -> bool:
    return all({"client", "server"} <= {label for label, _ in v.entity.labels} for v in data.matrix.variables)


def _as_calls(data: CsvData, services: Collection[str]) -> CsvData:
    names = {name: f"{CALL}_{name}" if name in services else name for name in data.signals}
    signals = {names[name]: _of_call(name, signal) for name, signal in data.signals.items()}
    variables = tuple(Variable(Entity(CALL, v.entity.labels), names[v.signal]) for v in data.matrix.variables)
    matrix = Matrix(variables, data.matrix.start, data.matrix.step, data.matrix.values)
    return CsvData(matrix, signals, data.notices, data.has_time)


def _of_call(name: str, signal: Signal) -> Signal:
    words = name.lower().split("_")
    role = "work" if words[-1] == "seconds" else signal.role
    return signal.model_copy(update={"entity": CALL, "role": role, "end": "server" if "server" in words else "client"})


def _refuse_calls_that_do_not_fit(baseline: Matrix, incident: Matrix, signals: Mapping[str, Signal]) -> None:
    """Raises SettingsError where calls are measured on one side only, or not between the services."""
    sides = [{v.entity for v in matrix.variables if v.entity.type == CALL} for matrix in (baseline, incident)]
    if not any(sides):
        return
    for there, here, other in ((0, "baseline", "incident"), (1, "incident", "baseline")):
        if not sides[1 - there]:
            raise SettingsError(
                f"calls are measured in the {here} only; give a file of the same calls with --{other}, or none"
            )
    services = {v.entity for matrix in (baseline, incident) for v in matrix.variables if v.entity.type != CALL}
    if not services:
        raise SettingsError("the files hold calls alone; give a file of the services beside them, with their requests")
    measured = measured_calls(baseline, incident, signals, tuple(services))
    if not measured.entities:
        raise SettingsError("no signal of the calls is known to be load; name the column of their number 'calls'")
    if (measured.client < 0).all() and (measured.server < 0).all():
        raise SettingsError(
            f"the calls and the services have nothing in common: calls are between {_some(measured.names[0])}, "
            f"services are {_some([str(entity) for entity in services])}"
        )


def _with_absent_failures(matrix: Matrix, signals: Mapping[str, Signal], known: Collection[Variable]) -> Matrix:
    """The matrix with zero failures where a variable that either file has is absent, and its entity has load."""
    counted = count_absent_failures(matrix, signals)
    if counted is matrix:
        return matrix
    return counted.select([variable for variable in counted.variables if variable in known])


Roles = Mapping[str, str | Mapping[str, Any]]
"""By signal its role, or a block of role, unit, kind and end."""


def load_roles(given: str | os.PathLike[str] | Roles) -> dict[str, dict[str, Any]]:
    """Roles, units and kinds by signal, from a YAML file where it is a path. Raises SettingsError."""
    data, path = (given, "roles") if isinstance(given, Mapping) else (read_yaml(given, "roles"), given)
    if not isinstance(data, Mapping) or not data:
        raise SettingsError(f"{path}: holds no roles; {_FORM}")
    found: dict[str, dict[str, Any]] = {}
    for name, said in data.items():
        block = dict(said) if isinstance(said, Mapping) else {"role": said}
        if unknown := set(block) - {"role", "unit", "kind", "end"}:
            raise SettingsError(f"{path}: '{name}' has an unknown '{min(map(str, unknown))}'; {_FORM}")
        role = block.get("role")
        if role is not None and role not in get_args(Role):
            raise SettingsError(f"{path}: '{name}' has the role '{role}'; roles are {', '.join(get_args(Role))}")
        if block.get("kind", "gauge") not in ("gauge", "rate", "quantile", "event"):
            raise SettingsError(f"{path}: '{name}' has the kind '{block['kind']}'; gauge, rate, quantile or event")
        if block.get("end", "client") not in ("client", "server"):
            raise SettingsError(f"{path}: '{name}' has the end '{block['end']}'; client or server")
        found[str(name)] = {**block, **({"unit": str(block["unit"])} if "unit" in block else {})}
    return found


def _with_roles(signals: Mapping[str, Signal], roles: Mapping[str, Mapping[str, Any]]) -> dict[str, Signal]:
    """A role may be said for a signal, or, as `web.latency`, for that of any one entity."""
    found = dict(signals)
    for name, said in roles.items():
        signal = name if name in found else name.rpartition(".")[2]
        if signal not in found:
            raise SettingsError(f"the roles name '{name}', which the files do not have; they have {_some(found)}")
        found[signal] = found[signal].model_copy(update=dict(said))
    return found


def _variable(text: str, variables: Sequence[Variable]) -> Variable:
    found = [v for v in variables if text in (str(v), f"{v.entity.name}.{v.signal}", f"{v.entity.name}_{v.signal}")]
    if not found:
        near = [str(v) for v in variables if str(v.entity) == text.rpartition(".")[0]] or [str(v) for v in variables]
        raise SettingsError(f"the symptom '{text}' is in neither file; write it as service.signal, e.g. {_some(near)}")
    if len(found) > 1:
        raise SettingsError(f"the symptom '{text}' may be {_some([str(v) for v in found])}; write the whole name")
    return found[0]


def _pairs(
    calls: Sequence[NamedCall], graph: Graph | None, signals: Mapping[str, Signal], entities: Collection[Entity]
) -> tuple[tuple[Entity, Entity], ...]:
    """(caller, callee): as listed, and as the graph's edges between entities imply; callees may be unmeasured."""
    implied = [call for rule in (*graph.edges, *graph.templates) if (call := _implied(rule, signals))] if graph else []
    by_name: dict[str, Entity] = {}
    for entity in sorted(entities):
        by_name.setdefault(entity.name, entity)
    by_name |= {str(entity): entity for entity in entities}
    return tuple(
        dict.fromkeys(
            (by_name[pair.cause], by_name.get(pair.effect) or Entity("service", (("service", pair.effect),)))
            for pair in entity_pairs([*calls, *implied], entities)
            if pair.cause in by_name
        )
    )


def _implied(rule: Rule, signals: Mapping[str, Signal]) -> NamedCall | None:
    """Load goes from caller to callee; everything else an effect gets from those it calls."""
    cause, effect = _parts(rule.cause, signals), _parts(rule.effect, signals)
    if rule.relation or not (cause[0] and effect[0]) or cause[0] == effect[0]:
        return None
    load = all(name in signals and signals[name].role == "load" for name in (cause[1], effect[1]))
    return NamedCall(cause[0], effect[0]) if load else NamedCall(effect[0], cause[0])


def _parts(name: str, signals: Mapping[str, Signal]) -> tuple[str, str]:
    """Entity and signal; a name without a signal of the files is an entity's."""
    entity, _, signal = name.rpartition(".")
    if signal in signals:
        return entity, signal
    return name, ""


def _some(names: Collection[str]) -> str:
    shown = list(names)[:_SHOWN]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")
