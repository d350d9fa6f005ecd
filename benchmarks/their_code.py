"""Who broke? Our ranking beside the peers' own implementations, as they are published on PyPI.

python -m venv PEERS
PEERS/bin/pip install fse-baro networkx causal-learn statsmodels pgmpy schema dill
PEERS/bin/pip install --no-deps sfr-pyrca RCAEval
python benchmarks/their_code.py --python PEERS/bin/python [--cases N] [--nezha DIR] [--petshop DIR] [--rcaeval DIR]

They get what we get: time before, time since, the same columns; the one that needs a graph gets ours. A case in which a
method fails or does not end in time counts as not found, and is told.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
if __name__ == "__main__":
    sys.path.pop(0)
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.incidents.incident import Incident, Scores
from benchmarks.incidents.judging import average_at_5, found_within
from benchmarks.incidents.nezha import read_nezha
from benchmarks.incidents.petshop import read_petshop
from benchmarks.incidents.rcaeval import read_rcaeval
from benchmarks.incidents.scenarios import SCENARIOS, simulate_incident
from benchmarks.ranking_report import Judged, judge_all, print_table
from datasource.data import Matrix, Variable
from datasource.graph import default_templates

_RUNNER = Path(__file__).with_name("incidents") / "their_code.py"


def write_case(incident: Incident, folder: Path) -> list[Variable]:
    """data.csv, inject_time.txt and graph.csv; the variables of its columns, in order."""
    folder.mkdir(parents=True)
    variables = list(dict.fromkeys((*incident.baseline.variables, *incident.incident.variables)))
    names = [f"s{number}_{_metric(variable)}" for number, variable in enumerate(variables)]
    with (folder / "data.csv").open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("time", *names))
        step, points = incident.incident.step, incident.baseline.values.shape[1]
        both = [np.array([_row(one, v) for v in variables]) for one in (incident.baseline, incident.incident)]
        # The normal time comes first, whenever it was.
        for number, values in enumerate(np.concatenate(both, axis=1).T):
            writer.writerow((step * number, *("" if np.isnan(value) else f"{value:.8g}" for value in values)))
    (folder / "inject_time.txt").write_text(str(step * points))
    with (folder / "graph.csv").open("w", newline="") as out:
        csv.writer(out).writerows([("cause", "effect"), *_edges(incident, variables, names)])
    return variables


def _metric(variable: Variable) -> str:
    """Without what the peers take for a name of something else."""
    return "".join(letter for letter in variable.signal if letter.isalnum()) or "x"


def _row(matrix: Matrix, variable: Variable) -> np.ndarray:
    return matrix.row(variable) if variable in matrix else np.full(matrix.values.shape[1], np.nan)


def _edges(incident: Incident, variables: Sequence[Variable], names: Sequence[str]) -> list[tuple[str, str]]:
    """The usual graph, at lag 0."""
    place = dict(zip(variables, names, strict=True))
    found = []
    for rule in default_templates(incident.signals, "calls"):
        pairs = [(a, b) if rule.from_end == "client" else (b, a) for a, b in incident.calls]
        ends = pairs if rule.relation else [(v.entity, v.entity) for v in variables]
        both = ((place.get(Variable(a, rule.cause)), place.get(Variable(b, rule.effect))) for a, b in ends)
        found += [(a, b) for a, b in both if a and b and a != b and 0 in rule.lags]
    return list(dict.fromkeys(found))


def judged_by(python: str, incidents: Sequence[Incident], seconds: int) -> dict[str, Judged]:
    """Every method of theirs on every incident."""
    with tempfile.TemporaryDirectory() as directory:
        columns = {}
        for number, incident in enumerate(incidents):
            columns[f"{number:04d}"] = write_case(incident, Path(directory) / f"{number:04d}")
        done = subprocess.run([python, _RUNNER, directory, str(seconds)], stdout=subprocess.PIPE, text=True, check=True)
    results: dict[str, list[tuple[list[float], float, float]]] = {}
    problems: Counter[tuple[str, str]] = Counter()
    for line in map(json.loads, done.stdout.splitlines()):
        if "missing" in line:
            print(f"left out: {line['method']}: {line['missing']}", file=sys.stderr)
            continue
        incident = incidents[int(line["case"])]
        if line["problem"]:
            problems[line["method"], line["problem"][:80]] += 1
        scores = _scores(incident, columns[line["case"]], line["ranks"])
        found = [found_within(incident, scores, k) for k in (1, 3)] + [average_at_5(incident, scores)]
        results.setdefault(line["method"], []).append((found if line["ranks"] else [0.0] * 3, 0.0, line["seconds"]))
    for (method, problem), count in problems.items():
        print(f"  {method}: {problem} ({count} cases)", file=sys.stderr)
    return {name: Judged(*(np.array(column) for column in zip(*rows, strict=True))) for name, rows in results.items()}


def _scores(incident: Incident, variables: Sequence[Variable], ranks: Sequence[str]) -> Scores:
    """Of each service, by the place of its first column."""
    scores = dict.fromkeys(incident.services, -1e9)
    for place, name in enumerate(ranks):
        service = str(variables[int(name.split("_")[0][1:])].entity)
        scores[service] = max(scores[service], -float(place))
    return scores


def main() -> None:
    """Rank, print."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--python", required=True, help="the Python of an environment with the peers' packages")
    arguments.add_argument("--cases", type=int, default=2, help="simulated incidents of each scenario")
    arguments.add_argument("--first", type=int, default=3100, help="the number of the first case")
    arguments.add_argument("--seconds", type=int, default=20, help="after so long a method is stopped")
    arguments.add_argument("--nezha", help="a folder with faults.json and metric/, as for nezha.py")
    arguments.add_argument("--petshop", help="a folder with high_traffic and low_traffic, as for petshop.py")
    arguments.add_argument("--rcaeval", help="a folder of RCAEval's layout, as for rcaeval.py")
    chosen = arguments.parse_args()
    numbers = range(chosen.first, chosen.first + chosen.cases)
    simulated = [simulate_incident(name, number) for name in SCENARIOS for number in numbers]
    groups = {"Simulated": [incident for incident in simulated if incident.causes]}
    if chosen.nezha:
        groups["Nezha"] = read_nezha(chosen.nezha)
    if chosen.petshop:
        groups["PetShop"] = read_petshop(chosen.petshop)
    if chosen.rcaeval:
        for incident in read_rcaeval(chosen.rcaeval):
            groups.setdefault(f"RCAEval, {incident.group}", []).append(incident)
    for name, incidents in groups.items():
        if incidents:
            print_table(name, {**judge_all(incidents), **judged_by(chosen.python, incidents, chosen.seconds)})


if __name__ == "__main__":
    main()
