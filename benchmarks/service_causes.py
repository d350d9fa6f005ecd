"""Who is named? The running service through incidents whose truth is known, beside `rank` and the peers.

python benchmarks/service_causes.py [--cases N] [--first N] [--scenarios A,B] [--nezha DIR] [--petshop DIR]
python benchmarks/service_causes.py --faulty-graph [--cases N] [--first N] [--scenarios A,B]

Each incident is lived through as the service would: mechanisms fitted on the time before with the default templates,
an evaluation at every point (at every fifth of long incidents), its own detection, windows and incidents. Counted is
what it says at the last evaluation at which anything is anomalous: "right" and "wrong" whom it names for the entry
(where the entry does not suffer, for most of those who do), "nobody" where it names nobody, "well" where nothing ever
was anomalous. `rank` is given the true times and names at a confidence of a half; peers name their first.

Of the path to the symptom (the entry's, or that of whom users feel most) the edges are counted, over the incidents in
which the right cause is named and its fault travelled to that symptom along calls: "path precision" is the share of
returned edges that lie on any true way, "path recall" the share found of the true way that agrees best with the path.

`--faulty-graph` lives through each incident with a fault twice: with the graph of the templates, and with one edge
wrong and one missing where it matters most (see `spoiled`); nothing else is printed.
"""

import argparse
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

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
from datasource.graph import CausalGraph, Edge, Evidence, build_graph
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


def graph_of(incident: Incident) -> tuple[Settings, Topology, CausalGraph]:
    """What `init` would write, who calls whom, and the graph of both."""
    settings = settings_of(incident)
    topology = Topology(tuple(EntityRelation("calls", (("client", a), ("server", b))) for a, b in incident.calls))
    return settings, topology, build_graph(settings, incident.baseline.variables, topology).graph


def spoiled(graph: CausalGraph, incident: Incident) -> CausalGraph:
    """The graph with one wrong edge into a service that broke, out of one that nothing ties to it, and without one edge
    of the way that the fault took; where there is no such service or no such way, anywhere. Edges are needed for it."""
    rng = np.random.default_rng(crc32(incident.name.encode()))
    broke = frozenset().union(*incident.causes)
    tied = {frozenset(pair) for pair in incident.calls}

    def of_way(edge: Edge) -> bool:
        return (str(edge.effect.entity), str(edge.cause.entity)) in incident.path

    between = [edge for edge in graph.edges if edge.cause.entity != edge.effect.entity]
    gone = _drawn(rng, [edge for edge in between if of_way(edge)] or between or list(graph.edges))
    kept = tuple(edge for edge in graph.edges if (edge.cause, edge.effect) != (gone.cause, gone.effect))
    role = {variable: incident.signals[variable.signal].role for variable in graph.variables}
    felt = [variable for variable in graph.variables if role[variable] in ("latency", "work", "failure")]
    wrong = [
        Edge(cause, effect, 0, "", (Evidence("expert", f"{cause} -> {effect}"),))
        for effect in [one for one in felt if str(one.entity) in broke] or felt
        for cause in felt
        if role[cause] == role[effect]
        and cause.entity != effect.entity
        and frozenset((cause.entity, effect.entity)) not in tied
        and cause not in graph.descendants(effect)
    ]
    return replace(graph, edges=(*kept, *([_drawn(rng, wrong)] if wrong else ())))


def _drawn(rng: np.random.Generator, edges: Sequence[Edge]) -> Edge:
    return edges[int(rng.integers(len(edges)))]


def live(incident: Incident, false_alarms: float, faulty: bool = False) -> Lived:
    """Fit on the time before, and evaluate through the incident; with a `faulty` graph, if asked to."""
    settings, topology, graph = graph_of(incident)
    roles, persistence = Roles(settings.signals), settings.anomaly.persistence
    graph = spoiled(graph, incident) if faulty else graph
    mechanisms = fit_mechanisms(
        incident.baseline, graph, roles, false_alarms_per_day=false_alarms, min_points=_MIN_POINTS
    )
    both = joined(incident)
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
            first = is_cause(incident, named) if first is None and named is not None else first
    if last is None:
        return Lived("well", None, {}, 0, slowest)
    named = _named(incident, last)
    outcome = "nobody" if named is None else "right" if is_cause(incident, named) else "wrong"
    matched = _path(incident, last) if outcome == "right" else None
    return Lived(outcome, first, dict(last.confidence), sum(not one.merged_into for one in found), slowest, matched)


