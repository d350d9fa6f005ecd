"""`causal-datasource backtest`: would the promise have been kept, and the recorded incidents found?"""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from datasource.cli.file_options import report_option
from datasource.cli.printing import refuse, write_page
from datasource.cli.replay_options import Asked, replay_options
from datasource.cli.replaying import Replayed, notice_lines, replayed, told_errors

if TYPE_CHECKING:
    from datasource.replay.alarms import Episode
    from datasource.replay.backtest import Backtest, Outcome
    from datasource.replay.recorded import Recorded

KEPT, BROKEN = 0, 1
"""Exit codes."""
_SHOWN = 10


@click.command()
@replay_options
@click.option(
    "--min-detection", type=click.FloatRange(0, 1), default=None, help="Share of the recorded incidents to be found."
)
@report_option
def backtest(asked: Asked, as_json: bool, min_detection: float | None, report: str | None) -> None:
    """Replay the past: alarms per day against the promise, detection and delay against recorded incidents.

    Ends with 0 when alarms are not significantly more frequent than promised and detection is as demanded, with 1
    when not, and with 2 when that cannot be computed.
    """
    from datasource.replay.backtest import backtest as compare

    with told_errors():
        done = replayed(asked)
        found = compare(done.replay, done.incidents, done.settings.anomaly.false_alarms_per_day)
    if found.rate is None:
        refuse("all of the replayed time lies in recorded incidents; choose an earlier --from")
    if min_detection is not None and not found.outcomes:
        refuse("--min-detection needs --incidents that began in the replayed time, while something was measured")
    lines = [*header(done), "", *_summary(found), *_worst(found, done), *_tallies(found), *_notices(found, done)]
    if report is not None:
        write_page(report, lambda: _page(found, "\n".join(lines)))
    if as_json:
        import orjson

        click.echo(orjson.dumps(_json(found, done), option=orjson.OPT_INDENT_2))
    else:
        for line in lines:
            click.echo(line)
    sys.exit(KEPT if found.kept and found.detection >= (min_detection or 0.0) else BROKEN)


def _page(found: "Backtest", text: str) -> str:
    """Alarms and recorded incidents by time, and their rate beside the promise."""
    import numpy as np

    from datasource.library.page import page
    from datasource.library.pictures import PLAIN, Bar, Stretch, intervals, timeline

    assert found.rate is not None

    def at(seconds: float) -> np.datetime64:
        return np.datetime64(int(seconds), "s")

    stems = [(at(one.start), max(alarm.peak for alarm in one.alarms)) for one in found.false_alarms]
    told = [Stretch(at(o.incident.start), at(o.incident.end), o.delay is not None) for o in found.outcomes]
    rates = [Bar("alarms outside of incidents", *found.rate), Bar("promise", found.promise, color=PLAIN)]
    pictures = (
        timeline("Alarms outside of recorded incidents", "score, above 1 is an anomaly", stems, told),
        intervals("Were there as few false alarms as promised?", "a day, with 95% interval", rates),
    )
    return page("Backtest", text, pictures)


def header(done: Replayed) -> Iterator[str]:
    """What was replayed, and how."""
    from datasource.library.text import count, when
    from datasource.settings import format_duration

    replay, settings = done.replay, done.settings
    entities = {variable.entity for variable in replay.variables}
    yield (
        f"{when(replay.start)} to {when(int(replay.times[-1]))}, {replay.days:.3g} days judged; "
        f"{count(len(replay.variables), 'variable')} of {count(len(entities), 'entity')}"
    )
    yield (
        f"mechanisms fitted every {format_duration(done.refit)} on the {format_duration(settings.baseline)} before "
        f"(the service: every {format_duration(settings.evaluation.refit)})"
    )


def _summary(found: "Backtest") -> Iterator[str]:
    import numpy as np

    from datasource.library.text import table
    from datasource.settings import format_duration

    rate = found.rate
    assert rate is not None
    verdict = "kept" if rate.value <= found.promise else "not significantly above" if found.kept else "BROKEN"
    where = " outside of recorded incidents" if found.outcomes else "; none is recorded, so all count as false"
    rows = [
        ("promise", f"{found.promise:g} false alarms a day"),
        ("alarms", f"{len(found.false_alarms)} in {found.days:.3g} days{where}"),
        ("", f"{rate.told} a day {rate.interval}: {verdict}"),
    ]
    if found.outcomes:
        low, high = found.detection_interval
        share = f"{found.detection:.0%} [{low:.0%}, {high:.0%}]"
        rows.append(("detection", f"{len(found.delays)} of {len(found.outcomes)} recorded incidents: {share}"))
    if found.delays:
        median, most = (format_duration(float(one)) for one in np.quantile(found.delays, (0.5, 0.9)))
        rows.append(("delay", f"median {median}, 90% within {most}"))
    right, of = found.roots
    if of:
        rows.append(("root cause", f"the recorded service was named first in {right} of {of}"))
    yield from table(rows)


