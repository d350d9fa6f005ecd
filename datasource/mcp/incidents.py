"""Tools about incidents: what is wrong now, one of them with its path and its gaps, and what people say of it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

from datasource.mcp.service import NotKnownError, RefusedError, Service
from datasource.mcp.telling import NOT_KNOWN, Part, number, share, time, told

Action = Literal["accept", "close", "dismiss", "expect", "merge"]

_VANISHED = "causal_vanished"
"""The one metric that is asked for beside the rows: all of them are a megabyte."""
_SOME = 5
_CLEARLY = 0.1
"""Share of a gap from which on it is worth saying that nothing explains it."""


class IncidentTools:
    """The questions about incidents to one service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def whats_wrong(self) -> str:
        """What is wrong now: open incidents with cause, numbers and what to do, then who else is anomalous, and what is
        not known. Ask this first."""
        rows = self._rows()
        incidents = sorted(
            (one for one in rows["incidents"] if one["state"] == "open"),
            key=lambda one: (-one["affected_entities"], one["start"]),
        )
        inside = {name for one in incidents for name in (*one["affected"], *one["roots"])}
        others = [one for one in rows["anomalies"] if one["entity"] not in inside]
        others.sort(key=lambda one: -(one["joint_score"] or 0))
        parts = [
            Part("Open incidents", [_incident_line(one) for one in incidents], self._shown("incidents")),
            Part("Not known", list(_unknown(rows))),
            Part("Anomalous beside them", [_anomaly_line(one) for one in others], self._snapshot("anomalies")),
            Part(
                "Suffering by more demand alone, nobody broke",
                [f"{one['entity']}: more requests than usual at {one['at']}" for one in rows["surges"]],
                self._snapshot("anomalies"),
            ),
            Part(
                "Quiet, so not alarming",
                [f"{one['entity']} until {time(one['until'])}: {one['reason']}" for one in rows["quiet"]],
                self._snapshot("anomalies"),
            ),
        ]
        return told(
            [_headline(rows, len(incidents))], parts, "ask for one by its id with the tool incident, or at the address"
        )

    def incident(self, incident: str = "newest") -> str:
        """One incident by its id (or "newest"): the symptom's gap and who adds how much to it, the path from the cause
        link by link with observed and usual values, what to do, and what is not known."""
        found = self._find(incident)
        parts = [
            Part("Where the gap comes from; it adds up", list(_contributions(found)), self._shown("root_causes")),
            Part("Path, from the cause to the symptom", [_step_line(step) for step in found["path"]], self._address()),
            Part("Not known", list(_gaps(found))),
            Part("What to do", found["suggestions"], self._shown("incidents")),
            Part("Seen before", [one["told"] for one in found["seen_before"]], self._shown("incidents")),
            Part("Who is affected", [", ".join(found["affected"])] if found["affected"] else [], self._address()),
            Part("What people said", list(_marks(found)), self._address()),
        ]
        end = f"{time(found['start'])} to {time(found['end'])}" if found["end"] else f"since {time(found['start'])}"
        head = [
            f"Incident {found['incident']}, {found['state']}, {end}",
            f"{found['summary']} (shown by {self._shown('incidents')})",
        ]
        return told(head, parts, f"everything is at {self._address()}")

    def mark_incident(self, incident: str, action: Action, reason: str, by: str, into: str = "") -> str:
        """Record what was decided about an incident; needs a token that may write. `accept`: its level is the new
        normal (after a deploy, a resize); `close`: it ends now; `dismiss`: a false alarm; `expect`: harmless, and usual
        at this time of day; `merge`: a part of the incident `into`. `reason` and `by` are kept for people. What was
        done to the system, as a deploy, goes to record_intervention. Do this only when a person asked for it."""
        if (action == "merge") != bool(into):
            raise RefusedError("'into' and the action merge belong together: name the incident that goes on")
        name = self._find(incident)["incident"]
        body = {"by": by, "reason": reason} | ({"into": into} if into else {})
        answer = self._service.post(f"/api/v1/incidents/{quote(name, safe='')}/{action}", body)
        return told([f"{name}: {answer['message']} (shown by {self._shown('incidents')})"], [])

    def _rows(self) -> Any:
        return self._service.get("/api/v1/snapshot", name=_VANISHED)

    def _find(self, name: str) -> Any:
        known = self._service.get("/api/v1/incidents")
        if name == "newest" and not known:
            raise NotKnownError("there is no incident, neither open nor ended; ask whats_wrong for what is anomalous")
        for one in known:
            if name in ("newest", one["incident"]):
                return one
        ids = ", ".join(one["incident"] for one in known[:_SOME]) or "none"
        raise RefusedError(f"there is no incident '{name[:200]}'; the newest are: {ids}")

    def _shown(self, panel: str) -> str:
        return f"panel {panel}, {self._address()}"

    def _address(self) -> str:
        return self._service.link("/api/v1/incidents")

    def _snapshot(self, panel: str) -> str:
        return f"panel {panel}, {self._service.link('/api/v1/snapshot', name='causal_service_anomaly')}"


