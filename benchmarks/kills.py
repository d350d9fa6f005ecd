"""Is there an all-clear for a fault that goes on when the service is killed again and again?

python benchmarks/kills.py [--kills 50]

The servers of tests/test_end_to_end_alerts.py: real Prometheus and Alertmanager, the shipped rules and routes, a
thirtieth of the time. While a fault goes on and pages, the service is killed and started anew, so often. Exit code 1
where anything about the fault was resolved, or paged twice. The history has to be longer than the fault by far, which
would be the new normal otherwise.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from timelapse import running

HISTORY = 2880


def find(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        sys.exit(f"{name} is not installed; 'make servers' installs it")
    return path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, running(Path(directory), find, HISTORY) as lapse:
        lapse.shop.inject("inventory", "slow", 0.25)
        lapse.hear(("page", "firing", "CausalRootCause", "platform/inventory"))
        began = time.monotonic()
        for number in range(asked.kills):
            lapse.kill()
            lapse.start()
            print(f"\r{number + 1} kills, {time.monotonic() - began:.0f} s", end="", flush=True)
        found = lapse.hear()
        lapse.wait_for('causal_service_anomaly{service="inventory"} == 1')
    silent = sum(one.alert == "CausalDatasourceSilent" for one in found)
    wrong = [one for one in found if one.alert != "CausalDatasourceSilent"]
    print(f"\n{silent} notifications that the service is silent, or judges again; of the fault: {len(wrong)}")
    for one in wrong:
        print("MISSED ", *one)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
