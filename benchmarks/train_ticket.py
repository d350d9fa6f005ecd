"""Who broke? Our ranking and its peers on Nezha's Train Ticket, from spans and log lines.

python benchmarks/train_ticket.py --data DIR

Ranks services by three minutes from each injection on, against all other minutes, in which other faults are. Exit code 1
when fewer are found than the floors say.
"""

import argparse
import os
import sys
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.incidents.train_ticket import read_train_ticket
from benchmarks.ranking_report import OURS, Judged, judge_all, print_table


def main() -> int:
    incidents = read_train_ticket(sys.argv[2])
    results = judge_all(incidents)
    print_table("All faults", results)
    return 0
if __name__ == "__main__":
    sys.exit(main())
