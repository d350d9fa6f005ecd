"""Who broke? Our ranking and its peers on PetShop, and whether quiet time stays unblamed.

python benchmarks/petshop.py --data DIR [--split train|test]

The training split has one root and one symptom throughout: a smoke test, no more.
"""

import argparse
import os
import sys
from pathlib import Path

import numpy as np

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.incidents.judging import wilson
from benchmarks.incidents.petshop import quiet_windows, read_petshop
from benchmarks.ranking_report import OURS, judge_all, print_table, print_unblamed


def main() -> int:
    """Rank, print."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", required=True, help="the folder with high_traffic and low_traffic")
    arguments.add_argument("--split", default="train", choices=("train", "test"))
    chosen = arguments.parse_args()
    incidents = read_petshop(chosen.data, chosen.split)
    for group in sorted({incident.group for incident in incidents}):
        print_table(group, judge_all([incident for incident in incidents if incident.group == group]))
    results = judge_all(incidents)
    print_table("All issues", results)
    quiet = judge_all(quiet_windows(chosen.data))
    print_unblamed("Quiet windows", quiet, quiet)
    detected = float(np.mean(results[OURS].highest > 1.0))
    low, high = wilson(detected, len(incidents))
    print(f"\nIssues in which we blame somebody: {detected:.2f} ({low:.2f} - {high:.2f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
