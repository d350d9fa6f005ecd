"""What is wrong at a place of causal.yaml, and how it is said."""

from collections.abc import Iterable
from difflib import get_close_matches

Place = tuple[str | int, ...]
Finding = tuple[Place, str]


def known(name: str, names: Iterable[str]) -> str:
    """'did you mean' for a wrong name."""
    names = list(names)
    return close_to(name, names) or f"known are: {', '.join(sorted(names)) or 'none'}"


def close_to(name: str, names: Iterable[str]) -> str:
    """'did you mean' where there is something close to a wrong name, else nothing."""
    close = get_close_matches(name, list(names), 1)
    return f"did you mean '{close[0]}'?" if close else ""
