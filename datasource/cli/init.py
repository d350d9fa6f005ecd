"""`causal-datasource init`: look at a Prometheus and propose a first settings file that runs."""

import time
from collections.abc import Iterator
from typing import NamedTuple

from datasource.cli.causes import known_causes, known_effects
from datasource.cli.choose import choose_signals
from datasource.cli.document import CallsText, Draft, write
from datasource.cli.families import FAMILIES, Calls, Family, find_calls
from datasource.cli.finding import count
from datasource.cli.labels import Identity, identify
from datasource.cli.survey import DAY, Survey
from datasource.cli.timing import Timing, choose_timing
from datasource.settings import format_duration, parse_settings
from datasource.telemetry import Entity, PrometheusClient, PrometheusError
from datasource.topology import Tie, read_topology

_WARM_UP = 120
_CALL_WINDOW = 300
_NO_CALLS = (
    "no service-graph metrics: the graph has no calls, and no cause can be followed from a caller to its callee; with "
    "OpenTelemetry's servicegraph connector, Tempo or Istio they are there, or list the calls under 'relations'"
)


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
        return _propose(Survey(PrometheusClient(url), time.time()))
    except PrometheusError as error:
        raise InitError(str(error).replace("prometheus.url", "--prometheus")) from None


def _propose(survey: Survey) -> Proposal:
    family, identity = _recognise(survey)
    interval, timing = _timing(survey, family)
    calls = find_calls(survey, family, identity.labels)
    call_labels = _call_labels(survey, identity, calls)
    signals, said = choose_signals(survey, family, identity, call_labels, timing)
    own = [signal.name for signal in signals if signal.entity != "call"]
    if not own:
        raise InitError(
            f"{survey.client.url} has {family.metric}, but no query over it returns anything now; "
            "see that its targets are up"
        )
    entities = {family.entity: identity.labels}
    if any(signal.entity == "call" for signal in signals):
        entities["call"] = call_labels
    draft = Draft(
        url=survey.client.url,
        title=family.title,
        timing=timing,
        interval=interval,
        baseline=max(DAY, _WARM_UP * timing.step),
        entities=entities,
        signals=signals,
        calls=_calls(calls, identity, timing) if calls else None,
        causes=known_causes(family.entity, [signal.name for signal in signals], bool(calls)),
        effects=known_effects(family.entity, own),
    )
    ties = _ties(draft, survey, family, identity) if calls else []
    if calls and not ties:
        draft = _without_calls(draft, family)
    findings = (
        f"found {family.title}: {count(len(identity.values), family.entity)}",
        *(f"labels: {finding}" for finding in identity.findings),
        *(finding for finding in said),
        *_calls_found(family, calls, ties),
        *(f"missing: {finding}" for finding in family.findings),
        *_reach(survey, family, timing, interval),
        *_left_out(survey, family),
    )
    return Proposal(write(draft), findings)


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
        f"{url} knows {count(len(survey.names), 'metric')} (as {some}), but none that is recognised has samples now; "
        "see that its targets are up, or write the queries by hand, as in examples/"
    )


def _timing(survey: Survey, family: Family) -> tuple[float, Timing]:
    """Seconds between samples of the family's rarest metric, and the timing for that."""
    metrics = {signal.metric for signal in family.signals if survey.alive(signal.metric)}
    intervals = [interval for metric in sorted(metrics) if (interval := survey.interval(metric))]
    interval = round(max(intervals, default=15.0), 1)
    return interval, choose_timing(interval, max(signal.window for signal in family.signals))


def _call_labels(survey: Survey, identity: Identity, calls: Calls | None) -> tuple[str, ...]:
    """client_namespace, client, server_namespace, server, as far as the calls carry them."""
    ends = ("client", "server")
    wanted = tuple(label for end in ends for label in (*(f"{end}_{own}" for own in identity.labels[:-1]), end))
    return wanted if calls and set(wanted) <= survey.labels(calls.metric) else ends


def _calls(calls: Calls, identity: Identity, timing: Timing) -> CallsText:
    """The relation as the file says it; labels that have their usual names go without saying."""
    ends = {}
    for end, there in (("client", calls.client), ("server", calls.server)):
        usual = (*(f"{end}_{label}" for label in identity.labels[:-1]), end)
        pairs = zip(identity.labels, there, usual, strict=False)
        ends[end] = {own: label for own, label, default in pairs if label != default}
    return CallsText(calls.query.replace("$window", format_duration(max(_CALL_WINDOW, timing.window))), ends)


def _ties(draft: Draft, survey: Survey, family: Family, identity: Identity) -> list[Tie]:
    """The calls between measured entities that the drafted file would find in the last hour."""
    measured = {Entity(family.entity, tuple(zip(identity.labels, value, strict=True))) for value in identity.values}
    settings = parse_settings(write(draft))
    end = int(survey.now // draft.timing.step) * draft.timing.step
    topology = read_topology(settings, survey.client, measured, end - 3600, end)
    return [tie for tie in topology.ties if {tie.end("client"), tie.end("server")} <= measured]


def _without_calls(draft: Draft, family: Family) -> Draft:
    signals = [signal for signal in draft.signals if signal.entity != "call"]
    entities = {name: labels for name, labels in draft.entities.items() if name != "call"}
    causes = known_causes(family.entity, [signal.name for signal in signals], calls=False)
    return draft._replace(signals=signals, entities=entities, calls=None, causes=causes)


def _calls_found(family: Family, calls: Calls | None, ties: list[Tie]) -> Iterator[str]:
    if calls and ties:
        yield f"relation calls: {count(len(ties), 'pair')}, from {calls.metric}"
    elif calls:
        yield (
            f"relation calls left out: no client and server of {calls.metric} are both among these entities; "
            "give the relation 'labels' that map the names, or list the calls"
        )
    elif family.entity in ("service", "workload"):
        yield f"missing: {_NO_CALLS}"


def _reach(survey: Survey, family: Family, timing: Timing, interval: float) -> Iterator[str]:
    """How often samples come and since when, and what follows."""
    yield (
        f"samples come every {interval:g} s: step {format_duration(timing.step)}, "
        f"windows {format_duration(timing.window)}"
    )
    reach, needed = survey.reach(family.metric), _WARM_UP * timing.step
    told = format_duration(reach // 60 * 60) if reach >= 60 else f"{reach:.0f}s"
    if reach >= 7 * DAY:
        yield f"samples reach back {told}: a longer baseline, up to that, would learn the week as well as the day"
    elif reach < needed:
        yield f"samples reach back {told}: scores begin in about {format_duration((needed - reach) // 60 * 60 + 60)}"
    else:
        yield f"samples reach back {told}: enough for scores at once"


def _left_out(survey: Survey, family: Family) -> Iterator[str]:
    """Other families that are there, and that this file does not use."""
    if family.entity != "instance" and survey.alive("node_cpu_seconds_total"):
        yield "left out: node_exporter is there too; examples/node_exporter.yaml has signals for machines"
