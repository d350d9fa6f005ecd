"""Tools about causes and effects: an effect that is configured, what if, and the graph with its evidence."""

from collections.abc import Iterator, Mapping
from math import inf
from typing import Any

from datasource.mcp.service import NotKnownError, RefusedError, Service
from datasource.mcp.telling import NOT_KNOWN, Part, number, told

_SOME = 10
_EDGE = "causal_edge_info"


class EffectTools:
    """The questions about effects to one service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def effect(self, treatment: str = "", outcome: str = "") -> str:
        """What one unit more of a treatment causes in an outcome, with interval, association and checks, of those that
        causal.yaml asks for. Names are variables as shop/web.latency, or a part of them; without any, all effects."""
        rows = self._service.get("/api/v1/snapshot", name="causal_effect")
        every = rows["effects"]
        if not every:
            said = [notice for notice in rows["notices"] if notice.startswith("effect")]
            raise NotKnownError("; ".join(said) or "no effects are configured, or they are being computed")
        found = [one for one in every if treatment in one["treatment"] and outcome in one["outcome"]]
        if not found:
            known = ", ".join(f"{one['treatment']} -> {one['outcome']}" for one in every[:_SOME])
            raise NotKnownError(
                f"causal.yaml asks for no effect of '{treatment}' on '{outcome}', and an association would not do; "
                f"known are {len(every)}: {known}"
            )
        found.sort(key=lambda one: -_clearness(one))
        units = {one["signal"]: one["unit"] for one in rows["signals"]}
        shown = f"panel effects_table, {self._service.link('/api/v1/snapshot', name='causal_effect')}"
        if len(found) > 1:
            parts = [Part(f"{len(found)} effects, the clearest first", [_line(one, units) for one in found], shown)]
            return told([], parts, "name treatment and outcome")
        (one,) = found
        parts = [
            Part("Effect", [_line(one, units), *_how(one)], shown),
            Part(
                "Checks that fail", [f"{c['name']}: {c['text']}" for c in one["checks"] if c["passed"] is False], shown
            ),
            Part("It assumes", one["assumptions"], shown),
            Part("Notices", one["notices"], shown),
        ]
        return told([], parts, f"everything is at {self._service.link('/api/v1/snapshot', name='causal_effect')}")

    def what_if(self, variable: str, value: str | float, outcomes: list[str] | None = None) -> str:
        """What would become of others if a variable, as shop/web.requests, were held at a value for good:
        do(variable = value). The value is a number, 'highest', 'lowest', 'now', 'now * 2' or 'now + 10%'; outcomes are
        variables, without them all that it reaches."""
        if variable.strip() in ("", "All"):
            raise RefusedError("what_if: say which variable is held at a value, as shop/web.requests")
        (frame, *_) = self._service.panel("what_if", variable=variable, value=str(value), outcome=outcomes or [])
        if not frame.rows:
            raise NotKnownError("; ".join(frame.notices))
        rows = sorted(frame.rows, key=lambda row: -_relative(row))
        lines = [
            f"{row['outcome']}: now {number(row['now'], row['unit'])}, then {number(row['predicted'], row['unit'])} "
            f"(95%: {number(row['lower'])} to {number(row['upper'])}), change {number(row['change'], row['unit'])}"
            for row in rows
        ]
        parts = [
            Part("Mind", list(frame.notices)),
            Part("Predicted, the largest relative change first", lines, f"panel what_if, {self._service.link('/')}"),
        ]
        return told([f"do({rows[0]['do']})"], parts, "name outcomes")

    def graph(self, entity: str = "") -> str:
        """The causal graph between variables, an edge a line: lag, the evidence for it, and the newest causal score of
        both ends (above 1 broke). `entity` is a name as shop/web, or a part of one: it and what it touches; without it,
        the whole graph."""
        named = self._named(entity) if entity else set()
        around = self._neighbours(named) if named else set()
        nodes, *edges = self._service.panel("causal_graph", show="every variable", entity=sorted(named | around))
        if not edges:
            raise NotKnownError("; ".join(nodes.notices))
        scores = {row["id"]: row["mainstat"] for row in nodes.rows}
        rows = [row for row in edges[0].rows if not named or named & {_entity(row["source"]), _entity(row["target"])}]
        rows.sort(key=lambda row: -max(_score(scores, row["source"]), _score(scores, row["target"])))
        lines = [
            f"{row['source']} ({scores[row['source']]}) -> {row['target']} ({scores[row['target']]})"
            f"{', ' + row['mainstat'] if row['mainstat'] else ''}; evidence: {_evidence(row)}"
            for row in rows
        ]
        unmeasured = [name for name, text in scores.items() if text == "not measured"]
        parts = [
            Part("Not known", [f"{name}: nobody measures it" for name in unmeasured]),
            Part("Edges, the highest scores first", lines, f"panel causal_graph, {self._link_of_edges()}"),
        ]
        head = f"{len(rows)} edges" + (f" of {', '.join(sorted(named))}" if named else f", {len(scores)} variables")
        return told([head, *nodes.notices], parts, f"name an entity, or see {self._link_of_edges()}")

    def _edges(self) -> Iterator[tuple[str, str]]:
        """The entities at both ends of every edge."""
        for one in self._service.get("/api/v1/snapshot", name=_EDGE)["metrics"]:
            yield _entity(one["labels"]["cause"]), _entity(one["labels"]["effect"])

    def _named(self, name: str) -> set[str]:
        """The entities of this name, else those whose names hold it. Raises RefusedError and NotKnownError."""
        known = {entity for ends in self._edges() for entity in ends if entity}
        if not known:
            raise NotKnownError("the graph has no edges; causal.yaml states some under graph")
        found = {name} & known or {entity for entity in known if name in entity}
        if not found:
            some = ", ".join(sorted(known)[:_SOME])
            raise RefusedError(f"no entity of the graph is called '{name[:200]}'; known are {len(known)}: {some}")
        return found

    def _neighbours(self, named: set[str]) -> set[str]:
        return {end for ends in self._edges() if named & {*ends} for end in ends if end}

    def _link_of_edges(self) -> str:
        return self._service.link("/api/v1/snapshot", name=_EDGE)


def _clearness(one: Mapping[str, Any]) -> float:
    """An effect in widths of its interval; those of other units cannot be compared otherwise."""
    lower, upper, effect = one["lower"], one["upper"], one["effect"]
    if None in (lower, upper, effect):
        return -1.0
    return float(abs(effect) / (upper - lower)) if upper > lower else inf


def _line(one: Mapping[str, Any], units: Mapping[str, str]) -> str:
    unit = units.get(one["outcome"].rpartition(".")[2], "")
    if one["effect"] is None:
        return f"{one['treatment']} -> {one['outcome']}: {NOT_KNOWN}; {'; '.join(one['notices']) or one['verdict']}"
    return (
        f"{one['treatment']} -> {one['outcome']}: one unit more causes {number(one['effect'], unit)} "
        f"(95%: {number(one['lower'])} to {number(one['upper'])}); association {number(one['association'])}; "
        f"checks {one['light']}: {one['verdict']}"
    )


def _how(one: Mapping[str, Any]) -> Iterator[str]:
    held = ", ".join(one["adjustment_set"]) or "nothing"
    yield f"by {one['method']}, identified by {one['identified_by']}, holding fixed {held}; {one['n']} points"
    yield f"p-value {number(one['p_value'])}"


def _relative(row: Mapping[str, Any]) -> float:
    change, now = row["change"], row["now"]
    return abs(change) / (abs(now) or 1.0) if change is not None and now is not None else -1.0


def _entity(variable: str) -> str:
    """The entity in a variable's name; empty for what acts everywhere."""
    return variable.rpartition(".")[0]


def _score(scores: Mapping[str, str], name: str) -> float:
    try:
        return float(scores[name])
    except ValueError:
        return -1.0


def _evidence(row: Mapping[str, Any]) -> str:
    return str(row["detail__evidence"]).partition(": ")[2] or NOT_KNOWN
