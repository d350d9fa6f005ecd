"""What each service shows during an incident: inside, in seconds and failures per request, and waiting for others."""

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasource.causes.ranking.constants import ENOUGH, FIRM, HALF_MATERIAL
from datasource.causes.ranking.per_request import counting_error, ones, per_request
from datasource.causes.ranking.shift import Shifts, shifts
from datasource.causes.ranking.stopped import falls
from datasource.data import Entity, Floats, Matrix, Variable
from datasource.data.roles import WAITING
from datasource.settings import Signal

CALL = "call"
"""The entity type of calls between services, which are no services themselves."""
SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


@dataclass(frozen=True)
class Levels:
    """Shifts by variable, and what they mean by service.

    `evidence` is what a variable says for its own service being abnormal, 0 or more. By service: `inside` the largest
    evidence of a resource; `latency` and `failures` the change per request (seconds, ratio) of the variable `slowest`
    and `failing` (its place, -1 where there is none), `latency_z` and `failures_z` in standard deviations; `slow` the
    largest z of any latency; `waiting` that of latencies as the service sees them of others, NaN where not measured;
    `requests` the mean load during the incident, NaN where not measured.
    """

    variables: tuple[Variable, ...]
    roles: tuple[str, ...]
    shifts: Shifts
    evidence: Floats
    services: tuple[Entity, ...]
    owner: NDArray[np.int64]
    inside: Floats
    requests: Floats
    slowest: NDArray[np.int64]
    failing: NDArray[np.int64]
    latency: Floats
    latency_z: Floats
    slow: Floats
    waiting: Floats
    failures: Floats
    failures_z: Floats


def squash(z: Floats) -> Floats:
    """Evidence of a deviation in standard deviations: log(1 + z / 4) in units of what it is at 6, 0 below 0."""
    found: Floats = np.log1p(np.maximum(np.nan_to_num(z), 0.0) / FIRM) / np.log1p(ENOUGH / FIRM)
    return found


def material(change: Floats, usual: Floats) -> Floats:
    """How much a change matters next to the usual level: half where it is half of it, all of it where that is 0."""
    size = np.abs(change) / np.where(np.abs(usual) > 0, np.abs(usual), np.nan)
    found: Floats = np.nan_to_num(size / (size + HALF_MATERIAL), nan=1.0)
    return found


def read_levels(baseline: Matrix, incident: Matrix, signals: Mapping[str, Signal]) -> Levels:
    """Lay both times side by side, see work and failures per request, and summarise by service; calls are left out."""
    baseline, incident = _without_calls(baseline), _without_calls(incident)
    variables = tuple(dict.fromkeys((*baseline.variables, *incident.variables)))
    services = tuple(dict.fromkeys(variable.entity for variable in variables))
    place = {entity: number for number, entity in enumerate(services)}
    owner = np.array([place[variable.entity] for variable in variables], dtype=np.int64)
    before, now = lay(baseline, variables), lay(incident, variables)
    roles: list[str] = [signals[variable.signal].role or "" for variable in variables]
    load = _load_rows(before, now, roles, owner, len(services))
    loads = _by_owner(before, load, owner), _by_owner(now, load, owner)
    one = ones(before, now, roles)
    roles = per_request(before, now, loads, roles, [signals[v.signal].unit for v in variables])
    explains = np.array([role in ("saturation", "latency", "work", "failure") for role in roles])
    traffic = [np.where(explains[:, None], rows, np.nan) for rows in loads]
    least = counting_error(before, loads, roles, one, incident.step)
    queues = np.array([role in ("latency", "work") for role in roles], dtype=np.bool_)
    found = shifts(before, now, [v.signal for v in variables], traffic[0], traffic[1], least, queues)
    return _summarise(variables, roles, found, services, owner, signals, _requests(loads[1], owner, len(services)))


