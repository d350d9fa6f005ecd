"""Is there an all-clear for a fault that goes on when the service is killed again and again?

python benchmarks/kills.py [--kills 50]

The servers of tests/test_end_to_end_alerts.py: real Prometheus and Alertmanager, the shipped rules and routes, a
fifteenth of the time. While a fault goes on and pages, the service is killed and started anew, ten times; then another
fault begins, for what lasts is the new normal after a while. Exit code 1 where anything about a fault
was resolved before it ended, or paged twice.
"""

import argparse
import shutil
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from timelapse import Lapse, Notified, running

FAULTS = ("inventory", 0.25), ("pricing", 0.25), ("accounts", 0.3)
"""Services, and by how many seconds they are slower."""
EACH = 10
HISTORY = 2880
"""Steps, a day of the shop: a fit takes what lasts for an eighth of its points for normal."""


def find(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        sys.exit(f"{name} is not installed; 'make servers' installs it")
    return path


def fault(lapse: Lapse, service: str, size: float, kills: int) -> list[Notified]:
    """What was sent between the page and the end of a fault, but that the service is silent, or judges again."""
    lapse.shop.inject(service, "slow", size)
    lapse.hear(("page", "firing", "CausalRootCause", f"platform/{service}"))
    for _ in range(kills):
        lapse.kill()
        lapse.start()
    lapse.wait_for(f'causal_service_anomaly{{service="{service}"}} == 1')
    found = lapse.hear()
    lapse.shop.recover()
    lapse.hear(("page", "resolved", "CausalRootCause", f"platform/{service}"))
    return [one for one in found if one.alert != "CausalDatasourceSilent"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    asked = parser.parse_args()
    wrong: list[Notified] = []
    began, done = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as directory, running(Path(directory), find, HISTORY) as lapse:
        for service, size in cycle(FAULTS):
            kills = min(EACH, asked.kills - done)
            if not kills:
                break
            found = fault(lapse, service, size, kills)
            done, wrong = done + kills, wrong + found
            print(f"{done} kills, {time.monotonic() - began:.0f} s, {len(wrong)} wrong: {service}", *found, flush=True)
    print(f"{'MISSED' if wrong else 'reached'}  {len(wrong)} notifications of a fault that goes on, in {done} kills")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
