"""Who is named? The running service through incidents whose truth is known, beside `rank` and the peers.

python benchmarks/service_causes.py [--cases N] [--first N] [--scenarios A,B] [--nezha DIR] [--petshop DIR]

Each incident is lived through as the service would: mechanisms fitted on the time before with the default templates,
an evaluation at every point (at every fifth of long incidents), its own detection, windows and incidents. Counted is
what it says at the last evaluation at which anything is anomalous: "right" and "wrong" whom it names for the entry
(where the entry does not suffer, for most of those who do), "nobody" where it names nobody, "well" where nothing ever
was anomalous. `rank` is given the true times and names at a confidence of a half; peers name their first.

Of the path to the symptom (the entry's, or that of whom users feel most) the edges are counted, over the incidents in
which the right cause is named and its fault travelled to that symptom along calls: "path precision" is the share of
returned edges that lie on any true way, "path recall" the share found of the true way that agrees best with the path.
"""

import argparse
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks.incidents.incident import Incident
from benchmarks.incidents.judging import found_within, wilson
from benchmarks.incidents.nezha import read_nezha
from benchmarks.incidents.paths import Matched, match, scores
from benchmarks.incidents.petshop import quiet_windows, read_petshop
from benchmarks.incidents.scenarios import SCENARIOS, simulate_incident
from benchmarks.peers import PEERS
from benchmarks.ranking_report import print_reliability
from datasource.anomaly import fit_mechanisms
from datasource.causes import Judgement, Verdict, judge
from datasource.causes.ranking.rank import rank
from datasource.data import Entity, Matrix, Roles
from datasource.graph import build_graph
from datasource.graph.defaults import default_templates
from datasource.incidents.connected import neighbours
from datasource.incidents.grouping import busy, group
from datasource.settings import Settings
from datasource.topology import EntityRelation, Topology

_MIN_POINTS = 15
_STRIDE, _LONG = 5, 30
"""Longer incidents are looked at less often, after their first points."""
_SURE = 0.5
_PATH = ("paths", "path precision", "path recall", "path F1")
_OUTCOMES = ("right", "wrong", "nobody", "well")


class Lived(NamedTuple):
    """What became of an incident: the outcome, whom the first page named rightly (None where it never named anybody),
    how sure the service was of each entity at the end, how many incidents there were, the slowest evaluation, and how
    much of the path is true, where there is one to find."""

    outcome: str
    first: bool | None
    confidence: dict[Entity, float]
    incidents: int
    seconds: float
    path: Matched | None = None


def with_names(incident: Incident) -> Incident:
    """The same, with names of signals that settings allow."""
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


def live(incident: Incident, false_alarms: float) -> Lived:
    """Fit on the time before, and evaluate through the incident."""
    settings = settings_of(incident)
    roles, persistence = Roles(settings.signals), settings.anomaly.persistence
    topology = Topology(tuple(EntityRelation("calls", (("client", a), ("server", b))) for a, b in incident.calls))
    graph = build_graph(settings, incident.baseline.variables, topology).graph
    mechanisms = fit_mechanisms(
        incident.baseline, graph, roles, false_alarms_per_day=false_alarms, min_points=_MIN_POINTS
    )
    both = _joined(incident)
    before, points = incident.baseline.values.shape[1], incident.incident.values.shape[1]
    near = neighbours(graph, topology)
    verdicts: tuple[Verdict, ...] = ()
    found, last, first, slowest = (), None, None, 0.0
    for point in range(points):
        if point >= 2 * _STRIDE and points > _LONG and (points - 1 - point) % _STRIDE:
            continue
        until = both.between(both.start, both.start + (before + point) * both.step)
        began = time.process_time()
        judgement = judge(until, mechanisms, roles, topology, previous=verdicts, busy=busy(found))
        slowest = max(slowest, time.process_time() - began)
        verdicts = judgement.verdicts
        found = group(
            found, judgement, near, time=until.end, step=both.step, points=persistence.points, of=persistence.of
        )
        if verdicts:
            last = judgement
            named = _named(incident, judgement)
            first = _is_cause(incident, named) if first is None and named is not None else first
    if last is None:
        return Lived("well", None, {}, 0, slowest)
    named = _named(incident, last)
    outcome = "nobody" if named is None else "right" if _is_cause(incident, named) else "wrong"
    matched = _path(incident, last) if outcome == "right" else None
    return Lived(outcome, first, dict(last.confidence), sum(not one.merged_into for one in found), slowest, matched)


def _joined(incident: Incident) -> Matrix:
    """The time before and the incident as one, of what was measured before."""
    before, after = incident.baseline, incident.incident
    missing = np.full(after.values.shape[1], np.nan)
    rows = np.array([after.row(v) if v in after else missing for v in before.variables])
    return Matrix(before.variables, before.start, before.step, np.concatenate([before.values, rows], axis=1))


def _named(incident: Incident, judgement: Judgement) -> Entity | None:
    """Whom the entry's verdict names; where it names nobody, the surest of those who are named."""
    roots = {v.entity: v.root_cause for v in judgement.verdicts if v.root_cause is not None}
    if incident.symptom and incident.symptom.entity in roots:
        return roots[incident.symptom.entity]
    return max(roots.values(), key=lambda root: (judgement.confidence.get(root, 0.0), str(root)), default=None)


