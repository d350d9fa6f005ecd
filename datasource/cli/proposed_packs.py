"""Packs that fit a Prometheus: the one that was recognised, and what else is measured beside it."""

from collections.abc import Iterator, Sequence
from typing import Any

from datasource.cli.families import (
    BEHIND,
    INSIDE,
    SERVICE_GRAPH,
    Family,
    find_pack,
    find_service_graph,
    graph_labels,
)
from datasource.cli.labels import Identity, identify
from datasource.cli.scalars import flow
from datasource.cli.survey import Survey
from datasource.cli.timing import Timing, choose_timing
from datasource.cli.trial import Tried, try_pack
from datasource.library.text import count
from datasource.settings import format_duration
from datasource.settings.packs import Pack, read_pack


def own_pack(survey: Survey, family: Family, identity: Identity, timing: Timing) -> Tried:
    """The pack that a family was recognised by."""
    assert family.pack
    window = format_duration(timing.window)
    tried = try_pack(survey, family.pack, _parameters(survey, family, identity.labels, window), timing.step)
    call = tried.settings["entities"].get("call", {}).get("labels", ())
    return _without_shared_calls(tried, call)


def further_packs(
    survey: Survey, family: Family, identity: Identity, timing: Timing, own: Sequence[str]
) -> list[Tried]:
    """Calls, workloads and runtimes of the same services, then what they stand on, then machines. `own` signals are the
    family's."""
    found = []
    if family.entity == "service":
        if not family.pack and find_service_graph(survey) and not any(s.entity == "call" for s in family.signals):
            found.append(_service_graph(survey, identity, timing, own))
        kubernetes = _find(survey, family, "kubernetes")
        if kubernetes:
            window = _window(survey, kubernetes, timing)
            parameters = _parameters(survey, kubernetes, identity.labels, window)
            pack, step = read_pack("kubernetes"), timing.step
            found.append(try_pack(survey, pack, parameters, step, measured=identity.values, taken=own))
        found += _inside(survey, family, identity, timing, [*own, *(name for one in found for name in one.found)])
    for name in (*BEHIND, "node_exporter") if family.entity not in ("server", "target") else ():
        behind = _find(survey, family, name)
        there = identify(survey, behind.metric, behind.names) if behind else None
        if behind and there:
            parameters = _parameters(survey, behind, there.labels, _window(survey, behind, timing))
            found.append(try_pack(survey, read_pack(name), parameters, timing.step))
    return found


def proposed_operations(survey: Survey, family: Family, identity: Identity, timing: Timing) -> list[str]:
    """Lines of a comment that propose the pack of operations where spans are measured: it brings an entity for each."""
    pack = read_pack("operations")
    if family.pack is None or family.pack.name != "opentelemetry" or "span_name" not in survey.labels(family.metric):
        return []
    many = sum(1 for labels in survey.values(family.metric, [*identity.labels, "span_name"]) if all(labels))
    own = _parameters(survey, family, identity.labels, format_duration(timing.window))
    shared = {name: value for name, value in own.items() if name in pack.parameters}
    return [
        "# The pack operations says more of these spans: services' own seconds, and requests, errors and seconds of "
        + f"{count(many, 'operation')}, each an entity of its own. To take it in, write under packs:",
        f"#  operations: {flow(shared)}",
    ]


def _inside(
    survey: Survey, family: Family, identity: Identity, timing: Timing, taken: Sequence[str]
) -> Iterator[Tried]:
    """What else is said about services, by metrics that carry their labels or can be given them."""
    for name in INSIDE:
        pack, more = read_pack(name), _find(survey, family, name)
        if more is None or not (pack.native or set(identity.labels) <= survey.labels(more.metric)):
            continue
        parameters = _parameters(survey, more, identity.labels, _window(survey, more, timing))
        yield try_pack(survey, pack, parameters, timing.step, measured=identity.values, taken=taken)


def _service_graph(survey: Survey, identity: Identity, timing: Timing, own: Sequence[str]) -> Tried:
    """Only the calls of OpenTelemetry's pack, for services that are measured by something else."""
    pack = read_pack("opentelemetry")
    labels, call = identity.labels, graph_labels(survey, identity.labels).call
    parameters = {"labels": list(labels), "call_labels": list(call), "window": format_duration(timing.window)}
    parameters |= _graph_name(survey)
    tried = try_pack(survey, pack, parameters, timing.step, taken=own)
    why = f"measured otherwise, or not at all, by {labels[-1]}"
    signals = tried.settings["signals"]
    spans = {name for name in (*tried.found, *tried.off) if signals[name]["entity"] == pack.entity}
    found = {name: values for name, values in tried.found.items() if name not in spans}
    tried = tried._replace(found=found, off={**tried.off, **dict.fromkeys(sorted(spans), why)})
    return _without_shared_calls(tried, call)


def _graph_name(survey: Survey) -> dict[str, Any]:
    """How the pack is told of a service graph under another prefix."""
    metric = find_service_graph(survey)
    return {} if metric in ("", SERVICE_GRAPH) else {"service_graph": metric.removesuffix("_request_total")}


def _without_shared_calls(tried: Tried, call: Sequence[str]) -> Tried:
    """A pack without signals of calls that mix what its entities tell apart, as two clusters."""
    signals = tried.settings["signals"]
    calls = [name for name in tried.found if signals[name]["entity"] == "call"]
    labels = tried.parameters["labels"]
    mixed = [label for label in labels[:-1] if "cluster" in label and not any(label in one for one in call)]
    if not mixed or not calls:
        return tried
    why = f"the service graph has no label '{mixed[0]}', and would mix what is told apart by it"
    found = {name: values for name, values in tried.found.items() if name not in calls}
    return tried._replace(found=found, off={**tried.off, **dict.fromkeys(calls, why)})


def _find(survey: Survey, family: Family, name: str) -> Family | None:
    pack: Pack = read_pack(name)
    return None if family.pack == pack else find_pack(survey, pack)


def _window(survey: Survey, family: Family, timing: Timing) -> str:
    """A window that holds enough of this pack's samples, and is no shorter than the others'."""
    interval = survey.interval(family.metric)
    return format_duration(max(timing.window, choose_timing(interval).window if interval else 0))


def _parameters(survey: Survey, family: Family, labels: Sequence[str], window: str) -> dict[str, Any]:
    """What the file gives a pack."""
    parameters: dict[str, Any] = {"labels": list(labels), "window": window, **family.parameters}
    if family.pack and "named_by" in family.pack.parameters:
        *others, name = labels
        parameters |= {"labels": [*others, family.pack.parameters["labels"][-1]], "named_by": name}
    if family.pack and "call_labels" in family.pack.parameters and find_service_graph(survey):
        parameters |= _graph_name(survey)
        call = graph_labels(survey, tuple(labels)).call
        if call != tuple(family.pack.parameters["call_labels"]):
            parameters["call_labels"] = list(call)
    return parameters