def _headline(rows: Mapping[str, Any], incidents: int) -> str:
    """What holds in one line; it says that nothing is wrong only where that was judged, and lately."""
    at, anomalous = time(rows["time"]), len(rows["anomalies"])
    if rows["health"]["stale"]:
        why = rows["health"]["error"] or "the evaluation is late"
        return f"What is wrong now is {NOT_KNOWN}: {why}. What was known at {at}: {_counted(incidents, anomalous)}"
    if rows["warming_up"]:
        return f"What is wrong is {NOT_KNOWN} yet at {at}: {rows['warming_up']}"
    if not (incidents or anomalous):
        read = [one["entities"] for one in rows["signals"] if not one["problem"]]
        if not any(read):
            return f"What is wrong is {NOT_KNOWN} at {at}: no signal brings anything"
        judged = f"up to {max(read)} entities by {len(read)} of {len(rows['signals'])} signals"
        return f"At {at} nothing is anomalous, of {judged}"
    return f"At {at}: {_counted(incidents, anomalous)}"


def _counted(incidents: int, anomalous: int) -> str:
    return (
        f"{incidents} incident{'' if incidents == 1 else 's'} open, "
        f"{anomalous} {'entity' if anomalous == 1 else 'entities'} anomalous"
    )


def _incident_line(one: Mapping[str, Any]) -> str:
    action = f" To do: {one['suggestions'][0]}" if one["suggestions"] else ""
    return f"{one['incident']}: {one['summary']}{action}"


def _anomaly_line(one: Mapping[str, Any]) -> str:
    if one["is_root_cause"]:
        cause = f"broke ({share(one['confidence'])} sure)"
    else:
        cause = f"caused by {one['root_cause']}" if one["root_cause"] else f"cause {NOT_KNOWN}"
    return (
        f"{one['entity']}: {cause}, at {one['symptom']}, joint score {number(one['joint_score'])} (normal is below 1)"
    )


def _unknown(rows: Mapping[str, Any]) -> Iterator[str]:
    for one in rows["signals"]:
        if one["problem"]:
            yield f"signal {one['signal']}: {one['problem']}"
    for sample in rows["metrics"]:
        if sample["value"]:
            labels = ", ".join(f'{name}="{value}"' for name, value in sample["labels"].items())
            yield f"{{{labels}}} was judged and has no samples any more"
    yield from rows["notices"]


def _contributions(found: Mapping[str, Any]) -> Iterator[str]:
    unit = found["unit"]
    yield f"{found['symptom']}: gap {number(found['gap'], unit)} to its usual value"
    for part in sorted(found["causes"], key=lambda one: -abs(one["contribution"] or 0)):
        sure = f", {share(part['confidence'])} sure that it broke" if part["is_root_cause"] else ""
        variable = f"{part['entity']}.{part['signal']}"
        yield f"{number(part['contribution'], unit)} ({share(part['share'])}) from {variable}{sure}"
    for part in found["outside"]:
        yield f"{number(part['contribution'], unit)} from outside: {part['where'] or part['entity']}"
    yield f"{number(found['unexplained'], unit)} unexplained"


def _step_line(step: Mapping[str, Any]) -> str:
    link = f"{step['cause']} -> {step['effect']} ({step['relation'] or 'within'})"
    if not step["signal"]:
        return f"{link}: {NOT_KNOWN}, nothing of it is measured"
    observed, usual = (number(step[key], step["unit"]) for key in ("observed", "usual"))
    return f"{link}: {step['signal']} {observed}, usually {usual}, score {number(step['score'])}"


def _gaps(found: Mapping[str, Any]) -> Iterator[str]:
    if not found["root_cause"]:
        likely = ", ".join(f"{one['entity']} {share(one['confidence'])}" for one in found["likely"][:_SOME])
        yield f"who broke; the likeliest: {likely}" if likely else "who broke"
    elif not found["path"]:
        yield f"a path from {found['root_cause']} to {found['symptom']}"
    for step in found["path"]:
        if not step["signal"] or step["score"] is None:
            yield f"whether {step['effect']} is off by {step['cause']}: no score of that link"
    gap, rest = found["gap"], found["unexplained"]
    if gap and rest is not None and abs(rest) >= _CLEARLY * abs(gap):
        yield f"where {share(abs(rest / gap))} of the gap comes from"
    if not found["suggestions"]:
        yield "what to do: no remedy is configured that helps here"


def _marks(found: Mapping[str, Any]) -> Sequence[str]:
    marks = [("accepted", found["accepted"]), (None, found["mark"])]
    return [
        f"{kind or mark['kind']} at {time(mark['at'])} by {mark['by'] or 'somebody'}: {mark['reason'] or 'no reason'}"
        for kind, mark in marks
        if mark
    ]
