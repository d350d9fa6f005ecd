"""What does each tuned number of the ranking carry? Halved and doubled one by one, on incidents whose truth is known.

python benchmarks/sensitivity.py [--cases N] [--first N] [--nezha DIR] [--petshop DIR] [--train-ticket DIR]

Prints, of each number, in how many cases the root cause is won and lost as the first, halved and doubled, and by how
much the mean probability of the truth (none where nothing broke) changes. What changes nothing anywhere can go.
"""

import argparse
import importlib
import os
import pkgutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks.incidents.incident import Incident
from benchmarks.incidents.judging import found_within
from benchmarks.incidents.nezha import read_nezha
from benchmarks.incidents.petshop import read_petshop
from benchmarks.incidents.scenarios import SCENARIOS, simulate_incident
from benchmarks.incidents.train_ticket import read_train_ticket
from datasource.causes import ranking
from datasource.causes.ranking import constants
from datasource.causes.ranking.rank import rank
from datasource.data import Floats


class Number(NamedTuple):
    """A tuned number of the table: its name, its place in a tuple, and its value."""

    name: str
    place: int
    value: float

    def __str__(self) -> str:
        return f"{self.name}[{self.place}]" if self.place >= 0 else self.name

    def set(self, value: float) -> None:
        """Put another value in its place, in every module of the ranking that uses it."""
        kind = int if isinstance(self.value, int) else float
        there = getattr(constants, self.name)
        new = kind(value) if self.place < 0 else (*there[: self.place], kind(value), *there[self.place + 1 :])
        for module in (constants, *modules()):
            if hasattr(module, self.name):
                setattr(module, self.name, new)


def modules() -> list[ModuleType]:
    """Every module of the ranking."""
    return [importlib.import_module(f"{ranking.__name__}.{one.name}") for one in pkgutil.iter_modules(ranking.__path__)]


def numbers() -> Iterator[Number]:
    """Every number of the ranking's table."""
    for name, value in vars(constants).items():
        if name.isupper():
            for place, one in enumerate(value if isinstance(value, tuple) else (value,)):
                yield Number(name, place if isinstance(value, tuple) else -1, one)


def judged(incidents: Sequence[Incident]) -> tuple[Floats, Floats]:
    """Of each incident, how far the truth comes first (0 to 1), and its probability."""
    first, sure = [], []
    for one in incidents:
        found = rank(one.baseline, one.incident, one.signals, one.calls, one.symptom)
        right = frozenset().union(*one.causes)
        named = sum(share for entity, share in found.confidence.items() if str(entity) in right)
        first.append(found_within(one, {str(e): s for e, s in found.entities.items()}, 1) if one.causes else 0.0)
        sure.append(named if one.causes else 1 - sum(found.confidence.values()))
    return np.array(first), np.array(sure)


def main() -> None:
    """Vary, print."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--cases", type=int, default=8, help="simulated incidents of each scenario")
    arguments.add_argument("--first", type=int, default=4000, help="the number of the first case")
    arguments.add_argument("--nezha", help="as for nezha.py")
    arguments.add_argument("--petshop", help="as for petshop.py")
    arguments.add_argument("--train-ticket", help="as for train_ticket.py")
    chosen = arguments.parse_args()
    incidents = [
        simulate_incident(name, number)
        for name in SCENARIOS
        for number in range(chosen.first, chosen.first + chosen.cases)
    ]
    incidents += read_nezha(chosen.nezha) if chosen.nezha else []
    incidents += read_petshop(chosen.petshop) if chosen.petshop else []
    incidents += read_train_ticket(chosen.train_ticket) if chosen.train_ticket else []
    usual = judged(incidents)
    found, sure = usual[0].sum(), usual[1].mean()
    print(f"{len(incidents)} incidents, {found:.1f} found first, mean probability of the truth {sure:.3f}\n")
    heads = ("value", "halved: won, lost", "probability", "doubled: won, lost", "probability")
    print(f"{'number':<38}" + "".join(f"{head:>20}" for head in heads))
    for number in numbers():
        cells = [f"{number.value:g}"]
        for other in (number.value / 2, 2 * number.value if number.value >= 1 else _doubled(number.value)):
            number.set(other)
            try:
                first, likely = judged(incidents)
            finally:
                number.set(number.value)
            change = first - usual[0]
            cells += [f"{(change > 0).sum()}, {(change < 0).sum()}", f"{(likely - usual[1]).mean():+.3f}"]
        print(f"{number!s:<38}" + "".join(f"{cell:>20}" for cell in cells), flush=True)


def _doubled(share: float) -> float:
    """A share stays one: at most half of the way to 1."""
    return min(2 * share, (1 + share) / 2)


if __name__ == "__main__":
    main()
