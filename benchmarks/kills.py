"""Is there an all-clear for a fault that goes on when the service is killed again and again?

python benchmarks/kills.py [--kills 50] [--replicas 2]

The servers of tests/test_end_to_end_alerts.py: real Prometheus and Alertmanager, the shipped rules and routes, a
fifteenth of the time. While a fault goes on and pages, the service is killed and started anew, ten times; then another
fault begins, for what lasts is the new normal after a while. With several replicas, which share a PostgreSQL, one of
them is drawn for each kill, and of it the process that evaluates, the one that serves, or all.

Exit code 1 where anything about a fault was resolved before it ended, or paged twice. Printed as well: for how long
Prometheus had no new point of who is broken, and how many incidents there are for the faults.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import cycle, pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import requests
from postgresql import running_postgresql
from running import child_processes, kill
from timelapse import STEP, Lapse, Notified, running

FAULTS = ("inventory", 0.25), ("pricing", 0.25), ("accounts", 0.3)
"""Services, and by how many seconds they are slower."""
EACH = 10
HISTORY = 2880
"""Steps, a day of the shop: a fit takes what lasts for an eighth of its points for normal."""
WHAT = "evaluates", "serves", "all"


def find(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        sys.exit(f"{name} is not installed; 'make servers' installs it")
    return path


def strike(lapse: Lapse, what: str, number: int) -> None:
    """Kill a replica, which is started anew, or one process of it, which the replica replaces."""
    pid = child_processes(lapse.replicas[number].pid).get(what)
    if pid is not None:
        kill(pid)
        return
    lapse.kill(number)
    lapse.start(number)


def fault(lapse: Lapse, service: str, size: float, kills: int) -> tuple[list[Notified], float]:
    """What was sent between the page and the end of a fault, but that the service is silent, or judges again; and the
    longest time (seconds) in which there was no new point of the service."""
    lapse.shop.inject(service, "slow", size)
    lapse.hear(("page", "firing", "CausalRootCause", f"platform/{service}"))
    began = time.time()
    for _ in range(kills):
        several = len(lapse.replicas) > 1
        strike(lapse, random.choice(WHAT) if several else "all", random.randrange(len(lapse.replicas)))
        time.sleep(random.uniform(0, 2 * STEP) if several else 0.0)
    lapse.wait_for(f'causal_service_anomaly{{service="{service}"}} == 1')
    found = lapse.hear()
    gap = longest_gap(lapse.prometheus, service, began)
    lapse.shop.recover()
    lapse.hear(("page", "resolved", "CausalRootCause", f"platform/{service}"))
    return [one for one in found if one.alert != "CausalDatasourceSilent"], gap


def longest_gap(prometheus: str, service: str, began: float) -> float:
    """Seconds between two points of a service's anomaly, of whichever replica, since a time."""
    query = f'causal_service_anomaly{{service="{service}"}}[{int(time.time() - began) + 1}s]'
    answer = requests.get(f"{prometheus}/api/v1/query", params={"query": query}, timeout=30).json()
    times = sorted({float(at) for one in answer["data"]["result"] for at, _ in one["values"]})
    return max((later - at for at, later in pairwise(times)), default=0.0)


def incidents(lapse: Lapse) -> Counter[str]:
    """How many incidents there are of each root cause, as a replica shows them."""
    shown = requests.get(f"http://127.0.0.1:{lapse.ports[0]}/api/v1/incidents", timeout=30).json()
    return Counter(str(one["root_cause"]) for one in shown if one["root_cause"])


@contextmanager
def store(replicas: int) -> Iterator[Mapping[str, str] | None]:
    """What several replicas share."""
    if replicas == 1:
        yield None
        return
    with running_postgresql(find) as server:
        yield {"url": server.url}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--replicas", type=int, default=1)
    asked = parser.parse_args()
    random.seed(1)
    wrong: list[Notified] = []
    began, done, longest, faults = time.monotonic(), 0, 0.0, Counter[str]()
    with (
        store(asked.replicas) as shared,
        tempfile.TemporaryDirectory() as directory,
        running(Path(directory), find, HISTORY, asked.replicas, shared) as lapse,
    ):
        for service, size in cycle(FAULTS):
            kills = min(EACH, asked.kills - done)
            if not kills:
                break
            found, gap = fault(lapse, service, size, kills)
            done, wrong, longest = done + kills, wrong + found, max(longest, gap)
            faults[f"platform/{service}"] += 1
            passed = time.monotonic() - began
            print(f"{done} kills, {passed:.0f} s, {len(wrong)} wrong, no point for {gap:.1f} s: {service}", *found)
            sys.stdout.flush()
        known = incidents(lapse)
    print(f"longest time without a new point: {longest:.1f} s, {longest / STEP:.1f} steps of {STEP} s")
    print(f"faults: {dict(faults)}; incidents by root cause: {dict(known)}")
    lost = sorted(name for name in faults if known[name] < faults[name])
    fewer = f": fewer of {', '.join(lost)}" if lost else ""
    print(f"{'MISSED' if lost else 'reached'}  an incident of every fault{fewer}")
    print(f"{'MISSED' if wrong else 'reached'}  {len(wrong)} notifications of a fault that goes on, in {done} kills")
    return int(bool(wrong or lost))


if __name__ == "__main__":
    sys.exit(main())
