"""Does it help to name causes that their mechanisms became other ones at the incident?

python benchmarks/incident_mechanisms.py [--cases 8] [--first 3000]

The mechanisms of every variable that breaks are compared, before the incident and in it, as `invariance` compares them.
Counted is in how many incidents any of them could be, in how many of these the clearest change is at the cause, and
how often the cause is first by the ranking of `rank`, with so much (`weight`) of log(1 + score) added to each entity.
"""

import argparse
import os
import sys
from math import log1p
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.incidents.incident import Incident
from benchmarks.incidents.scenarios import simulate_incident
from benchmarks.service_causes import graph_of, is_cause, joined, with_names
from datasource.causes.ranking.rank import rank
from datasource.data import Entity, Roles
from datasource.data.roles import BREAKS
from datasource.invariance.questions import Split, by_splits
from datasource.invariance.shift import shifts
from datasource.numerics.moment_sums import MomentError

SCENARIOS = (
    *("one fault", "two roots", "noisy neighbour", "weak fault"),
    *("unmeasured", "slow call", "confounded load", "shared callee"),
)
WEIGHTS = (0.0, 0.5, 1.0, 2.0)
_CLEAR = 20.0
_LEVEL = 0.05


def shift_scores(incident: Incident) -> dict[Entity, float]:
    """Of each entity the largest mechanism-shift score of the incident against the time before, where it has enough
    points."""
    settings, _, graph = graph_of(incident)
    roles, both = Roles(settings.signals), joined(incident)
    breaking = frozenset(v for v in both.variables if roles.role(v) in BREAKS and graph.parents(v))
    found: dict[Entity, float] = {}
    for question in by_splits(both, graph, roles, (Split("it", incident.incident.start, None, breaking),)):
        try:
            for one in shifts(question, _LEVEL / len(breaking)).mechanisms:
                found[one.variable.entity] = max(found.get(one.variable.entity, 0.0), one.score)
        except MomentError:
            continue
    return found


def main() -> None:
    """Simulate, compare, rank, print."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--cases", type=int, default=8, help="incidents of each scenario")
    arguments.add_argument("--first", type=int, default=3000, help="the number of the first case")
    chosen = arguments.parse_args()
    heads = "".join(f"{f'weight {weight:g}':>12}" for weight in WEIGHTS)
    print(f"{'':18}{'incidents':>10}{'points':>8}{'compared':>10}{'clearest':>10}{heads}")
    for name in SCENARIOS:
        numbers = range(chosen.first, chosen.first + chosen.cases)
        incidents = [with_names(simulate_incident(name, number)) for number in numbers]
        scores = [shift_scores(incident) for incident in incidents]
        pairs = [(incident, score) for incident, score in zip(incidents, scores, strict=True) if score]
        clearest = sum(is_cause(incident, max(score, key=lambda one: score[one])) for incident, score in pairs)
        first = [0] * len(WEIGHTS)
        for incident, score in zip(incidents, scores, strict=True):
            ranked = rank(incident.baseline, incident.incident, incident.signals, incident.calls, incident.symptom)
            for place, weight in enumerate(WEIGHTS):
                summed = {e: s + weight * log1p(min(score.get(e, 0.0), _CLEAR)) for e, s in ranked.entities.items()}
                first[place] += is_cause(incident, max(summed, key=lambda one: summed[one]))
        points = max(incident.incident.values.shape[1] for incident in incidents)
        shares = "".join(f"{count / len(incidents):>12.2f}" for count in first)
        print(f"{name:18}{len(incidents):>10}{points:>8}{len(pairs):>10}{clearest:>10}{shares}", flush=True)


if __name__ == "__main__":
    main()
