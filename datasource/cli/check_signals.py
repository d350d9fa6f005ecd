"""Did a signal's query bring entities, points, and enough of them?"""

from collections.abc import Iterator, Sequence

import numpy as np

from datasource.cli.diagnosis import LATER, Diagnosis, refused
from datasource.cli.finding import Finding, State
from datasource.data import Floats, Matrix, Roles, count_absent_failures
from datasource.library.doubts import Doubt, find_doubts
from datasource.library.text import count
from datasource.prometheus import PrometheusError, SignalReport
from datasource.service.unjudged import short_lived, unjudged, unjudged_notices
from datasource.settings import Settings, format_duration

_STALE_SECONDS = 600
_STALE_STEPS = 5


def check_signal(settings: Settings, report: SignalReport, matrix: Matrix, diagnosis: Diagnosis) -> Finding:
    """What one signal brought, and why not more. Raises PrometheusError."""
    name, signal = report.signal, settings.signals[report.signal]
    amount = f"{count(report.entities, signal.entity)}, {count(report.points, 'point')}"
    loads = {other: one for other, one in settings.signals.items() if one.role == "load"}
    counted = count_absent_failures(matrix, loads | {name: signal})
    if report.kind not in ("", "labels"):
        return Finding("signals", name, amount, "wrong", refused(PrometheusError(report.kind, report.problem)))
    if not report.entities:
        if signal.source != "prometheus" and report.kind != "labels":
            what, where = ("span", "Tempo") if signal.source == "tempo" else ("line", signal.source.capitalize())
            text = f"no {what} matched; try the query in {where} if some should have"
            none = signal.kind == "event" or counted is not matrix
            return Finding("signals", name, amount, "note" if none else "wrong", text)
        if report.kind != "labels" and diagnosis.just_begun(signal):
            needed = settings.evaluation.warm_up
            wait = format_duration(needed * settings.step)
            text = f"0 of {needed} points: the first samples have just come, ready in about {wait}"
            return Finding("signals", name, amount, "warming", text)
        if report.kind != "labels" and counted is not matrix:
            reason = diagnosis.nothing(signal, counted=True)
            text = f"no series anywhere: counted as zero failures where there is load; check the query: {reason}"
            return Finding("signals", name, amount, "wrong" if "did you mean" in reason else "note", text)
        if report.kind != "labels":
            return Finding("signals", name, amount, "wrong", diagnosis.nothing(signal))
        ambiguous = report.problem.startswith("ambiguous")
        reason = "" if ambiguous or signal.source != "prometheus" else diagnosis.unlabelled(signal)
        return Finding("signals", name, amount, "wrong", reason or report.problem)
    if not report.points:
        text = "every value is NaN or infinite; does the query divide by zero?"
        return Finding("signals", name, amount, "wrong", text)
    rows = np.array([counted.row(variable) for variable in counted.variables if variable.signal == name])
    said = "; ".join(filter(None, (report.problem, report.notice)))
    fine = Finding("signals", name, amount, "ok", said)
    if report.problem.startswith("ambiguous"):
        return fine._replace(state="wrong")
    return _doubted(_enough(settings, fine, rows), _doubts(settings, name, counted, diagnosis))


def _doubts(settings: Settings, name: str, counted: Matrix, diagnosis: Diagnosis) -> list[Doubt]:
    """What is doubtful about a signal's numbers, and about how they are asked for."""
    signal = settings.signals[name]
    if signal.source != "prometheus":
        return list(find_doubts(settings, name, counted))
    try:
        timing = [*diagnosis.timing(signal), *diagnosis.doubled(signal)]
        counter, top = diagnosis.raw_counter(signal), diagnosis.highest_bucket(signal)
        within = diagnosis.rated(signal) if counter else ""
    except PrometheusError:  # the signal is there, and what cannot be asked about it is no fault of it
        return list(find_doubts(settings, name, counted))
    if any(one.wrong for one in timing):
        return timing
    return [*timing, *find_doubts(settings, name, counted, counter=counter, top=top, within=within)]


def _doubted(finding: Finding, doubts: Sequence[Doubt]) -> Finding:
    """The finding with what is doubtful, which is wrong, or only worth a note."""
    if not doubts or finding.state == "wrong":
        return finding
    said = "; ".join(filter(None, (*(one.text for one in doubts), finding.text)))
    noted: State = "note" if finding.state == "ok" else finding.state
    return finding._replace(state="wrong" if any(one.wrong for one in doubts) else noted, text=said)


def check_step(settings: Settings, diagnosis: Diagnosis) -> Iterator[Finding]:
    """Whether all that is measured comes more rarely than every step."""
    intervals = [every for every in diagnosis.intervals.values() if every]
    if intervals and min(intervals) > LATER * settings.step:
        often = format_duration(min(intervals))
        text = f"samples come every {often} at most; write step: {often}, and a baseline of at least "
        text += f"{settings.evaluation.warm_up} of them"
        yield Finding("signals", "step", format_duration(settings.step), "wrong", text)


def check_points(settings: Settings, matrix: Matrix) -> Iterator[Finding]:
    """Which variables have too few points to be judged, once there are enough of others."""
    needed, enough = settings.evaluation.warm_up, np.isfinite(matrix.values).any(axis=0).sum()
    roles = Roles(settings.signals)
    short = [one for one in unjudged(matrix, roles, ()) if one.points < needed]
    judged = set(matrix.variables) - {one.variable for one in short}
    if enough < needed:
        return
    lives = {text for _, text in short_lived(short, judged, needed)}
    for text in unjudged_notices(short, judged, needed):
        young = all(one.age < needed for one in short if not one.ended)
        state: State = "wrong" if text in lives else "warming" if young else "note"
        yield Finding("signals", "", "", state, text)


def _enough(settings: Settings, fine: Finding, rows: Floats) -> Finding:
    """The same finding, or that samples have stopped, or that there are too few as yet."""
    times = np.flatnonzero(np.isfinite(rows).any(axis=0))
    points, span, silent = times.size, rows.shape[1] - int(times[0]), rows.shape[1] - 1 - int(times[-1])
    if silent * settings.step > max(_STALE_SECONDS, _STALE_STEPS * settings.step):
        since = format_duration(silent * settings.step // 60 * 60)
        return fine._replace(state="wrong", text=f"no sample in the last {since}; has the target gone?")
    needed = settings.evaluation.warm_up
    if points >= needed:
        return fine._replace(state="note") if fine.text else fine
    wait = (needed - points) * span / points * settings.step
    text = f"{points} of {needed} points: warming up, ready in about {_minutes(wait)}"
    if points < span / 2:
        text += f" (only {points} of the last {span} points have a sample)"
    return fine._replace(state="warming", text=f"{text}; {fine.text}" if fine.text else text)


def _minutes(seconds: float) -> str:
    return format_duration(seconds if seconds < 60 else seconds // 60 * 60)
