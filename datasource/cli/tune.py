"""`causal-datasource tune`: thresholds with which the promise is kept, as a change of the settings."""

import sys
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from datasource.cli.backtest import header
from datasource.cli.printing import refuse
from datasource.cli.replay_options import Asked, replay_options
from datasource.cli.replaying import Replayed, notice_lines, replayed, told_errors

if TYPE_CHECKING:
    from datasource.replay.tune import Tuning, TuningOutcome

NOTHING_TO_CHANGE, CHANGE, CANNOT_BE_MET = 0, 1, 3
"""Exit codes."""
_WIDE = 3.0
"""An interval that is so many times wider hides real faults as well."""


class _Change(NamedTuple):
    """The settings file as it is and as it should be."""

    path: Path
    before: str
    after: str

    @property
    def diff(self) -> str:
        before, after = (text.splitlines(keepends=True) for text in (self.before, self.after))
        return "".join(unified_diff(before, after, str(self.path), str(self.path)))


@click.command()
@replay_options
@click.option("--write", is_flag=True, help="Change the settings file.")
def tune(asked: Asked, as_json: bool, write: bool) -> None:
    """Replay the past and propose thresholds with which alarms are as rare as promised, as a diff of the settings.

    Thresholds are chosen on the first part of the time and tried on the rest. Ends with 0 when there is nothing to
    change, with 1 when a change is proposed or written, with 2 when that cannot be computed, and with 3 when the
    promise cannot be kept with this data.
    """
    from datasource.cli.settings_edit import EditError, replace_text
    from datasource.replay.tune import NotEnoughError
    from datasource.replay.tune import tune as choose

    if write and asked.settings_file is None:
        refuse("--write needs a settings file to change; name it with --config")
    with told_errors():
        done = replayed(asked)
        anomaly = done.settings.anomaly
        try:
            found = choose(done.replay, done.incidents, anomaly.false_alarms_per_day, anomaly.thresholds)
            change = _change(asked.settings_file, found) if found.met else None
        except (NotEnoughError, EditError) as error:
            refuse(str(error))
    written = bool(write and change)
    if change and written:
        try:
            replace_text(change.path, change.after)
        except OSError as error:
            refuse(f"{change.path}: cannot be written: {error.strerror or error}; the change is\n{change.diff}")
    if as_json:
        import orjson

        click.echo(orjson.dumps(_json(found, done, change, written), option=orjson.OPT_INDENT_2))
    else:
        for line in (
            *header(done),
            "",
            *_summary(found, done),
            *notice_lines((*_doubts(found), *done.notices)),
            "",
            *_verdict(found, change, written),
        ):
            click.echo(line)
    sys.exit(CANNOT_BE_MET if not found.met else CHANGE if found.thresholds else NOTHING_TO_CHANGE)


def _change(path: str | None, found: "Tuning") -> _Change | None:
    """Raises EditError."""
    from datasource.cli.settings_edit import with_thresholds

    if path is None or not found.thresholds:
        return None
    file = Path(path)
    with file.open(encoding="utf-8", newline="") as opened:
        text = opened.read()
    return _Change(file, text, with_thresholds(text, found.thresholds, path, file.parent))


def _summary(found: "Tuning", done: Replayed) -> Iterator[str]:
    from datasource.library.text import table

    yield f"Promise: {found.promise:g} false alarms a day"
    if found.thresholds:
        yield ""
        was = done.settings.anomaly.thresholds
        rows = [("signal", "threshold", "was")]
        rows += [(signal, f"{new:g}", f"{was.get(signal, 1.0):g}") for signal, new in found.thresholds.items()]
        yield from table(rows)
    yield ""
    chosen = f"Chosen on the first {found.days:.2g} days, tried" if found.thresholds else "Tried"
    yield f"{chosen} on the last {found.held_out:.2g} days, outside of recorded incidents"
    fared = [("", "alarms", "a day", "", "detected"), ("now", *_fared(found.before))]
    if found.thresholds:
        fared.append(("changed", *_fared(found.after)))
    yield from table(fared)


def _fared(fared: "TuningOutcome") -> tuple[str, str, str, str]:
    detected = f"{fared.detected} of {fared.incidents}" if fared.incidents else "none recorded"
    return f"{fared.episodes}", fared.rate.told, fared.rate.interval, detected


def _doubts(found: "Tuning") -> Iterator[str]:
    wide = [signal for signal, factor in found.widened.items() if factor > _WIDE]
    if wide:
        yield (
            f"{', '.join(wide)}: so wide an interval hides real faults; 'backtest' shows its worst alarms, which may "
            "be incidents that nobody recorded (--incidents)"
        )
    if found.after.detected < found.before.detected:
        yield f"{found.before.detected - found.after.detected} recorded incidents would no longer be detected"


def _verdict(found: "Tuning", change: _Change | None, written: bool) -> Iterator[str]:
    if not found.met:
        yield (
            "The promise cannot be kept with this data: alarms stay significantly more frequent, most of all from "
            f"{', '.join(found.blamed)}. Look at them with 'backtest': what is missing in the causal graph, which "
            "incidents were not recorded? Or promise less: raise anomaly.false_alarms_per_day"
        )
    elif not found.thresholds:
        yield "Nothing to change: alarms are not significantly more frequent than promised"
    elif change is None:
        thresholds = ", ".join(f"{signal}: {factor:g}" for signal, factor in found.thresholds.items())
        yield f"In a settings file: anomaly: {{thresholds: {{{thresholds}}}}}"
    else:
        yield f"wrote {change.path}" if written else change.diff.rstrip("\n")


def _json(found: "Tuning", done: Replayed, change: _Change | None, written: bool) -> dict[str, Any]:
    parts = {"before": found.before, "after": found.after}
    return {
        "promise": found.promise,
        "met": found.met,
        "thresholds": dict(found.thresholds),
        "chosen_on_days": found.days,
        "tried_on_days": found.held_out,
        **{name: {**part._asdict(), "rate": part.rate._asdict()} for name, part in parts.items()},
        "blamed": list(found.blamed),
        "diff": change.diff if change else "",
        "written": written,
        "notices": list(done.notices),
    }
