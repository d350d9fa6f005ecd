"""Who broke? Our ranking and its peers on RCAEval's data sets, which everybody can download for themselves.

python benchmarks/rcaeval.py --data DIR

DIR holds RE1, RE2 or RE3 as they are published: SYSTEM/SERVICE_FAULT/RUN with data.csv, metrics.csv or
simple_metrics.csv, and inject_time.txt. Ten minutes before the injection are normal, ten since are the incident. A
table for each system and fault, never pooled alone.
"""

import argparse
import os
import sys
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.incidents.rcaeval import read_rcaeval
from benchmarks.ranking_report import joined, judge_all, print_table


def main() -> int:
    """Rank, print; 1 where there is no run."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", required=True, help="a folder of RCAEval's layout")
    chosen = arguments.parse_args()
    incidents = read_rcaeval(chosen.data)
    if not incidents:
        print(f"{chosen.data}: no run with metrics and inject_time.txt below it", file=sys.stderr)
        return 1
    results = {}
    for group in sorted({incident.group for incident in incidents}):
        results[group] = judge_all([incident for incident in incidents if incident.group == group])
        print_table(group, results[group])
    print_table("All of them", joined(list(results.values())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
