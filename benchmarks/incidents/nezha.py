"""Nezha's Online Boutique (Yu et al. 2023): one file a pod with a row a minute, and a list of injected faults."""

import csv
import json
from pathlib import Path

import numpy as np

from benchmarks.incidents.incident import Incident
from datasource.data import Entity, Floats, Matrix, Variable
from datasource.data.guess import guess_signal
from datasource.settings import Signal

_STEP = 60
_BEFORE = 120
_DURING = 3
_CODE = ("return", "exception")


def read_nezha(directory: str | Path) -> list[Incident]:
    """Every fault as an incident: three minutes from its injection on, against the fault-free minutes of two hours.

    The six minutes from any injection on count as its fault and are left out of the baselines.
    """
    folder = Path(directory)
    if not (folder / "faults.json").exists():
        folder = next((path.parent for path in sorted(folder.rglob("faults.json"))), folder)
    try:
        listed = json.loads((folder / "faults.json").read_text())
    except OSError as error:
        raise SystemExit(f"{folder}: holds no faults.json ({error.strerror})") from None
    faults = [fault for hour in listed.values() for fault in hour]
    matrix, signals = _read_pods(folder / "metric")
    calls = _read_calls(folder / "metric" / "dependency.csv", {v.entity for v in matrix.variables})
    times = [int(fault["inject_timestamp"]) for fault in faults]
    incidents = []
    for fault, at in zip(faults, times, strict=True):
        now = matrix.between(at, at + _DURING * _STEP - 1)
        before = matrix.between(at - _BEFORE * _STEP, at - 1)
        faulty = np.zeros(before.values.shape[1], dtype=bool)
        for other in times:
            faulty |= (before.times >= other) & (before.times <= other + 2 * _DURING * _STEP)
        kept = np.where(faulty[None, :], np.nan, before.values)
        incidents.append(
            Incident(
                f"{fault['inject_time']} {fault['inject_type']}",
                "code" if fault["inject_type"] in _CODE else "resource or delay",
                Matrix(before.variables, before.start, before.step, kept),
                now,
                signals,
                calls,
                None,
                (frozenset({_service(fault["inject_pod"])}),),
            )
        )
    return incidents


def _service(pod: str) -> str:
    return pod.rsplit("-", 2)[0]


def _read_pods(folder: Path) -> tuple[Matrix, dict[str, Signal]]:
    signals: dict[str, Signal] = {}
    found: dict[Variable, dict[int, float]] = {}
    for path in sorted(folder.glob("*-*_metric.csv")):
        entity = Entity("service", (("service", _service(path.stem.removesuffix("_metric"))),))
        with path.open(newline="") as lines:
            for line in csv.DictReader(lines):
                at = int(np.datetime64(line["Time"][:19].replace(" ", "T")).astype("datetime64[s]").astype(int))
                for column, text in line.items():
                    if column in ("Time", "TimeStamp", "PodName") or column.startswith("Node") or not text:
                        continue
                    name, _, unit = column.rstrip(")").partition("(")
                    if name not in signals:
                        guess = guess_signal(name, unit)
                        signals[name] = Signal(
                            entity="service",
                            query=column,
                            window=60.0,
                            unit=guess.unit,
                            kind=guess.kind,
                            role=guess.role,
                        )
                    found.setdefault(Variable(entity, name), {})[at // _STEP] = float(text)
    first = min(min(row) for row in found.values())
    last = max(max(row) for row in found.values())
    values: Floats = np.full((len(found), last - first + 1), np.nan)
    for number, row in enumerate(found.values()):
        values[number, np.array(list(row)) - first] = list(row.values())
    return Matrix(tuple(found), (first + 1) * _STEP, _STEP, values), signals


def _read_calls(path: Path, entities: set[Entity]) -> tuple[tuple[Entity, Entity], ...]:
    by_name = {str(entity): entity for entity in entities}
    with path.open(newline="") as lines:
        pairs = [(line["Source"], line["Target"]) for line in csv.DictReader(lines)]
    return tuple((by_name[a], by_name[b]) for a, b in pairs if a in by_name and b in by_name)
