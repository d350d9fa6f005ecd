"""When are the next quiet times, and of whom?"""

from collections.abc import Collection, Iterator

from datasource.causes import QuietTimes
from datasource.cli.finding import Finding
from datasource.data import Entity, Roles
from datasource.library.text import count
from datasource.settings import Settings, format_duration


def check_quiet_times(settings: Settings, entities: Collection[Entity], now: float) -> Iterator[Finding]:
    """Of each quiet time how many entities it is for, and when it comes next; names that stand for nobody."""
    times = QuietTimes(settings.quiet_times, Roles(settings.signals))
    for block in settings.quiet_times:
        own = sum(block in times.of(entity) for entity in entities)
        begin = block.next_begin(now)
        next_one = f"next at {block.shown(begin, 0)}, " if begin is not None else ""
        text = f"{next_one}for {format_duration(block.duration)}"
        yield Finding("quiet times", block.reason, count(own, "entity"), "ok" if own else "note", text)
    for notice in times.notices(entities):
        yield Finding("quiet times", "", "", "note", notice)
