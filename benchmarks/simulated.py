"""Who broke? Our ranking and its peers on simulated incidents whose truth is known.

python benchmarks/simulated.py [--cases N] [--scenarios A,B] [--export DIR]

Cases are numbered; case 0 to N-1 of every scenario were fixed before the method was first run on them (it was
developed on cases from 1000 on). Exit code 1 when a peer is better overall, or significantly better in a scenario.
"""

import argparse
import os
import sys
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.incidents.export import export
from benchmarks.incidents.ours import ours
from benchmarks.incidents.scenarios import SCENARIOS, simulate_incident
from benchmarks.ranking_report import OURS, joined, judge_all, print_reliability, print_table, print_unblamed
from datasource.causes.ranking.confidence import confidences


def main() -> int:
    """Simulate, rank, print; 1 when a floor is missed."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--cases", type=int, default=40, help="incidents of each scenario")
    arguments.add_argument("--first", type=int, default=0, help="the number of the first case")
    arguments.add_argument("--scenarios", default=",".join(SCENARIOS), help="names, comma separated")
    arguments.add_argument("--export", default=None, help="write the incidents as CSV into this folder, and end")
    chosen = arguments.parse_args()
    names = chosen.scenarios.split(",")
    if unknown := [name for name in names if name not in SCENARIOS]:
        arguments.error(f"'{unknown[0]}' is no scenario; there are {', '.join(SCENARIOS)}")
    numbers = range(chosen.first, chosen.first + chosen.cases)
    if chosen.export:
        for name in names:
            for number in numbers:
                export(simulate_incident(name, number), chosen.export)
        print(f"wrote {len(names) * chosen.cases} incidents to {chosen.export}")
        return 0
    failed, kept, blameless, confident = [], [], {}, []
    for name in names:
        incidents = [simulate_incident(name, number) for number in numbers]
        results = judge_all(incidents)
        for incident in incidents:
            causes = frozenset().union(*incident.causes)
            confident += [(share, service in causes) for service, share in confidences(ours(incident)).items()]
        if not incidents[0].causes:
            blameless[name] = results
            continue
        kept.append(results)
        failed += [f"{peer} is significantly better at '{name}'" for peer in print_table(name, results)]
    if kept:
        overall = joined(kept)
        print_table("All scenarios with a fault", overall)
        best = max(overall, key=lambda method: overall[method].found[:, 2].mean())
        failed += [f"{best} is best overall"] if best != OURS else []
    for name, results in blameless.items():
        quiet = "resources: quiet" if name.startswith("resources") else "quiet"
        print_unblamed(name, blameless.get(quiet, results), results)
    print_reliability(confident)
    print("\n" + ("; ".join(failed) if failed else "Best overall, and in no scenario significantly behind any peer"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