def joined(incident: Incident) -> Matrix:
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
    if felt.root_cause is None or not is_cause(incident, felt.root_cause):
        return None
    edges = [(str(step.effect), str(step.cause)) for step in felt.causes.path]
    return match(edges, incident.path, str(felt.root_cause), str(felt.entity))


def is_cause(incident: Incident, entity: Entity) -> bool:
    return any(str(entity) in cause for cause in incident.causes)


def _ranked(incident: Incident) -> bool | None:
    """Whether `rank` names rightly, None where it names nobody."""
    found = rank(incident.baseline, incident.incident, incident.signals, incident.calls, incident.symptom).confidence
    best = max(found, key=lambda one: found[one])
    return is_cause(incident, best) if found[best] >= _SURE else None


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


def compare_graphs(groups: Mapping[str, Sequence[Incident]], false_alarms: float) -> None:
    """Print how often the right one is named with the graph of the templates, and with a faulty one."""
    print(f"{'':28}{'incidents':>10}{'right':>8}{'faulty':>8}{'gained':>8}{'lost':>6}{'wrong':>8}{'faulty':>8}")
    everything: list[tuple[str, str]] = []
    for name, incidents in groups.items():
        renamed = [with_names(incident) for incident in incidents if incident.causes]
        renamed = [one for one in renamed if graph_of(one)[2].edges]
        lived = [(live(one, false_alarms).outcome, live(one, false_alarms, faulty=True).outcome) for one in renamed]
        everything += lived
        if lived:
            _print_pairs(name, lived)
    _print_pairs("all", everything)


def _print_pairs(name: str, lived: Sequence[tuple[str, str]]) -> None:
    right = np.array([[outcome == "right" for outcome in pair] for pair in lived])
    wrong = np.array([[outcome == "wrong" for outcome in pair] for pair in lived]).mean(axis=0)
    gained, lost = int((right[:, 1] & ~right[:, 0]).sum()), int((right[:, 0] & ~right[:, 1]).sum())
    mean = right.mean(axis=0)
    print(
        f"{name:28}{len(lived):>10}{mean[0]:>8.2f}{mean[1]:>8.2f}{gained:>8}{lost:>6}{wrong[0]:>8.2f}{wrong[1]:>8.2f}",
        flush=True,
    )


def main() -> None:
    """Live through, print."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--cases", type=int, default=15, help="incidents of each scenario")
    arguments.add_argument("--first", type=int, default=2000, help="the number of the first case")
    arguments.add_argument("--false-alarms", type=float, default=50.0, help="the promise, a day")
    arguments.add_argument("--scenarios", default=",".join(SCENARIOS), help="names, comma separated; none for ''")
    arguments.add_argument("--nezha", help="a folder with faults.json and metric/, as for nezha.py")
    arguments.add_argument("--petshop", help="a folder with high_traffic and low_traffic, as for petshop.py")
    arguments.add_argument("--faulty-graph", action="store_true", help="with one edge wrong and one missing, too")
    chosen = arguments.parse_args()
    groups: dict[str, list[Incident]] = {}
    for name in filter(None, chosen.scenarios.split(",")):
        groups[name] = [simulate_incident(name, number) for number in range(chosen.first, chosen.first + chosen.cases)]
    if chosen.faulty_graph:
        return compare_graphs(groups, chosen.false_alarms)
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
            (sure, is_cause(incident, entity))
            for name, incidents in groups.items()
            for incident, lived in zip(incidents, everything[name], strict=True)
            for entity, sure in lived.confidence.items()
        ]
    )


if __name__ == "__main__":
    main()
