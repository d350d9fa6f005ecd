"""Who is named? The running service's verdicts on simulated incidents whose truth is known.

python benchmarks/service_causes.py [--cases N] [--first N] [--scenarios A,B]

Each incident is judged as the service would at its end: mechanisms fitted on the baseline with the default templates,
the verdict on the entry (where the entry does not suffer, on those who suffer and whom no other sufferer waits for).
"Right" and "wrong" count whom the verdict names, "outside" where most of the gap is said to come from beyond what is
measured, "nobody" where it names nobody, "well" where nobody was found to suffer. "Any verdict" is the precision over
the verdicts on all who suffer.
"""

import argparse
import os
import re
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks.incidents.incident import Incident
from benchmarks.incidents.judging import wilson
from benchmarks.incidents.scenarios import SCENARIOS, simulate_incident
from datasource.anomaly import Judgement, Roles, Verdict, fit_mechanisms, judge
from datasource.graph import build_graph
from datasource.graph.defaults import default_templates
from datasource.settings import Settings
from datasource.telemetry import Matrix
from datasource.topology import Tie, Topology

_MIN_POINTS = 30
_COLUMNS = ("right", "wrong", "outside", "nobody", "well")


class Run(NamedTuple):
    """What was judged: the judgement, seconds of judging, and who was named."""

    judgement: Judgement
    seconds: float
    outcome: str


def simulated(scenario: str, number: int) -> Incident:
    """An incident whose signals have names that settings allow."""
    incident = simulate_incident(scenario, number)
    names = {signal: re.sub(r"\W", "_", signal) for signal in incident.signals}

    def renamed(matrix: Matrix) -> Matrix:
        variables = tuple(variable._replace(signal=names[variable.signal]) for variable in matrix.variables)
        return Matrix(variables, matrix.start, matrix.step, matrix.values)

    symptom = incident.symptom
    return replace(
        incident,
        baseline=renamed(incident.baseline),
        incident=renamed(incident.incident),
        signals={names[name]: signal for name, signal in incident.signals.items()},
        symptom=symptom and symptom._replace(signal=names[symptom.signal]),
    )


def settings_of(incident: Incident) -> Settings:
    """What `init` would write for these signals."""
    return Settings.model_validate(
        {
            "prometheus": {"url": "http://localhost:9090"},
            "step": incident.baseline.step,
            "entities": {"service": {"labels": ["service"]}},
            "signals": {name: signal.model_dump() for name, signal in incident.signals.items()},
            "relations": {"calls": {}},
            "graph": {"templates": [str(rule) for rule in default_templates(incident.signals, "calls")]},
            "evaluation": {"warm_up": _MIN_POINTS},
        }
    )


def run(incident: Incident, false_alarms: float) -> Run:
    """Fit on the baseline, judge at the end of the incident."""
    settings = settings_of(incident)
    roles = Roles(settings.signals)
    topology = Topology(tuple(Tie("calls", (("client", a), ("server", b))) for a, b in incident.calls))
    graph = build_graph(settings, incident.baseline.variables, topology).graph
    mechanisms = fit_mechanisms(
        incident.baseline, graph, roles, false_alarms_per_day=false_alarms, min_points=_MIN_POINTS
    )
    both = np.concatenate([incident.baseline.values, incident.incident.values], axis=1)
    matrix = Matrix(incident.baseline.variables, incident.baseline.start, incident.baseline.step, both)
    began = time.perf_counter()
    judgement = judge(matrix, mechanisms, roles, topology)
    return Run(judgement, time.perf_counter() - began, outcome(incident, judgement))


def outcome(incident: Incident, judgement: Judgement) -> str:
    """One of the columns; "well" where the entry and everybody else was found to be well."""
    hurt = [v for v in judgement.verdicts if _hurts(incident, v)]
    entry = [v for v in hurt if incident.symptom and v.entity == incident.symptom.entity]
    top = {causes.symptom for causes in judgement.symptoms}
    asked = entry or [v for v in hurt if v.causes.symptom in top]
    found = [_one(incident, verdict) for verdict in asked] or ["well"]
    return min(found, key=("wrong", "right", "outside", "nobody", "well").index)


def _hurts(incident: Incident, verdict: Verdict) -> bool:
    """Whether somebody has to wait or gets errors; full resources alone harm nobody here."""
    return incident.signals[verdict.causes.symptom.signal].role in ("latency", "work", "failure")


def _one(incident: Incident, verdict: Verdict) -> str:
    if verdict.root_cause is not None:
        return "right" if _is_cause(incident, str(verdict.root_cause)) else "wrong"
    shares = sum(part.share for part in verdict.causes.outside)
    return "outside" if shares > 1 / 2 else "nobody"


def _is_cause(incident: Incident, name: str) -> bool:
    return any(name in cause for cause in incident.causes)


def _row(name: str, runs: list[tuple[Incident, Run]]) -> tuple[str, ...]:
    counts = Counter(one.outcome for _, one in runs)
    named = counts["right"] + counts["wrong"]
    low, high = wilson(counts["right"] / named, named) if named else (0.0, 1.0)
    every = [
        _is_cause(incident, str(verdict.root_cause))
        for incident, one in runs
        for verdict in one.judgement.verdicts
        if verdict.root_cause is not None and _hurts(incident, verdict)
    ]
    return (
        name,
        *(f"{counts[column] / len(runs):.2f}" for column in _COLUMNS),
        f"{counts['right'] / named:.2f} [{low:.2f}, {high:.2f}]" if named else "-",
        f"{sum(every) / len(every):.2f} of {len(every)}" if every else "-",
        f"{1000 * np.mean([one.seconds for _, one in runs]):.0f}",
    )


def main() -> None:
    """Simulate, judge, print."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--cases", type=int, default=15, help="incidents of each scenario")
    arguments.add_argument("--first", type=int, default=2000, help="the number of the first case")
    arguments.add_argument("--false-alarms", type=float, default=50.0, help="the promise, a day")
    arguments.add_argument("--scenarios", default=",".join(SCENARIOS), help="names, comma separated")
    chosen = arguments.parse_args()
    rows = [("scenario", *_COLUMNS, "precision", "any verdict", "ms a case")]
    total: list[tuple[Incident, Run]] = []
    for name in chosen.scenarios.split(","):
        incidents = [simulated(name, number) for number in range(chosen.first, chosen.first + chosen.cases)]
        runs = [(incident, run(incident, chosen.false_alarms)) for incident in incidents]
        rows.append(_row(name, runs))
        total += [pair for pair in runs if pair[0].causes]
    rows.append(_row("all with a fault", total))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    main()
