"""What `backtest` and `tune` have in common: they replay what the user asked for, or say why they cannot."""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import click

from datasource.cli import printing
from datasource.cli.replay_options import Asked

if TYPE_CHECKING:
    from datasource.replay.alarms import Replay
    from datasource.replay.recorded import Recorded
    from datasource.replay.windows import Stretch
    from datasource.settings import Settings

_SHOWN = 10


class Replayed(NamedTuple):
    """A replay, with all that it was made of; `refit` in seconds."""

    settings: "Settings"
    replay: "Replay"
    incidents: tuple["Recorded", ...]
    refit: float
    notices: tuple[str, ...]


class CannotReplayError(Exception):
    """There is nothing to replay; the text says what to change."""


@contextmanager
def told_errors() -> Iterator[None]:
    """What a user can cause ends the command with its text and 2."""
    from datasource.replay.recorded import IncidentsError

    with printing.told_errors():
        try:
            yield
        except (CannotReplayError, IncidentsError) as error:
            printing.refuse(str(error))


def replayed(asked: Asked) -> Replayed:
    """Read and replay. Raises what `told_errors` tells."""
    from datasource.replay.judging import replay
    from datasource.replay.recorded import read_incidents
    from datasource.service.rates import promise_notices
    from datasource.settings import parse_duration

    try:
        refit = parse_duration(asked.refit)
    except ValueError as error:
        raise CannotReplayError(f"--refit: {error}") from None
    if refit <= 0:
        raise CannotReplayError("--refit: mechanisms cannot be fitted anew every 0 seconds; write it as 1h or 6h")
    incidents = read_incidents(asked.incidents) if asked.incidents else ()
    past = _from_files(asked, refit) if asked.data else _from_prometheus(asked, refit)
    found = replay(past.settings, past.start, past.end, _progress(past, refit))
    if not found.judged.any():
        raise CannotReplayError(
            f"nothing could be judged from {_when(past.start)} to {_when(past.end)}: "
            f"{_missing(past.settings)}{_first(found.notices)}"
        )
    beyond = promise_notices(found.supported, past.settings.anomaly.false_alarms_per_day)
    notices = (*past.notices, *found.notices, *_unmeasured(incidents, found), *beyond)
    return Replayed(past.settings, found, incidents, refit, notices)


def notice_lines(notices: Iterable[str]) -> Iterator[str]:
    """Each notice once, under a title."""
    if notices := dict.fromkeys(notices):
        yield ""
        yield "Notices"
        yield from (f"  {notice}" for notice in notices)


def _unmeasured(incidents: "Iterable[Recorded]", found: "Replay") -> Iterator[str]:
    entities = sorted({variable.entity for variable in found.variables})
    for one in incidents:
        if one.service and not any(one.is_of(entity) for entity in entities):
            known = ", ".join(map(str, entities[:_SHOWN])) + (", ..." if len(entities) > _SHOWN else "")
            yield f"recorded incidents: '{one.service}' is not measured, and cannot be named; measured are {known}"


class _Past(NamedTuple):
    settings: "Settings"
    start: int
    end: int
    stretches: "Iterator[Stretch]"
    notices: tuple[str, ...] = ()


def _from_prometheus(asked: Asked, refit: float) -> _Past:
    from datasource.prometheus import Reader
    from datasource.replay.windows import stretches_from
    from datasource.settings import load_settings

    loaded = load_settings(asked.settings_file or "causal.yaml")
    settings = (loaded.reading_from(asked.url) if asked.url else loaded).settings
    reader = Reader(settings)
    newest = reader.newest(time.time())
    until = min(_time("--to", asked.until, newest), newest)
    start, end = _grid(_time("--from", asked.since or "-7d", newest), until, int(settings.step))
    return _Past(settings, start, end, stretches_from(reader, start, end, refit))


def _from_files(asked: Asked, refit: float) -> _Past:
    from datasource.library.sources import Source, open_whole
    from datasource.replay.windows import stretches_of

    opened = open_whole(Source(asked.data, asked.config, asked.graph, asked.calls, asked.reading))
    settings, matrix = opened.settings, opened.data.matrix
    if not opened.data.has_time:
        raise CannotReplayError("the file has no time column, and so no alarms per day; name one with --time")
    known = matrix.select([variable for variable in matrix.variables if variable.signal in settings.signals])
    span = matrix.end + matrix.step - matrix.start
    usual = matrix.start + min(settings.recent_points * matrix.step, span // 2)
    since = _time("--from", asked.since, matrix.end) if asked.since else usual
    start, end = _grid(since, min(_time("--to", asked.until, matrix.end), matrix.end), matrix.step)
    if asked.config is None:
        before = float(max(start - matrix.start, matrix.step))
        settings = settings.model_copy(update={"baseline": before, "full_resolution": before})
    return _Past(settings, start, end, stretches_of(settings, known, start, end, refit), opened.data.notices)


def _grid(since: float, until: float, step: int) -> tuple[int, int]:
    start, end = int(-(-since // step) * step), int(until // step * step)
    if end < start:
        raise CannotReplayError(f"--from {_when(start)} is not before --to {_when(end)}; choose an earlier --from")
    return start, end


def _time(option: str, text: str, now: int) -> float:
    """Seconds since 1970 of an absolute time, of one before now, or of now."""
    from datasource.data.csv.times import parse_time
    from datasource.settings import parse_duration

    relative = text.strip().removeprefix("now")
    try:
        return now - parse_duration(relative[1:]) if relative[:1] == "-" else parse_time(text) if relative else now
    except ValueError as error:
        raise CannotReplayError(f"{option}: {error}, or relative as -7d") from None


def _progress(past: _Past, refit: float) -> "Iterator[Stretch]":
    """The stretches; on a terminal, it says how far it has come."""
    from datasource.replay.windows import spans

    if not sys.stderr.isatty():
        yield from past.stretches
        return
    many = len(spans(past.start, past.end, int(past.settings.step), refit))
    for number, stretch in enumerate(past.stretches, 1):
        click.echo(f"\rreplaying {_when(stretch.first)}, {number} of {many} ", nl=False, err=True)
        yield stretch
    click.echo("\r\x1b[K", nl=False, err=True)


def _when(seconds: int) -> str:
    from datasource.library.text import when

    return when(seconds)


def _missing(settings: "Settings") -> str:
    """What there was not, and what to do about it."""
    from datasource.data.roles import BREAKS

    own = [name for name, signal in settings.signals.items() if signal.role in BREAKS]
    if own:
        those = ", ".join(own[:_SHOWN]) + (", ..." if len(own) > _SHOWN else "")
        return (
            f"{settings.evaluation.warm_up} points before it are needed (evaluation.warm_up), with samples of {those}; "
            "choose a later --from, or give a longer past"
        )
    return (
        "no signal alarms, for that its role has to be latency, failure, work or saturation; give one such a role, in "
        "the settings or by the name of its column"
    )


def _first(notices: tuple[str, ...]) -> str:
    return f" ({notices[0]})" if notices else ""
