"""The text of a first causal.yaml, with comments that teach."""

import re
from collections.abc import Mapping, Sequence
from textwrap import wrap
from types import MappingProxyType
from typing import Any, NamedTuple

from datasource.cli.causes import Known
from datasource.cli.scalars import LINE, flow, folded, quoted
from datasource.cli.timing import DEFAULT_OFFSET, Timing, warm_up
from datasource.settings import format_duration


class SignalText(NamedTuple):
    """One signal as it will stand in the file; `window` in seconds."""

    name: str
    entity: str
    query: str
    window: int
    unit: str
    role: str
    kind: str


class PackText(NamedTuple):
    """One pack: its title, the parameters that are given, the signals it brings, and why others are switched off."""

    name: str
    title: str
    parameters: Mapping[str, Any]
    signals: Sequence[str]
    off: Mapping[str, str]


class Draft(NamedTuple):
    """Everything the file says. Durations are in seconds; samples come every `interval`, 0 where nobody looked.

    `command` is the one that wrote it, `connection` further keys of how to reach the Prometheus, `servers` are lines
    about those of logs and traces. A relation of None is switched off, because nothing is tied by it.
    """

    url: str
    title: str
    timing: Timing
    interval: float
    baseline: int
    packs: Sequence[PackText]
    entities: Mapping[str, Sequence[str]]
    signals: Sequence[SignalText]
    relations: Mapping[str, Mapping[str, Any] | None] = MappingProxyType({})
    causes: Sequence[Known] = ()
    effects: Sequence[tuple[str, str]] = ()
    command: str = "init"
    connection: Mapping[str, Any] = MappingProxyType({})
    servers: Sequence[str] = ()


def write(draft: Draft) -> str:
    """The file."""
    return "\n".join(
        [
            *_head(draft),
            *_packs(draft),
            *_entities(draft),
            *_signals(draft),
            *_relations(draft),
            *_graph(draft),
            *_effects(draft),
            "# How many alarms a day you are willing to see without a reason, over everything together.",
            "anomaly: {false_alarms_per_day: 0.5}",
            "",
        ]
    )


def _head(draft: Draft) -> list[str]:
    timing = draft.timing
    needed = warm_up(timing)
    points = f"{draft.baseline // timing.step:,} points"
    offset = (
        [
            "  # A timestamp is asked for once it is this old, so that its sample has arrived.",
            f"  latency_offset: {format_duration(timing.latency_offset)}",
        ]
        if timing.latency_offset != DEFAULT_OFFSET
        else []
    )
    return [
        *wrap(
            f"# Written by 'causal-datasource {draft.command}' from {draft.title}. It runs as it is; make it yours: "
            "change queries, add what you know about cause and effect, then 'causal-datasource check'.",
            LINE,
            subsequent_indent="# ",
        ),
        "",
        "prometheus:",
        f"  url: {quoted(draft.url)}",
        *(f"  {key}: {flow(value)}" for key, value in draft.connection.items()),
        *offset,
        "",
        *(line for text in draft.servers for line in _commented(text)),
        *([""] if draft.servers else []),
        *wrap(
            f"# The distance between two points of every series{_interval(draft)}, and how much of the past tells what "
            f"is normal: {points}. Scores begin after {needed} points, {format_duration(needed * timing.step)} of "
            "samples.",
            LINE,
            subsequent_indent="# ",
        ),
        f"step: {format_duration(timing.step)}",
        f"baseline: {format_duration(draft.baseline)}",
        *([f"evaluation: {{warm_up: {needed}}}"] if needed < 120 else []),
        "",
    ]


def _commented(text: str) -> list[str]:
    """A line, several where a comment of words is too long."""
    return wrap(text, LINE, subsequent_indent="# ") if re.match(r"# \S", text) else [text]


def _interval(draft: Draft) -> str:
    return f" (samples come every {draft.interval:g} s here)" if draft.interval else ""


def _packs(draft: Draft) -> list[str]:
    if not draft.packs:
        return []
    lines = [
        "# Ready-made entities, signals, relations and causes; 'causal-datasource packs NAME' prints what one brings.",
        "# What stands below has precedence, key by key, and `signal: null` takes a signal out.",
        "packs:",
    ]
    for pack in draft.packs:
        line = f"  {pack.name}: {flow(pack.parameters)}"
        lines += [
            f"  # {pack.title}:",
            *wrap(", ".join(pack.signals), LINE, initial_indent="  #   ", subsequent_indent="  #   "),
            *(
                [line]
                if len(line) <= LINE
                else [f"  {pack.name}:", *(f"    {key}: {flow(value)}" for key, value in pack.parameters.items())]
            ),
        ]
    return [*lines, ""]


