"""What is wrong at a place of causal.yaml, and how it is said."""

from collections.abc import Iterable
from difflib import get_close_matches

Place = tuple[str | int, ...]
Finding = tuple[Place, str]


def known(name: str, names: Iterable[str]) -> str:
    """'did you mean' for a wrong name."""
    names = list(names)
    close = get_close_matches(name, names, 1)
    return f"did you mean '{close[0]}'?" if close else f"known are: {', '.join(sorted(names)) or 'none'}"
