"""An answer as text that an agent can bear: bounded, and what was left out is said."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

MOST = 6000
"""Characters of an answer, some 1,500 tokens: an agent asks several questions about an incident."""
_LONGEST = 600
"""Characters of a line; a summary of an incident with four services has 300."""
_RESERVED = 80
"""Characters of the line that says what was cut."""
NOT_KNOWN = "not known"


class Part(NamedTuple):
    """Claims that the same panel or address shows, the largest first."""

    heading: str
    lines: Sequence[str]
    shown_by: str = ""


def told(head: Sequence[str], parts: Sequence[Part], narrower: str = "") -> str:
    """The head, then each part that has lines, in at most `MOST` characters; `narrower` says how to see the rest."""
    parts = [part for part in parts if part.lines]
    begun = [_shortened(line) for line in head]
    headings = [f"\n{part.heading}" + (f" (shown by {part.shown_by})" if part.shown_by else "") for part in parts]
    left = MOST - sum(len(line) + 1 + _RESERVED for line in (*begun, *headings)) - len(narrower) * len(parts)
    written = [*begun]
    for heading, part in zip(headings, parts, strict=True):
        written.append(heading)
        for place, line in enumerate(part.lines):
            shown = f"- {_shortened(line)}"
            left -= len(shown) + 1
            if left < 0:
                rest = len(part.lines) - place
                written.append(
                    f"- cut: {rest} of {len(part.lines)}, the smallest" + (f"; {narrower}" if narrower else "")
                )
                break
            written.append(shown)
    return "\n".join(written).lstrip("\n")


def number(value: float | None, unit: str = "") -> str:
    """With four digits and its unit; what is None is not known."""
    if value is None:
        return NOT_KNOWN
    return f"{value:.4g} {unit}".strip() if unit not in ("short", "none") else f"{value:.4g}"


def share(value: float | None) -> str:
    """As a percentage."""
    return NOT_KNOWN if value is None else f"{value:.0%}"


def time(seconds: float | None) -> str:
    """A time (seconds since 1970) as ISO 8601."""
    return NOT_KNOWN if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _shortened(line: str) -> str:
    line = " ".join(line.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."
