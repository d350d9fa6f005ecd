"""`causal-datasource init`: look at a Prometheus and propose a first settings file that runs."""

import time
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from datasource.cli.calls import Found, count_ties, find_calls
from datasource.cli.causes import known_causes, known_effects, without
from datasource.cli.choose import choose_signals
from datasource.cli.connection import as_options
from datasource.cli.document import Draft, PackText, write
from datasource.cli.families import FAMILIES, Family
from datasource.cli.labels import Identity, identify
from datasource.cli.other_servers import OtherServer, find_other_servers
from datasource.cli.proposed_packs import further_packs, own_pack, proposed_operations
from datasource.cli.survey import DAY, Survey
from datasource.cli.timing import Timing, choose_timing, warm_up
from datasource.cli.trial import Tried
from datasource.library.text import count
from datasource.prometheus import PrometheusClient, PrometheusError
from datasource.settings import Settings, format_duration, parse_settings
from datasource.settings.packs import read_pack
from datasource.settings.prometheus import Prometheus

_BASELINES = (14, 7, 3)
"""Days, the longest first."""
_NO_KEYS: Mapping[str, Any] = MappingProxyType({})
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


def propose(prometheus: str | Prometheus, connection: Mapping[str, Any] = _NO_KEYS) -> Proposal:
    """Look at which metrics a Prometheus has now, and write settings for them; `connection` are the further keys by
    which they say how to reach it. Raises InitError."""
    if isinstance(prometheus, str) and not prometheus.startswith(("http://", "https://")):
        raise InitError(f"{prometheus!r} is not an address; write it as http://prometheus:9090")
    try:
        return _propose(Survey(PrometheusClient(prometheus), time.time()), connection)
    except PrometheusError as error:
        raise InitError(as_options(str(error))) from None


def _propose(survey: Survey, connection: Mapping[str, Any]) -> Proposal:
    family, identity = _recognise(survey)
    if identity.placeholders and not identity.values:
        raise InitError(f"{survey.client.url} has {family.metric}, but of nobody with a name: {identity.findings[-1]}")
    interval, timing = _timing(survey, family)
    tried: list[Tried] = []
    if family.pack:
        tried.append(own_pack(survey, family, identity, timing))
        identity = identity._replace(values=tried[0].entities())
    own_signals = [signal.name for signal in family.signals]
    tried += further_packs(survey, family, identity, timing, own_signals)
    tried = [one for one in tried if one.found]
    taken = [name for one in tried for name in one.found]
    measured = {*own_signals, *(name for one in tried for name in one.found)}
    others = list(find_other_servers(survey, identity, timing, measured)) if family.entity == "service" else []
    call_labels: tuple[str, ...] = ("client", "server")
    if any(signal.entity == "call" for signal in family.signals):
        call_labels = _recorded_call_labels(survey, family, identity)
    signals, said = choose_signals(survey, family, identity, call_labels, timing, taken)
    if not signals and not any(one.pack.entity == family.entity for one in tried):
        raise InitError(
            f"{survey.client.url} has {family.metric}, but no query over it returns anything now; "
            "see that its targets are up"
        )
    explicit = [signal.name for signal in signals]
    reach = survey.reach(family.metric)
    draft = Draft(
        url=survey.client.url,
        title=family.title,
        timing=timing,
        interval=interval,
        baseline=max(_baseline(reach), warm_up(timing) * timing.step),
        packs=[*(_pack_text(one, explicit) for one in tried), *(_other_pack(one) for one in others if not one.why)],
        entities=_entities(family, identity, [signal.entity for signal in signals], call_labels),
        signals=signals,
        connection=connection,
        servers=[
            *(line for one in others for line in one.lines()),
            *proposed_operations(survey, family, identity, timing),
        ],
        relations={name: None for one in others if not one.why for name in one.untied},
    )
    draft, calls, tied = _tie(draft, survey, family, tried)
    findings = (
        f"found {family.title}: {count(len(identity.values), family.entity)}",
        *(
            f"found {one.pack.title}: {count(len(one.entities()), one.pack.entity)}"
            for one in tried
            if one.pack != family.pack
        ),
        *(f"labels: {finding}" for finding in identity.findings),
        *said,
        *(finding for one in tried for finding in one.findings()),
        *(finding for one in others for finding in one.findings()),
        *tied,
        *([f"missing: {_NO_CALLS}"] if family.entity == "service" and not (calls.ties or calls.findings) else []),
        *(f"missing: {finding}" for finding in family.findings),
        *_reach(reach, timing, interval),
    )
    return Proposal(write(_with_causes(draft, family, calls)), findings)


def _recognise(survey: Survey) -> tuple[Family, Identity]:
    url = survey.client.url
    if not survey.names:
        raise InitError(f"{url} knows no metric yet; give it scrape_configs, wait for a scrape or two, and try again")
    for find in FAMILIES:
        family = find(survey)
        identity = identify(survey, family.metric, family.names, family.made) if family else None
        if family and identity:
            return family, identity
    some = ", ".join(sorted(survey.names)[:5])
    raise InitError(
        f"{url} knows {count(len(survey.names), 'metric')} (as {some}), but none that is recognised has samples now; "
        "see that its targets are up, or write the queries by hand, as in examples/"
    )


