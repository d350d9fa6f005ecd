"""The `quiet_times` block: when whose anomalies are known and harmless."""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from datasource.settings.block import Block
from datasource.settings.cron import Cron, parse_cron, zone_named
from datasource.settings.duration import Duration

_DAY = 86400
_FARTHEST = 9 * 366
"""Days until 29 February comes again, at the most (1896 to 1904)."""

Span = tuple[float, float]


def _zone(name: str) -> str:
    zone_named(name)
    return name


def _some(text: str) -> str:
    if not text.strip():
        raise ValueError("nothing stands there; write what people should read")
    return text.strip()


def _pattern(text: str) -> str:
    if not text.strip():
        raise ValueError("an empty name; write an entity as shop/web or shop/*, or leave entities out for all")
    return text.strip()


class QuietTime(Block):
    """From every time that `cron` names, by the clock of `timezone`, `entities` do not alarm for `duration`.

    Entities are written in full (`shop/db`), by the end of their name (`db`), or as globs (`shop/*`); none means all.
    """

    cron: Annotated[Cron, BeforeValidator(parse_cron)]
    duration: Annotated[Duration, Field(gt=0)]
    entities: tuple[Annotated[str, AfterValidator(_pattern)], ...] = ()
    reason: Annotated[str, AfterValidator(_some)]
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"

    @property
    def zone(self) -> tzinfo:
        return zone_named(self.timezone)

    def spans(self, start: float, end: float) -> list[Span]:
        """When it goes on (from, to; seconds since 1970), as far as that touches [start, end]; overlapping ones are
        one."""
        begins = self.cron.begins(start - self.duration, end, self.zone)
        return merged([(at, at + self.duration) for at in begins])

    def next_begin(self, after: float) -> int | None:
        """The first time after another one (seconds) at which it begins; None where none comes within nine years."""
        for day in range(_FARTHEST):
            begins = self.cron.begins(after + day * _DAY + 1, after + (day + 1) * _DAY, self.zone)
            if (found := next(begins, None)) is not None:
                return found
        return None

    def shown(self, at: float, beside: float) -> str:
        """A time by its clock, with the day where that is not the day of `beside` (both seconds)."""
        when, other = (datetime.fromtimestamp(one, self.zone) for one in (at, beside))
        return when.strftime("%H:%M %Z" if when.date() == other.date() else "%Y-%m-%d %H:%M %Z")


def merged(spans: Sequence[Span]) -> list[Span]:
    """The same times in spans that do not touch, in order.

    >>> merged([(5, 9), (1, 3), (2, 4)])
    [(1, 4), (5, 9)]
    """
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found
