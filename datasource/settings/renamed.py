"""Keys of the settings file that are called otherwise now."""

from collections.abc import Mapping

Place = tuple[str | int, ...]

RENAMED: Mapping[tuple[str, ...], str] = {
    ("evaluation", "concurrency"): "prometheus.concurrency",
}
"""The place of each key that was, `*` standing for any name, and where the same is said now."""


def renamed(place: Place) -> str:
    """Where the same is said now; empty for what never was a key.

    >>> renamed(("evaluation", "concurrency"))
    'prometheus.concurrency'
    """
    return next((now for old, now in RENAMED.items() if _is_at(old, place)), "")


def _is_at(old: tuple[str, ...], place: Place) -> bool:
    return len(old) == len(place) and all(name in ("*", one) for name, one in zip(old, place, strict=True))
