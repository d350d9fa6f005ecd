"""Resource systems second by second, as published data sets of chaos experiments show them.

Ten minutes before and as many after an injection; numbers are read off rates over a minute or so, so that each second
is much like the last; latency and errors are not measured everywhere; some columns never move or hold nothing;
nobody says who calls whom.
"""

from collections.abc import Sequence
from dataclasses import replace
from zlib import crc32

import numpy as np
from scipy.signal import lfilter

from benchmarks.incidents import faults
from benchmarks.incidents.faults import Fault, Harm
from benchmarks.incidents.incident import Incident
from benchmarks.incidents.resource_system import draw_calls, measure, traced
from datasource.data import Entity, Floats, Matrix, Variable
from datasource.data.guess import guess_signal
from datasource.settings import Signal

_START = 1_700_000_000
_BEFORE = 600
_NAMES = {
    "cpu": "cpu",
    "memory": "mem",
    "disk_write": "diskio",
    "received": "network-receive",
    "sent": "network-transmit",
    "sockets": "socket",
    "load": "workload",
    "errors": "error",
    "latency": "latency-50",
    "slowest": "latency-90",
}
FAULTS: dict[str, Fault] = {
    "seconds: cpu hog": faults.cpu,
    "seconds: memory": faults.memory,
    "seconds: disk": faults.disk,
    "seconds: network delay": faults.delay,
    "seconds: network loss": faults.loss,
    "seconds: sockets": faults.sockets,
    "seconds: crash": faults.crash,
    "seconds: quiet": faults.nothing,
}


def simulate_seconds(scenario: str, seed: int) -> Incident:
    """The incident of a scenario by name; the same seed gives the same numbers."""
    rng = np.random.default_rng([crc32(scenario.encode()), seed])
    size, during = int(rng.integers(10, 61)), int(rng.choice([300, 600, 600]))
    points = _BEFORE + during
    harm = Harm(size, points)
    harm.users *= np.exp(0.1 * _wander(rng, 1, points)[0])
    harm.slower *= np.exp(0.1 * _wander(rng, size, points))
    fan = draw_calls(rng, size)
    victim = int(rng.integers(size))
    since = _BEFORE + (int(rng.integers(during // 2)) if rng.random() < 0.25 else 0)
    pods = rng.choice([1, 1, 1, 2], size)
    FAULTS[scenario](harm, victim, slice(since, None), 1 / pods[victim] if rng.random() < 0.3 else 1.0, rng)
    seen = measure(harm, fan, 1, pods, rng)
    measured = seen.signals
    if rng.random() < 0.6:
        measured["latency"] = measured["latency"] + 2.2 * harm.link
    measured["slowest"] = measured["latency"] * rng.uniform(1.5, 4) * np.exp(0.1 * rng.normal(size=(size, points)))
    left_out = [("received", "sent"), ("sockets",), ("disk_write",), ("errors",), ("latency", "slowest"), ("load",)]
    gone = {
        name
        for names, share in zip(left_out, (0.5, 0.3, 0.3, 0.2, 0.2, 0.3), strict=True)
        if rng.random() < share
        for name in names
    }
    shown = {name: _as_rate(rng, measured[name]) for name in _NAMES if name not in gone}
    names = [f"s{number:02d}" for number in rng.permutation(size)]
    return replace(_incident(scenario, seed, rng, shown, names, victim), traces=traced(harm, fan, seen, names, 1))


def _as_rate(rng: np.random.Generator, rows: Floats) -> Floats:
    """The mean of the last seconds, read every few seconds and held."""
    window, held = int(rng.choice([1, 15, 60])), int(rng.choice([1, 5, 15]))
    known = np.isfinite(rows)
    weight = lfilter(np.ones(window), [1.0], known.astype(float), axis=1)
    total = lfilter(np.ones(window), [1.0], np.where(known, rows, 0.0), axis=1)
    mean = np.where(weight > 0.5, total / np.maximum(weight, 1.0), np.nan)
    found: Floats = mean[:, np.arange(rows.shape[1]) // held * held]
    return found


def _incident(
    scenario: str, seed: int, rng: np.random.Generator, shown: dict[str, Floats], names: Sequence[str], victim: int
) -> Incident:
    entities = [Entity("service", (("service", name),)) for name in names]
    partly = rng.uniform(0, 0.6)
    signals: dict[str, Signal] = {}
    variables, rows = [], []
    for name, values in shown.items():
        guess = guess_signal(_NAMES[name])
        signals[_NAMES[name]] = Signal(
            entity="service", query=_NAMES[name], window=60.0, unit=guess.unit, kind=guess.kind, role=guess.role
        )
        for entity, row in zip(entities, values, strict=True):
            if name in ("latency", "slowest", "errors") and rng.random() < partly:
                continue
            dirt = rng.random()
            variables.append(Variable(entity, _NAMES[name]))
            rows.append(_dirty(row, dirt, rng))
    values = np.array(rows)
    quiet = FAULTS[scenario] is faults.nothing
    return Incident(
        f"{scenario} {seed}",
        scenario,
        Matrix(tuple(variables), _START, 1, values[:, :_BEFORE].copy()),
        Matrix(tuple(variables), _START + _BEFORE, 1, values[:, _BEFORE:].copy()),
        signals,
        causes=() if quiet else (frozenset({names[victim]}),),
    )


def _dirty(row: Floats, dirt: float, rng: np.random.Generator) -> Floats:
    """One row in a hundred holds nothing, three never move, ten have gaps."""
    if dirt < 0.04:
        return np.full_like(row, np.nan if dirt < 0.01 else row[0])
    return np.where(rng.random(row.size) < 0.01, np.nan, row) if dirt > 0.9 else row


def _wander(rng: np.random.Generator, size: int, points: int) -> Floats:
    """AR(1) of about unit variance that takes minutes to come back."""
    memory = 0.99
    start = rng.normal(size=(size, points + 600)) * np.sqrt(1 - memory**2)
    found: Floats = lfilter([1.0], [1.0, -memory], start, axis=-1)[:, 600:]
    return found
