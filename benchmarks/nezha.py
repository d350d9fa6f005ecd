"""Who broke? Our ranking and its peers on Nezha's Online Boutique, with injected faults.

python benchmarks/nezha.py --data DIR

Ranks services by three minutes from each injection on, against the fault-free minutes of the two hours before.
Methods have nothing that is fitted to the faults; leaving out one service at a time shows what hangs on it.
"""

import argparse
import os
import sys
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.incidents.nezha import read_nezha
from benchmarks.ranking_report import Judged, judge_all, print_table


def main() -> int:
    """Rank, print."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", required=True, help="the folder with faults.json and metric/")
    incidents = read_nezha(arguments.parse_args().data)
    results = judge_all(incidents)

    def only(rows: list[int]) -> dict[str, Judged]:
        return {name: Judged(*(part[rows] for part in judged)) for name, judged in results.items()}

    everything = list(range(len(incidents)))
    print_table("All faults", only(everything))
    for group in sorted({incident.group for incident in incidents}):
        print_table(f"Faults of {group}", only([i for i in everything if incidents[i].group == group]))
    services = sorted({min(incident.causes[0]) for incident in incidents})
    print("\nTop-1 without the faults of one service")
    print(f"  {'method':<22}{'lowest':>8}{'highest':>8}  without (lowest)")
    kept = {service: [i for i in everything if service not in incidents[i].causes[0]] for service in services}
    for name, judged in results.items():
        shares = {service: float(judged.found[rows, 0].mean()) for service, rows in kept.items() if rows}
        if shares:
            least = min(shares, key=lambda service: shares[service])
            print(f"  {name:<22}{shares[least]:>8.2f}{max(shares.values()):>8.2f}  {least}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