def _path(incident: Incident, judgement: Judgement) -> Matched | None:
    """The path to the entry, or to whom users feel most, against the truth of the cause that it begins with."""
    verdicts = {verdict.causes.symptom: verdict for verdict in judgement.verdicts}
    entry = [v for v in judgement.verdicts if incident.symptom and v.entity == incident.symptom.entity]
    felt = next(iter(entry), None) or verdicts[judgement.symptoms[0].symptom]
    if felt.root_cause is None or not _is_cause(incident, felt.root_cause):
        return None
    edges = [(str(step.effect), str(step.cause)) for step in felt.causes.path]
    return match(edges, incident.path, str(felt.root_cause), str(felt.entity))


def _is_cause(incident: Incident, entity: Entity) -> bool:
    return any(str(entity) in cause for cause in incident.causes)


def _ranked(incident: Incident) -> bool | None:
    """Whether `rank` names rightly, None where it names nobody."""
    found = rank(incident.baseline, incident.incident, incident.signals, incident.calls, incident.symptom).confidence
    best = max(found, key=lambda one: found[one])
    return _is_cause(incident, best) if found[best] >= _SURE else None


def _share(right: Sequence[bool]) -> str:
    low, high = wilson(sum(right) / len(right), len(right)) if right else (0.0, 1.0)
    return f"{sum(right) / len(right):.2f} [{low:.2f}, {high:.2f}]" if right else "-"


def _row(name: str, incidents: Sequence[Incident], lived: Sequence[Lived]) -> tuple[str, ...]:
    counts = Counter(one.outcome for one in lived)
    n, named = len(lived), counts["right"] + counts["wrong"]
    first = [one.first for one in lived if one.first is not None]
    faults = bool(incidents[0].causes)
    ranked = [right for right in map(_ranked, incidents) if right is not None]
    peers = {
        peer: np.mean([found_within(i, rank_(i), 1) for i in incidents]) for peer, rank_ in PEERS.items() if faults
    }
    best = max(peers, key=lambda peer: peers[peer], default="")
    return (
        name,
        *(f"{counts[outcome] / n:.2f}" for outcome in _OUTCOMES),
        f"{named / n:.2f}",
        _share([True] * counts["right"] + [False] * counts["wrong"]) if faults else "-",
        _share(first) if faults else f"{len(first)} of {n} blamed",
        f"{np.mean([one.incidents for one in lived]):.1f}",
        f"{len(ranked) / n:.2f}",
        _share(ranked) if faults else "-",
        f"{peers[best]:.2f} {best}" if faults else "-",
        *_path_cells([one.path for one in lived if one.path]),
        f"{1000 * max(one.seconds for one in lived):.0f}",
    )


def _path_cells(matched: Sequence[Matched]) -> tuple[str, ...]:
    return (str(len(matched)), *(f"{score:.2f}" for score in scores(matched))) if matched else ("0", "-", "-", "-")


def main() -> None:
    """Live through, print."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--cases", type=int, default=15, help="incidents of each scenario")
    arguments.add_argument("--first", type=int, default=2000, help="the number of the first case")
    arguments.add_argument("--false-alarms", type=float, default=50.0, help="the promise, a day")
    arguments.add_argument("--scenarios", default=",".join(SCENARIOS), help="names, comma separated; none for ''")
    arguments.add_argument("--nezha", help="a folder with faults.json and metric/, as for nezha.py")
    arguments.add_argument("--petshop", help="a folder with high_traffic and low_traffic, as for petshop.py")
    chosen = arguments.parse_args()
    groups: dict[str, list[Incident]] = {}
    for name in filter(None, chosen.scenarios.split(",")):
        groups[name] = [simulate_incident(name, number) for number in range(chosen.first, chosen.first + chosen.cases)]
    simulated = [*groups]
    if chosen.nezha:
        groups["Nezha"] = read_nezha(chosen.nezha)
    if chosen.petshop:
        groups["PetShop"] = read_petshop(chosen.petshop)
        groups["PetShop, quiet windows"] = quiet_windows(chosen.petshop)
    heads = ("", *_OUTCOMES, "named", "right of named", "right at first", "incidents")
    rows = [(*heads, "rank: named", "right of named", "best peer", *_PATH, "ms")]
    everything: dict[str, list[Lived]] = {}
    for name, incidents in groups.items():
        groups[name] = [with_names(incident) for incident in incidents]
        everything[name] = [live(incident, chosen.false_alarms) for incident in groups[name]]
        rows.append(_row(name, groups[name], everything[name]))
        print(f"{name}: done", file=sys.stderr, flush=True)
    faults = [name for name in simulated if groups[name][0].causes]
    if len(faults) > 1:
        both = ([one for name in faults for one in of[name]] for of in (groups, everything))
        rows.append(_row("simulated, all with a fault", *both))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    print_reliability(
        [
            (sure, _is_cause(incident, entity))
            for name, incidents in groups.items()
            for incident, lived in zip(incidents, everything[name], strict=True)
            for entity, sure in lived.confidence.items()
        ]
    )


if __name__ == "__main__":
    main()
