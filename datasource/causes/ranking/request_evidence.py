"""What changed in what services do for a request, where the calls between them or their log lines are measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from datasource.causes.ranking.constants import MANY
from datasource.causes.ranking.levels import material, squash
from datasource.causes.ranking.measured_calls import MeasuredCalls
from datasource.causes.ranking.ratios import RatioShifts, ratio_shifts
from datasource.causes.ranking.rows import Rows, ServiceRows, added, at_ends, largest, less, pick, zero_where
from datasource.data import Entity, Floats, Matrix, Variable
from datasource.settings import Signal

_KINDS = {
    "own": "own seconds per request",
    "failures": "failures per request",
    "activity": "calls, log lines or operations per request",
    "network": "its calls on their way",
    "stopped": "no more requests",
}


@dataclass(frozen=True)
class RequestEvidence:
    """By service, evidence (0 or more) of several kinds.

    - `own`: more seconds per request, less those of the calls that it waits for; `own_change` in seconds, `own_z` in
      standard deviations; NaN where not measured.
    - `failures`: more failures per request, less those of the services that it calls; NaN where not measured.
    - `activity`: more or fewer calls, log lines or operations per request.
    - `network`: more client less server seconds in many of the calls that it makes and gets.
    - `stopped`: no more requests, though its callers have some.

    By call, `wire`: more client less server seconds than the networks of both ends explain. By variable, `says`: what
    it says for its own entity.
    """

    own: Floats
    own_change: Floats
    own_z: Floats
    failures: Floats
    activity: Floats
    network: Floats
    stopped: Floats
    wire: Floats
    says: Mapping[Variable, float]

    def changed(self, place: int) -> tuple[float, str]:
        """The largest evidence of a service, and its kind in words."""
        return max((float(np.nan_to_num(getattr(self, kind)[place])), words) for kind, words in _KINDS.items())


def request_evidence(
    baseline: Matrix,
    incident: Matrix,
    signals: Mapping[str, Signal],
    services: Sequence[Entity],
    measured: MeasuredCalls,
) -> RequestEvidence:
    """Evidence from ratios of sums (see `ratio_shifts`), so that what rests on few requests is worth as little.

    Where no calls are measured, activity is all there is. Who stopped explains that its callers fail and ask less.
    """
    rows = ServiceRows(baseline, incident, signals, services)
    count, client = len(services), measured.client
    load = rows.counts(rows.first("load"))
    asked = pick(load, client)
    calls = zero_where(asked, measured.calls)
    made = ratio_shifts(calls, asked, counted=True)
    stopped, explained = _stopped(load, asked, calls, made, measured)
    changed = squash(np.abs(made.z)) * (1 - explained)
    owner, variables = rows.all("activity")
    done = squash(np.abs(ratio_shifts(rows.counts(variables), pick(load, owner), counted=True).z))
    says = dict(zip(variables, done.tolist(), strict=True))
    activity = np.maximum(largest(changed, client, count), largest(done, owner, count))

    wire = ratio_shifts(less(measured.client_seconds, measured.server_seconds), calls, counted=False)
    network, wires = _networks(wire, measured, count)

    own, own_change, own_z, failures = (np.full(count, np.nan) for _ in range(4))
    if measured.entities:
        busy = rows.first("work")
        seconds = less(rows.seconds(busy), _waited(measured, load))
        spent = ratio_shifts(seconds, load, counted=False)
        own_change, own_z = spent.now - spent.usual, spent.z
        own = np.where(np.isfinite(own_z), squash(own_z) * material(own_change, spent.usual), np.nan)
        failures, failing = _failures(rows, load, calls, measured)
        failures *= 1 - largest(explained, client, count)
        says |= {one: float(own[s]) for s, one in enumerate(busy) if one is not None and np.isfinite(own[s])}
        says |= failing
    return RequestEvidence(own, own_change, own_z, failures, activity, network, stopped, wires, says)


def _stopped(load: Rows, asked: Rows, calls: Rows, made: RatioShifts, measured: MeasuredCalls) -> tuple[Floats, Floats]:
    """By service the evidence that it stopped, and by call how far (0 to 1) that explains what its client does.

    A service's requests are compared with those that its callers would bring by what they usually ask for each of their
    own; half as many are a quarter of the evidence. Who asks several services no more has rather broken itself, so what
    a caller misses is divided among them.
    """
    count = len(load[0])
    expected, requests = [], []
    for rows, clients, own in zip(calls, asked, load, strict=True):
        usual = np.nan_to_num(clients) * np.nan_to_num(made.usual)[:, None]
        expected.append(added(usual, measured.server, count))
        brought = added(np.nan_to_num(rows), measured.server, count)
        requests.append(np.where(np.isfinite(load[0]).any(axis=1, keepdims=True), np.nan_to_num(own), brought))
    left = ratio_shifts((requests[0], requests[1]), (expected[0], expected[1]), counted=True)
    missed = np.minimum(_lost(made), 1.0)
    alone = missed / np.maximum(at_ends(added(missed, measured.client, count), measured.client), np.finfo(float).tiny)
    callers = added(np.sign(missed), measured.server, count)
    stopped = _lost(left) * added(alone, measured.server, count) / np.maximum(callers, 1.0)
    return stopped, at_ends(np.minimum(stopped, 1.0), measured.server) * alone


def _lost(shift: RatioShifts) -> Floats:
    """The evidence that what there was is no more, 0 or more."""
    share = np.clip(1 - shift.now / np.where(shift.usual > 0, shift.usual, np.nan), 0.0, 1.0)
    found: Floats = squash(-shift.z) * np.nan_to_num(share) ** 2
    return found


def _networks(wire: RatioShifts, measured: MeasuredCalls, count: int) -> tuple[Floats, Floats]:
    """By service, how slow its network is, and by call, how slow it is on a way that no network explains.

    The wire of a service's only call is its network as far as that of the other end does not explain it.
    """
    slow = squash(wire.z) * material(wire.now - wire.usual, wire.usual)
    network, only = np.zeros(count), np.full(count, -1)
    for service in range(count):
        own = np.flatnonzero(((measured.client == service) | (measured.server == service)) & np.isfinite(wire.z))
        if own.size == 1:
            only[service] = own[0]
        elif own.size:
            network[service] = np.sort(slow[own])[-max(2, int(np.ceil(MANY * own.size)))]
    left = np.maximum(slow - np.maximum(at_ends(network, measured.client), at_ends(network, measured.server)), 0.0)
    network = np.where(only >= 0, at_ends(left, only), network)
    left[only[only >= 0]] = 0.0
    return network, left


def _failures(
    rows: ServiceRows, load: Rows, calls: Rows, measured: MeasuredCalls
) -> tuple[Floats, dict[Variable, float]]:
    """By service, the evidence of failures that are its own, NaN where it counts none; and by variable.

    Excess failures of a callee are divided among its callers by their calls.
    """
    count = len(load[0])
    owner, variables = rows.all("failure")
    found = ratio_shifts(rows.counts(variables), pick(load, owner), counted=True)
    excess = np.where(found.z > 1, (found.now - found.usual) * found.requests, 0.0)
    most = largest(np.nan_to_num(excess), owner, count)
    brought = np.nansum(calls[1], axis=1)
    share = brought / np.maximum(added(brought[:, None], measured.server, count)[:, 0][measured.server], 1e-12)
    waited = added((at_ends(most, measured.server) * share)[:, None], measured.client, count)[:, 0]
    kept = np.where(most > 0, np.maximum(most - waited, 0.0) / np.where(most > 0, most, 1.0), 0.0)
    evidence = squash(found.z * kept[owner])
    counts = np.isin(np.arange(count), owner[np.isfinite(found.z)])
    failures = np.where(counts, largest(evidence, owner, count), np.nan)
    return failures, dict(zip(variables, evidence.tolist(), strict=True))


def _waited(measured: MeasuredCalls, load: Rows) -> Rows:
    """Seconds that each service waits for those it calls, of calls that the server measures too."""
    known = np.isfinite(measured.server_seconds[0]).any(axis=1, keepdims=True)
    before, now = (
        added(np.where(known, np.nan_to_num(seconds), 0.0), measured.client, len(load[0]))
        for seconds in measured.client_seconds
    )
    return before, now