def _entities(draft: Draft) -> list[str]:
    if not draft.entities:
        return []
    return [
        "# What is measured, and the labels that tell one from another, the name last.",
        "entities:",
        *(f"  {name}: {{labels: [{', '.join(labels)}]}}" for name, labels in draft.entities.items()),
        "",
    ]


def _signals(draft: Draft) -> list[str]:
    off = [f"  {name}: null  # {why}" for pack in draft.packs for name, why in pack.off.items()]
    if not draft.signals:
        return ["# What the packs would bring, and this Prometheus does not have.", "signals:", *off, ""] if off else []
    roles = {signal.role for signal in draft.signals}
    explained = [f"#   {role}: {what}" for role, what in _ROLES.items() if role in roles]
    return [
        "# One query per signal, for all entities at once, returning one number per entity.",
        "# `window` is the [range] inside the query; for a gauge, the step. Signals that are compared share one.",
        "# `role` tells the root-cause search what a signal means:",
        *explained,
        "signals:",
        *(line for signal in draft.signals for line in _signal(signal)),
        *(["  # not here, though a pack would bring them", *off] if off else []),
        "",
    ]


_ROLES = {
    "load": "the work that is asked for, as requests or bytes per second",
    "work": "seconds spent per second; divided by the load it is the mean duration",
    "failure": "what fails per second",
    "latency": "how long somebody waits",
    "saturation": "how full a resource is",
    "event": "something that happens now and then",
}


def _signal(signal: SignalText) -> list[str]:
    rest = [f"window: {format_duration(signal.window)}", f"unit: {signal.unit}"]
    rest += [f"role: {signal.role}"] if signal.role else []
    rest += [f"kind: {signal.kind}"] if signal.kind != "gauge" else []
    query = quoted(signal.query, always=True)
    line = f"  {signal.name}: {{entity: {signal.entity}, query: {query}, {', '.join(rest)}}}"
    if len(line) <= LINE:
        return [line]
    return [
        f"  {signal.name}:",
        f"    entity: {signal.entity}",
        *(f"    {part}" for part in folded(signal.query)),
        *(f"    {part}" for part in rest),
    ]


def _relations(draft: Draft) -> list[str]:
    if not draft.relations:
        return (
            []
            if draft.packs
            else [
                "# How entities are tied together. No metric says who calls whom here; where you know it, list it:",
                "# relations:",
                "#   calls: [web -> checkout, checkout -> payment]",
                "",
            ]
        )
    lines = ["# How entities are tied together, read now and then.", "relations:"]
    for name, relation in draft.relations.items():
        if relation is None:
            lines += [f"  {name}: null  # none between what is measured here; where you know them, list them instead"]
        elif "sources" in relation:
            lines += [f"  {name}:", "    sources:", *(f"      - {flow(source)}" for source in relation["sources"])]
            lines += [f"    {key}: {flow(value)}" for key, value in relation.items() if key != "sources"]
        else:
            lines += [f"  {name}:", *(f"    {key}: {flow(value)}" for key, value in relation.items())]
    return [*lines, ""]


def _graph(draft: Draft) -> list[str]:
    if not draft.causes and draft.packs:
        return [
            "# The packs know common causes and effects. Add your own, as 'cause -> effect' for every entity:",
            "# graph:",
            "#   templates:",
            "#     - deployments -> latency (lag 0..1)",
            "",
        ]
    if not draft.causes:
        return [
            "# What you know about cause and effect, as 'cause -> effect', for every entity:",
            "# graph:",
            "#   templates:",
            "#     - requests -> cpu",
            "",
        ]
    lines = [
        "# What is known about cause and effect, for every entity or along a relation. A lag counts steps:",
        "# (lag 0..1) says that the effect may show in the same step and in the next. An arrow only says 'maybe': how",
        "# strong it is gets estimated. A missing arrow says 'surely not', so delete only what cannot be.",
        "graph:",
        "  templates:",
    ]
    for known in draft.causes:
        lines += [f"    # {known.why}", *(f"    - {rule}" for rule in known.rules)]
    return [*lines, ""]


def _effects(draft: Draft) -> list[str]:
    if not draft.effects and draft.packs:
        return []
    if not draft.effects:
        return [
            "# Questions asked at every evaluation, once treatment and outcome are signals:",
            "# effects:",
            "#   - {treatment: restarts, outcome: latency}",
            "",
        ]
    return [
        "# Questions asked at every evaluation, of every entity: what does one unit more of the treatment cause?",
        "effects:",
        *(f"  - {{treatment: {treatment}, outcome: {outcome}}}" for treatment, outcome in draft.effects),
        "",
    ]
