"""Who broke? Our ranking and its peers on Nezha's Train Ticket, from spans and log lines.

python benchmarks/train_ticket.py --data DIR

Ranks services by three minutes from each injection on, against all other minutes, among which other faults are. Peers
see the same rows; what they say of a call counts for its server. Exit code 1 when fewer are found than the floors say.
"""

import argparse
import os
import sys
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.incidents.incident import Incident, Method, Scores
from benchmarks.incidents.train_ticket import read_train_ticket, servers
from benchmarks.ranking_report import METHODS, OURS, Judged, judge_all, print_table

_FLOORS = 0.61, 0.84
"""Top-1 and top-3: 8 and 11 of 13."""


def main() -> int:
    """Rank, print; 1 when a floor is missed."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", required=True, help="the folder with faults.json, services.csv and calls.csv")
    incidents = read_train_ticket(arguments.parse_args().data)
    methods = {name: _of_services(method, ours=name == OURS) for name, method in METHODS.items()}
    results = judge_all(incidents, methods)
    print_table("All faults", results)
    for group in sorted({incident.group for incident in incidents}):
        rows = [i for i, incident in enumerate(incidents) if incident.group == group]
        print_table(f"Faults of {group}", {n: Judged(*(part[rows] for part in one)) for n, one in results.items()})
    found = results[OURS].found.mean(axis=0)[:2].tolist()
    missed = any(share < floor for share, floor in zip(found, _FLOORS, strict=True))
    print(f"\nFloors {'missed' if missed else 'kept'}: top-1 {found[0]:.2f} of .62, top-3 {found[1]:.2f} of .85")
    return int(missed)


def _of_services(method: Method, ours: bool) -> Method:
    """The method's scores of services; a call counts for its server, except with ours, which has places for both."""

    def scores(incident: Incident) -> Scores:
        server = servers(incident)
        found: dict[str, float] = {}
        for name, score in method(incident).items():
            if not (ours and name in server):
                service = server.get(name, name)
                found[service] = max(found.get(service, 0.0), score)
        return found

    return scores


if __name__ == "__main__":
    sys.exit(main())