def _worst(found: "Backtest", done: Replayed) -> Iterator[str]:
    from datasource.library.text import table, when
    from datasource.settings import format_duration

    if not found.false_alarms:
        return
    worst = sorted(found.false_alarms, key=lambda one: (-one.alarms[0].peak, one.start))
    yield ""
    yield "Alarms outside of recorded incidents, the highest score first (causal: broke; marginal: suffered)"
    rows = [("at", "for", "variable", "score", "", "and", "named")]
    for episode in worst[:_SHOWN]:
        first, entities = episode.alarms[0], {alarm.variable.entity for alarm in episode.alarms}
        others = f"{len(entities) - 1} more" if len(entities) > 1 else ""
        named = ", ".join(map(str, episode.roots[:2])) or "-"
        lasted = format_duration(episode.end - episode.start + done.replay.step)
        rows.append((when(episode.start), lasted, str(first.variable), f"{first.peak:.3g}", first.kind, others, named))
    yield from table(rows)
    if len(worst) > _SHOWN:
        yield f"  and {len(worst) - _SHOWN} more"


def _tallies(found: "Backtest") -> Iterator[str]:
    from datasource.library.text import table

    for title, tallies in (("signal", found.by_signal), ("entity", found.by_entity)):
        if tallies:
            yield ""
            rows = [(title, "alarms", "highest score")]
            yield from table([*rows, *((one.name, f"{one.episodes}", f"{one.peak:.3g}") for one in tallies[:_SHOWN])])


def _notices(found: "Backtest", done: Replayed) -> Iterator[str]:
    missed = (f"not detected: {_told(one)}" for one in found.outcomes if one.delay is None)
    wrong = (f"root cause: {_told(one)}, but {_names(one)} named" for one in found.outcomes if one.root_found is False)
    yield from notice_lines((*missed, *wrong, *_unjudged(found.unjudged), *done.notices))


def _unjudged(incidents: Sequence["Recorded"]) -> Iterator[str]:
    from datasource.library.text import count, when

    if incidents:
        those = count(len(incidents), "recorded incident")
        yield (
            f"{those} began before the replayed time, or while nothing was measured, the first at "
            f"{when(int(incidents[0].start))}: left out"
        )


def _told(outcome: "Outcome") -> str:
    from datasource.library.text import when

    incident = outcome.incident
    return f"{incident.service or 'an incident'} at {when(int(incident.start))}"


def _names(outcome: "Outcome") -> str:
    return ", ".join(map(str, outcome.named)) or "nobody"


def _json(found: "Backtest", done: Replayed) -> dict[str, Any]:
    import numpy as np

    replay, rate = done.replay, found.rate
    assert rate is not None
    low, high = found.detection_interval
    median, most = np.quantile(found.delays, (0.5, 0.9)).tolist() if found.delays else (None, None)
    right, of = found.roots
    return {
        "from": replay.start,
        "to": int(replay.times[-1]),
        "days_judged": replay.days,
        "refit_seconds": done.refit,
        "variables": len(replay.variables),
        "promise": found.promise,
        "kept": found.kept,
        "false_alarms": {"episodes": len(found.false_alarms), "days": found.days, "per_day": rate.value}
        | {"lower": rate.lower, "upper": rate.upper},
        "detection": {"detected": len(found.delays), "incidents": len(found.outcomes), "lower": low, "upper": high},
        "delay_seconds": {"median": median, "p90": most},
        "root_causes": {"right": right, "of": of},
        "incidents": [
            {**one.incident._asdict(), "delay": one.delay, "named": [str(entity) for entity in one.named]}
            for one in found.outcomes
        ],
        "alarms": [_episode(one) for one in found.false_alarms],
        "by_signal": [one._asdict() for one in found.by_signal],
        "by_entity": [one._asdict() for one in found.by_entity],
        "notices": list(done.notices),
    }


def _episode(episode: "Episode") -> dict[str, Any]:
    return {
        "start": episode.start,
        "end": episode.end,
        "named": [str(entity) for entity in episode.roots],
        "scores": [
            {"variable": str(one.variable), "kind": one.kind, "start": one.start, "end": one.end, "score": one.peak}
            for one in episode.alarms
        ],
    }