def _timing(survey: Survey, family: Family) -> tuple[float, Timing]:
    """Seconds between samples of the family's rarest metric, and the timing for that."""
    metrics = {signal.metric for signal in family.signals if survey.alive(signal.metric)} or {family.metric}
    intervals = [interval for metric in sorted(metrics) if (interval := survey.interval(metric))]
    interval = round(max(intervals, default=15.0), 1)
    return interval, choose_timing(interval, max((signal.window for signal in family.signals), default=0.0))


def _recorded_call_labels(survey: Survey, family: Family, identity: Identity) -> tuple[str, ...]:
    """client_namespace, client, server_namespace, server, as far as the recorded calls carry them."""
    metric = next(signal.metric for signal in family.signals if signal.entity == "call")
    ends = ("client", "server")
    wanted = tuple(label for end in ends for label in (*(f"{end}_{own}" for own in identity.labels[:-1]), end))
    return wanted if set(wanted) <= survey.labels(metric) else ends


def _entities(
    family: Family, identity: Identity, measured: list[str], call_labels: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    """The entity types that no pack declares."""
    entities = {family.entity: identity.labels} if family.entity in measured else {}
    return entities | ({"call": call_labels} if "call" in measured else {})


def _told(tried: Tried) -> str:
    return f"{tried.pack.title}: {count(len(tried.entities()), tried.pack.entity)}"


def _pack_text(tried: Tried, explicit: list[str]) -> PackText:
    off = {name: why for name, why in tried.off.items() if name not in explicit}
    return PackText(tried.pack.name, tried.pack.title, tried.parameters, list(tried.found), off)


def _other_pack(one: OtherServer) -> PackText:
    return PackText(one.block, read_pack(one.block).title, one.parameters, one.signals, one.off)


def _tie(draft: Draft, survey: Survey, family: Family, tried: list[Tried]) -> tuple[Draft, Found, list[str]]:
    """The draft with the relations that have ties, and without the calls where there are none."""
    settings = parse_settings(write(draft))
    calls = Found(None, 0, ())
    findings: list[str] = []
    if family.entity == "service":
        brought = next((one.settings["relations"]["calls"]["source"] for one in tried if "calls" in one.relations), "")
        calls = find_calls(survey, settings, family.entity, brought)
        findings += calls.findings
        if calls.relation:
            draft = draft._replace(relations={**draft.relations, "calls": calls.relation})
        elif not calls.ties:
            draft = _without_calls(draft, settings)
    if "runs_on" in settings.relations:
        ends = {"source": "kube_pod_info", "ends": settings.ends("runs_on")}
        ties = count_ties(survey, settings, "runs_on", ends) if survey.alive("kube_pod_info") else 0
        if ties:
            findings.append(f"relation runs_on: {count(ties, 'pair')}, from kube_pod_info")
        else:
            findings.append("relation runs_on left out: no node of kube_pod_info is a node that node_exporter measures")
            draft = draft._replace(relations={**draft.relations, "runs_on": None})
    return draft, calls, findings


def _without_calls(draft: Draft, settings: Settings) -> Draft:
    """Calls between nobody are of no use."""
    calls = {name for name, signal in settings.signals.items() if signal.entity == "call"}
    why = "no call is between what is measured here"
    packs = [
        pack._replace(
            signals=[name for name in pack.signals if name not in calls],
            off={**pack.off, **{name: why for name in pack.signals if name in calls}},
        )
        for pack in draft.packs
    ]
    return draft._replace(
        packs=[pack for pack in packs if pack.signals],
        signals=[signal for signal in draft.signals if signal.name not in calls],
        entities={name: labels for name, labels in draft.entities.items() if name != "call"},
        relations={**draft.relations, "calls": None} if "calls" in settings.relations else draft.relations,
    )


def _with_causes(draft: Draft, family: Family, calls: Found) -> Draft:
    """What is known of signals that are not from packs, or of theirs beside these."""
    if not draft.signals:
        return draft
    settings = parse_settings(write(draft))
    names = [name for name, signal in settings.signals.items() if signal.entity in (family.entity, "call")]
    along = bool(calls.ties) and not any(rule.relation == "calls" for rule in settings.graph.templates)
    causes = without(known_causes(family.entity, names, along), settings.graph.templates)
    asked = {(effect.treatment, effect.outcome) for effect in settings.effects}
    effects = [pair for pair in known_effects(family.entity, names) if pair not in asked]
    return draft._replace(causes=causes, effects=effects)


def _baseline(reach: float) -> int:
    """As much of the history as knows what recurs every day, or every week."""
    return next((days * DAY for days in _BASELINES if reach >= days * DAY), DAY)


def _reach(reach: float, timing: Timing, interval: float) -> Iterator[str]:
    """How often samples come and since when, and what follows."""
    yield (
        f"samples come every {interval:g} s: step {format_duration(timing.step)}, "
        f"windows {format_duration(timing.window)}"
    )
    needed = warm_up(timing) * timing.step
    told = format_duration(reach // 60 * 60) if reach >= 60 else f"{reach:.0f}s"
    if reach >= 3 * DAY:
        week = "the week as well as the day" if reach >= 14 * DAY else "the day; the week is known from two weeks on"
        yield f"samples reach back {told}: baseline {format_duration(_baseline(reach))}, which learns {week}"
    elif reach < needed:
        yield f"samples reach back {told}: scores begin in about {format_duration((needed - reach) // 60 * 60 + 60)}"
    else:
        yield f"samples reach back {told}: enough for scores at once"
