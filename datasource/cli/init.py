"""`causal-datasource init`: look at a Prometheus and propose a first settings file that runs."""

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from datasource.cli.causes import known_causes, known_effects
from datasource.cli.document import CallsText, Draft, SignalText, write
from datasource.cli.families import FAMILIES, Calls, Family, Proposed, find_calls, further_signals
from datasource.cli.labels import Identity, identify
from datasource.cli.survey import DAY, Survey
from datasource.cli.timing import Timing, choose_timing
from datasource.settings import SettingsError, format_duration, parse_settings
from datasource.telemetry import Entity, PrometheusClient, PrometheusError
from datasource.topology import read_topology

_WARM_UP = 120
_MANY = 500


class InitError(Exception):
    """No file can be proposed; the text says why and what to do."""


class Proposal(NamedTuple):
    """The text of a causal.yaml, and what was found and what is missing."""

    text: str
    findings: tuple[str, ...]


def propose(url: str) -> Proposal:
    """Look at which metrics a Prometheus has now, and write settings for them. Raises InitError."""
    if not url.startswith(("http://", "https://")):
        raise InitError(f"{url!r} is not an address; write it as http://prometheus:9090")
    try:
        return _propose(PrometheusClient(url))
    except PrometheusError as error:
        raise InitError(str(error).replace("prometheus.url", "--prometheus")) from None


def _propose(client: PrometheusClient) -> Proposal:
    survey = Survey(client, time.time())
    family, identity = _recognise(survey)
    timing, interval = _timing(survey, family)
    findings = [f"found {family.title}", *(f"labels: {finding}" for finding in identity.findings)]
    signals = list(_signals(survey, family, identity, timing, findings))
    if not signals:
        raise InitError(
            f"{client.url} has {family.metric}, but no query over it returned anything; see that its targets are up"
        )
    baseline = max(DAY, _WARM_UP * timing.step)
    calls = _calls(survey, family, identity, timing)
    draft = _draft(client.url, family, identity, timing, interval, baseline, signals, calls)
    if calls:
        draft = _with_ties(draft, survey, identity, findings)
    elif family.entity in ("service", "workload"):
        findings.append(
            "no service-graph metrics: the graph has no calls, so a root cause cannot be followed from caller to "
            "callee; OpenTelemetry's servicegraph connector, Tempo or Istio write them, or list the calls"
        )
    findings += family.findings
    findings += _missing(draft.signals, family)
    findings.append(_reach(survey, family, timing))
    if family.entity != "node" and survey.alive("node_cpu_seconds_total"):
        findings.append("node_exporter is there too, and left out; examples/node_exporter.yaml has its signals")
    text = write(draft)
    try:
        parse_settings(text)
    except SettingsError as error:  # a label or a unit nobody has thought of
        raise InitError(f"the file proposed for {family.title} is not valid; write it by hand:\n{error}") from None
    return Proposal(text, tuple(findings))


def _recognise(survey: Survey) -> tuple[Family, Identity]:
    url = survey.client.url
    if not survey.names:
        raise InitError(f"{url} knows no metric yet; give it scrape_configs, wait for a scrape or two, and try again")
    for find in FAMILIES:
        family = find(survey)
        identity = identify(survey, family.metric, family.names) if family else None
        if family and identity:
            return family, identity
    some = ", ".join(sorted(survey.names)[:5])
    raise InitError(
        f"{url} knows {len(survey.names)} metrics (as {some}), but none that is recognised has samples now; "
        "see that its targets are up, or write the queries by hand, as in examples/"
    )


def _timing(survey: Survey, family: Family) -> tuple[Timing, float]:
    """The timing for the rarest of the family's metrics."""
    metrics = {signal.metric for signal in family.signals}
    intervals = [interval for metric in metrics if survey.alive(metric) and (interval := survey.interval(metric))]
    interval = round(max(intervals, default=15.0), 1)
    recorded = max((signal.window for signal in family.signals), default=0.0)
    return choose_timing(interval, recorded), interval


def _signals(
    survey: Survey, family: Family, identity: Identity, timing: Timing, findings: list[str]
) -> Iterator[SignalText]:
    """The signals whose query returns entities now; of one name, the first such."""
    call_labels = _call_labels(survey, identity, family)
    taken: set[str] = set()
    tried: set[str] = set()
    for proposed in (*family.signals, *further_signals(survey, family, identity.labels)):
        tried.add(proposed.name)
        if proposed.name in taken or not survey.alive(proposed.metric):
            continue
        entity = proposed.entity or family.entity
        labels, present = (call_labels, 'client!="", server!=""') if entity == "call" else identity[:1] + (_present(identity),)
        window = format_duration(timing.window)
        query = proposed.render(labels, present, window)
        found = _entities_of(survey, query, labels)
        if found is None:
            query = _aggregated(proposed, query, labels)
            found = _entities_of(survey, query, labels)
        if not found or (entity != "call" and not found & identity.values):
            continue
        taken.add(proposed.name)
        width = timing.window if "$window" in proposed.query or proposed.window else timing.step
        yield SignalText(proposed.name, entity, query, width, proposed.unit, proposed.role or "", proposed.kind)
        findings.append(f"signal {proposed.name}: {len(found)} {entity}s, from {proposed.metric}")
    for name in sorted(tried - taken):
        findings.append(f"signal {name}: its metric is there, but has no series with these labels; left out")


def _present(identity: Identity) -> str:
    return ", ".join(f'{label}!=""' for label in identity.labels)


def _entities_of(survey: Survey, query: str, labels: Sequence[str]) -> set[tuple[str, ...]] | None:
    """The entities that a query returns now; None where it returns several series for one."""
    try:
        series = survey.query(query)
    except PrometheusError as error:
        if error.kind != "bad_query":
            raise
        return None
    found = [tuple(one.labels.get(label, "") for label in labels) for one in series]
    complete = [values for values in found if all(values)]
    return None if len(set(complete)) < len(complete) else set(complete)


def _aggregated(proposed: Proposed, query: str, labels: Sequence[str]) -> str:
    """A recorded series per entity out of several: rates add up, levels are averaged."""
    how = "avg" if proposed.role == "latency" or proposed.unit == "percentunit" else "sum"
    return f"{how} by ({', '.join(labels)}) ({query})"


def _call_labels(survey: Survey, identity: Identity, family: Family) -> tuple[str, ...]:
    """client_namespace, client, server_namespace, server, as far as the calls carry them."""
    wanted = [
        label
        for end in ("client", "server")
        for label in (*(f"{end}_{own}" for own in identity.labels[:-1]), end)
    ]
    calls = find_calls(survey, family, identity.labels)
    there = survey.labels(calls.metric) if calls else frozenset()
    return tuple(wanted) if set(wanted) <= there else ("client", "server")


def _calls(survey: Survey, family: Family, identity: Identity, timing: Timing) -> Calls | None:
    calls = find_calls(survey, family, identity.labels)
    if not calls:
        return None
    return calls._replace(query=calls.query.replace("$window", format_duration(max(300, timing.window))))


def _draft(
    url: str,
    family: Family,
    identity: Identity,
    timing: Timing,
    interval: float,
    baseline: int,
    signals: Sequence[SignalText],
    calls: Calls | None,
) -> Draft:
    raise NotImplementedError
