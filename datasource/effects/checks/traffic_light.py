"""Checks at a glance: one colour and one sentence."""

from collections.abc import Iterable, Sequence
from typing import Literal

from datasource.effects.result import Check

Colour = Literal["green", "yellow", "red", "grey"]

INVALIDATING = frozenset(
    {
        "placebo treatment",
        "weak instrument",
        "parallel trends",
        "window mismatch",
        "no degrees of freedom",
        "too few points",
    }
)
"""An estimate that fails one of these says nothing."""


def traffic_light(checks: Iterable[Check]) -> Colour:
    """Red where a check failed that invalidates, yellow where another one did, grey where none could be made."""
    made = [check for check in checks if check.passed is not None]
    failed = {check.name for check in made if not check.passed}
    if failed & INVALIDATING:
        return "red"
    if failed:
        return "yellow"
    return "green" if made else "grey"


def summary(checks: Sequence[Check]) -> str:
    """What held and what failed, in one sentence."""
    made = [check for check in checks if check.passed is not None]
    failed = [check.name for check in made if not check.passed]
    if not made:
        return "no check could be made"
    if not failed:
        return f"{'all ' if len(made) > 1 else ''}{len(made)} check{'s hold' if len(made) > 1 else ' holds'}"
    verb = "fails" if len(failed) == 1 else "fail"
    return f"{len(made) - len(failed)} of {len(made)} checks hold; {_listed(failed)} {verb}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