def _summarise(
    variables: tuple[Variable, ...],
    roles: Sequence[str],
    found: Shifts,
    services: tuple[Entity, ...],
    owner: NDArray[np.int64],
    signals: Mapping[str, Signal],
    requests: Floats,
) -> Levels:
    count = len(services)
    z = np.nan_to_num(found.z)
    size = material(found.change, found.usual)
    evidence = squash(z)
    used = np.array([role == "saturation" for role in roles])
    fallen, left = falls(found, [v.signal for v in variables], owner, used)
    less = squash(fallen) * left / (left + HALF_MATERIAL)
    inside, slow, waiting = np.zeros(count), np.zeros(count), np.full(count, np.nan)
    slowest, failing = np.full(count, -1), np.full(count, -1)
    preference = np.zeros(count)
    for i, (role, variable) in enumerate(zip(roles, variables, strict=True)):
        s = owner[i]
        if role == "saturation":
            evidence[i] = max(evidence[i] * size[i], less[i])
            inside[s] = max(inside[s], evidence[i])
        elif role == "latency" and WAITING.search(variable.signal.lower()):
            waiting[s] = np.fmax(waiting[s], z[i])
        elif role in ("latency", "work"):
            slow[s] = max(slow[s], z[i])
            if np.isfinite(found.z[i]) and (prefer := _preference(variable, role, signals)) > preference[s]:
                preference[s], slowest[s] = prefer, i
        elif role == "failure":
            if failing[s] < 0 or z[i] > z[failing[s]]:
                failing[s] = i
        else:
            evidence[i] = 0.0
    unit = np.array([SECONDS.get(signals[v.signal].unit.lower(), 1.0) for v in variables])
    change = np.nan_to_num(found.change)
    has_latency, has_failures = slowest >= 0, failing >= 0
    return Levels(
        variables,
        tuple(roles),
        found,
        evidence,
        services,
        owner,
        inside,
        requests,
        slowest,
        failing,
        np.where(has_latency, (change * unit)[slowest], 0.0),
        np.where(has_latency, z[slowest], 0.0),
        slow,
        waiting,
        np.where(has_failures, change[failing], 0.0),
        np.where(has_failures, np.maximum(z[failing], 0.0), 0.0),
    )


def _preference(variable: Variable, role: str, signals: Mapping[str, Signal]) -> float:
    """Means are conserved along calls (2 and more); of quantiles, which are not, the lowest is next to it."""
    if role == "work":
        return 3.0
    if signals[variable.signal].kind != "quantile":
        return 2.0
    digits = re.findall(r"\d+", variable.signal) or ["50"]
    return 1.0 - 0.9 * float(f"0.{digits[-1]}")


def _without_calls(matrix: Matrix) -> Matrix:
    services = [variable for variable in matrix.variables if variable.entity.type != CALL]
    return matrix if len(services) == len(matrix.variables) else matrix.select(services)


def lay(matrix: Matrix, variables: Sequence[Variable | None]) -> Floats:
    """The rows of these variables, NaN of those that the matrix does not have."""
    missing = np.full(matrix.values.shape[1], np.nan)
    rows = [matrix.row(one) if one is not None and one in matrix else missing for one in variables]
    return np.array(rows).reshape(len(variables), matrix.values.shape[1])


def _load_rows(
    before: Floats, now: Floats, roles: Sequence[str], owner: NDArray[np.int64], services: int
) -> NDArray[np.int64]:
    """The first row of each service that counts its requests, -1 where there is none."""
    load = np.full(services, -1)
    for i, role in enumerate(roles):
        if role == "load" and load[owner[i]] < 0 and (before[i] > 0).any() and np.isfinite(now[i]).any():
            load[owner[i]] = i
    return load


def _by_owner(values: Floats, load: NDArray[np.int64], owner: NDArray[np.int64]) -> Floats:
    at = load[owner]
    rows: Floats = np.where((at >= 0)[:, None], values[np.maximum(at, 0)], np.nan)
    return rows


def _requests(load_now: Floats, owner: NDArray[np.int64], services: int) -> Floats:
    requests = np.full(services, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        requests[owner] = np.nanmean(load_now, axis=1)
    return requests
