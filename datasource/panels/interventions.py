"""Panels: the log of interventions as a table, and as annotation regions."""

from typing import Any

from datasource.interventions import Intervention
from datasource.interventions.entry import DETECTED
from datasource.panels.choices import Pairs
from datasource.panels.frame import Field, Frame, notice_frame
from datasource.panels.query import ALL, Query
from datasource.panels.registry import Panel, Parameter
from datasource.service import Snapshot

_SHOWN = 1000
_OFFERED = 100
_STATES = ("active", "ended", "planned")
_COLORS = {"active": "orange", "ended": "green", "planned": "blue"}


def offered(snapshot: Snapshot) -> Pairs:
    """The newest interventions by their ids."""
    return [(str(one.id), f"{one.id}: {one.told}") for one in snapshot.interventions[:_OFFERED]]


def _kinds(snapshot: Snapshot) -> Pairs:
    return [(ALL, ALL), *((kind, kind) for kind in sorted({one.kind for one in snapshot.interventions}))]


def _targets(snapshot: Snapshot) -> Pairs:
    named = {target for one in snapshot.interventions[:_SHOWN] for target in one.targets}
    return [(ALL, ALL), *((target, target) for target in sorted(named))]


def _chosen(query: Query, snapshot: Snapshot) -> list[tuple[Intervention, dict[str, Any]]]:
    """Those of the time range that the parameters leave, each with its row, the newest first."""
    kinds = set(query.wanted("kind", [kind for kind, _ in _kinds(snapshot)]))
    targets = set(query.wanted("target", [target for target, _ in _targets(snapshot)]))
    states = set(query.wanted("state", _STATES))
    rows = [(one, one.row(snapshot.time)) for one in snapshot.interventions]
    return [
        (one, row)
        for one, row in rows
        if one.start <= query.end
        and (one.end is None or one.end >= query.start)
        and one.kind in kinds
        and row["state"] in states
        and (query.takes_all("target") or targets & set(one.targets))
    ][:_SHOWN]


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """One frame: what was done to whom, when, by whom and why, and how clear its clearest impact is."""
    found = _chosen(query, snapshot)
    if not found:
        return [notice_frame("no intervention is written down in this time")]
    strings = {
        "kind": [one.kind for one, _ in found],
        "targets": [", ".join(one.targets) for one, _ in found],
        "parameters": [", ".join(f"{name}={value}" for name, value in one.parameters.items()) for one, _ in found],
        "why": [one.why for one, _ in found],
        "who": [one.who for one, _ in found],
        "links": [", ".join(f"{name}: {value}" for name, value in one.links.items()) for one, _ in found],
        "rolled back": ["yes" if one.rolled_back else "" for one, _ in found],
        "intervention": [str(one.id) for one, _ in found],
    }
    fields = (
        Field("state", "string", [row["state"] for _, row in found], config={"mappings": _MAPPINGS}),
        Field("start", "time", [one.start * 1000 for one, _ in found]),
        Field("end", "time", [None if one.end is None else one.end * 1000 for one, _ in found]),
        *(Field(name, "string", values) for name, values in strings.items()),
    )
    return [Frame("interventions", fields, meta={"preferredVisualisationType": "table"})]


def _regions(query: Query, snapshot: Snapshot) -> list[Frame]:
    """One frame of regions from an intervention's start to its end, or to now while it goes on; of what a signal told,
    and whose end it does not tell, the start."""
    found = [one for one, _ in _chosen(query, snapshot)]
    ends = [one.end or (one.start if one.kind == DETECTED else max(snapshot.time, one.start)) for one in found]
    fields = (
        Field("time", "time", [one.start * 1000 for one in found]),
        Field("timeEnd", "time", [end * 1000 for end in ends]),
        Field("title", "string", [one.told for one in found]),
        Field("text", "string", [one.why or f"by {one.who}" for one in found]),
        Field("tags", "string", [",".join((one.kind, *one.targets)) for one in found]),
        Field("id", "string", [str(one.id) for one in found]),
    )
    return [Frame("intervention_regions", fields)]


_MAPPINGS = [
    {
        "type": "value",
        "options": {state: {"color": color, "index": index} for index, (state, color) in enumerate(_COLORS.items())},
    }
]
_PARAMETERS = (
    Parameter("state", "State", lambda _: [(ALL, ALL), *((state, state) for state in _STATES)], multiple=True),
    Parameter("kind", "Kind", _kinds, multiple=True),
    Parameter("target", "Target", _targets, multiple=True),
)

PANEL = Panel("interventions", "Interventions", frames, _PARAMETERS, needs_mechanisms=False, table=True)
REGIONS = Panel("intervention_regions", "Interventions (annotations)", _regions, _PARAMETERS, needs_mechanisms=False)
