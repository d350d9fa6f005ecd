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
_HEADS = 5
"""Lines of a head."""
NOT_KNOWN = "not known"


class Part(NamedTuple):
    """Claims that the same panel or address shows, the largest first."""

    heading: str
    lines: Sequence[str]
    shown_by: str = ""


def told(head: Sequence[str], parts: Sequence[Part], narrower: str = "") -> str:
    """The head, at most `_HEADS` lines, then each part that has lines, in at most `MOST` characters. `narrower` says
    how to see the rest. A part takes at most half of what is left, unless those after it need less than the other
    half."""
    written = [_shortened(line) for line in head[:_HEADS]]
    more = f"; {_shortened(narrower)}" if narrower else ""
    blocks = [_block(part) for part in parts if part.lines]
    sizes = [sum(len(line) + 3 for line in block) for block in blocks]
    reserved = _RESERVED + len(more)
    left = MOST - sum(len(line) + 1 for line in written) - _RESERVED
    for place, (heading, *lines) in enumerate(blocks):
        if len(heading) + 2 + reserved > left:
            written.append(f"\nleft out: {len(blocks) - place} of {len(blocks)} parts")
            break
        own = max(left // 2, left - sum(sizes[place + 1 :])) - len(heading) - 2 - reserved
        left -= len(heading) + 2
        written.append(f"\n{heading}")
        for shown, line in enumerate(lines):
            own -= len(line) + 1
            if own < 0:
                written.append(f"- cut: {len(lines) - shown} of {len(lines)}, the smallest{more}")
                left -= reserved
                break
            written.append(line)
            left -= len(line) + 1
    return "\n".join(written).lstrip("\n")


def _block(part: Part) -> list[str]:
    """The heading of a part and its lines, each shortened."""
    heading = part.heading + (f" (shown by {part.shown_by})" if part.shown_by else "")
    return [_shortened(heading), *(f"- {_shortened(line)}" for line in part.lines)]


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
