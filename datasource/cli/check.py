"""`causal-datasource check`: what do the settings bring, from this Prometheus, now?"""

import time
from collections.abc import Iterator

import click

from datasource.cli.check_effects import check_effects, check_impacts
from datasource.cli.check_graph import check_graph, check_relations
from datasource.cli.check_quiet_times import check_quiet_times
from datasource.cli.check_signals import check_points, check_signal, check_step
from datasource.cli.diagnosis import Diagnosis
from datasource.cli.finding import Finding, State
from datasource.data import Known, empty_matrix, encode_events
from datasource.library.text import count
from datasource.prometheus import PrometheusError, Reader, Reading, SignalReport
from datasource.prometheus.http.secrets import read_secret
from datasource.service.pushing import why_not_taken
from datasource.service.silence import find_silent, find_silent_signals, find_unasked
from datasource.settings import Settings, format_duration
from datasource.topology import read_topology

FINE, WRONG, UNREACHABLE = 0, 1, 3
"""Exit codes."""

_AMOUNT = 26
_OF_ONE_SIGNAL = ("bad_query", "limit", "partial")
"""Kinds of errors that another query might not meet."""

_MARKS: dict[State, str] = {"ok": "ok", "warming": "", "note": "note", "wrong": "WRONG"}


def check_telemetry(settings: Settings) -> int:
    """Read the baseline of every signal, the relations and the graph, print a line for each, return the exit code.

    0: everything is fine, or only needs more time. 1: something is empty or wrong. 3: Prometheus does not answer, or
    not us.
    """
    reader = Reader(settings)
    end = reader.newest(time.time())
    start = end - (settings.recent_points - 1) * int(settings.step)
    click.echo(
        f"{settings.prometheus.url}, the last {format_duration(settings.recent_points * settings.step)}, "
        f"{settings.recent_points:,} points every {format_duration(settings.step)}"
    )
    questions = [f"{effect.treatment} -> {effect.outcome}" for effect in settings.effects]
    questions += [f"{impact.treated}.{impact.outcome}" for impact in settings.impacts]
    questions += [one.reason for one in settings.quiet_times]
    width = max(map(len, (*settings.signals, *settings.relations, *questions)))
    findings: list[Finding] = []
    try:
        for finding in _findings(settings, reader, start, end):
            findings.append(finding)
            _show(finding, findings, width)
    except PrometheusError as error:
        click.echo(f"{error}", err=True)
        return UNREACHABLE
    wrong = sum(finding.state == "wrong" for finding in findings)
    warming = any(finding.state == "warming" for finding in findings)
    if wrong:
        click.echo(f"\n{wrong} {'thing is' if wrong == 1 else 'things are'} empty or wrong")
        return WRONG
    click.echo("\nall fine, warming up" if warming else "\nall fine")
    return FINE


def _findings(settings: Settings, reader: Reader, start: int, end: int) -> Iterator[Finding]:
    _answers(reader)
    timeout = format_duration(settings.prometheus.timeout)
    click.echo(f"reading {count(len(settings.signals), 'signal')}, each within {timeout} ...", err=True)
    reading = _read(settings, reader, start, end)
    diagnosis = Diagnosis(reader.client, settings, start, end)
    for report in reading.reports:
        yield check_signal(settings, report, reading.matrix, diagnosis)
    yield from check_step(settings, diagnosis)
    for silence in (*find_silent(reading.matrix), *find_silent_signals(settings, reading.matrix)):
        yield Finding("signals", "", "", "note" if silence.usual else "wrong", silence.text)
    for silence in find_unasked(settings, reading.matrix):
        yield Finding("signals", "", "", "note", silence.text)
    known = {report.signal: Known(end) for report in reading.reports if not report.kind}
    matrix = encode_events(reading.matrix, settings.signals, known)
    yield from check_points(settings, matrix)
    entities = {variable.entity for variable in reading.matrix.variables}
    topology = read_topology(settings, reader.client, entities, start, end)
    yield from check_relations(settings, topology, entities)
    built, findings = check_graph(settings, matrix.variables, topology)
    yield from findings
    yield from check_quiet_times(settings, entities, end)
    yield from _check_writes(settings)
    yield from _check_remote_write(settings)
    yield from check_effects(settings, matrix, built)
    yield from check_impacts(settings, matrix, built)


def _answers(reader: Reader) -> None:
    """Whether it answers at all: said within one timeout, not one for each signal. Raises PrometheusError."""
    try:
        reader.client.query("vector(1)")
    except PrometheusError as error:
        if error.kind in ("timeout", "unreachable", "tls", "unauthorised"):
            raise


def _check_writes(settings: Settings) -> Iterator[Finding]:
    """Can the token that whoever writes has to show be read here?"""
    if settings.writes is not None:
        try:
            read_secret(None, settings.writes.token_file, "writes.token_file")
        except PrometheusError as error:
            yield Finding("writes", "token", "", "note", f"nobody may write: {error}")
        else:
            yield Finding("writes", "token", "", "ok")


def _check_remote_write(settings: Settings) -> Iterator[Finding]:
    """Would the server take what is pushed to it?"""
    if settings.remote_write is not None:
        why = why_not_taken(settings.remote_write)
        yield Finding("remote_write", "server", "", "wrong" if why else "ok", why)


def _read(settings: Settings, reader: Reader, start: int, end: int) -> Reading:
    """As the service reads; where every signal is refused for itself, each with its own reason."""
    step = int(settings.step)
    try:
        return reader.read(start, end)
    except PrometheusError as error:
        if error.kind not in _OF_ONE_SIGNAL:
            raise
    reports = []
    for name in settings.signals:
        try:
            reports += [one.report for one in reader.read_each({name: (start, end)}, step)]
        except PrometheusError as error:
            reports.append(SignalReport(name, 0, 0, str(error), error.kind))
    return Reading(empty_matrix(start, step), tuple(reports))


def _show(finding: Finding, before: list[Finding], width: int) -> None:
    if len(before) == 1 or before[-2].section != finding.section:
        click.echo(f"\n{finding.section}")
    mark = _MARKS[finding.state]
    text = f"{mark}: {finding.text}" if mark and finding.text else mark or finding.text
    click.echo(f"  {finding.name:<{width}}  {finding.amount:<{_AMOUNT}}  {text}".rstrip())
