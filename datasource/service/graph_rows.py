"""The causal graph as plain rows: what `/api/v1/graph` answers, what `graph show` prints, what panels lay out."""

from collections.abc import Iterator
from math import isfinite
from typing import Any, NamedTuple

from datasource.discovery.rules import proposed_rules
from datasource.graph import Edge, Standing, against, reasons, standing
from datasource.graph.versions import Version
from datasource.service.snapshot import Snapshot


class EdgeRow(NamedTuple):
    """An edge and what is said of it. `since` and `standing_since` are seconds since 1970, None where that is not
    known; `strength` is the partial correlation given the effect's other causes and past, None where untested;
    `evidence` and `against` are words."""

    edge: Edge
    standing: Standing
    strength: float | None
    since: int | None
    standing_since: int | None
    evidence: str
    against: str


def edge_rows(snapshot: Snapshot) -> Iterator[EdgeRow]:
    """Every edge of the live graph."""
    strengths = snapshot.falsification.strengths if snapshot.falsification else {}
    for edge in snapshot.graph.edges:
        seen = snapshot.history.seen.get(str(edge))
        strength = strengths.get((edge.cause, edge.effect))
        yield EdgeRow(
            edge,
            standing(edge),
            strength if strength is not None and isfinite(strength) else None,
            seen.since if seen else None,
            seen.standing_since if seen else None,
            reasons(edge),
            against(edge),
        )


def graph_json(snapshot: Snapshot) -> dict[str, Any]:
    """The live graph: edges with their evidence, what data say against it, what they propose and what is refused."""
    tested, proposal = snapshot.falsification, snapshot.proposal
    return {
        "time": snapshot.time,
        "graph": snapshot.graph.version,
        "version": snapshot.history.versions[0].number if snapshot.history.versions else None,
        "edges": [_edge(row) for row in edge_rows(snapshot)],
        "unmeasured": [str(variable) for variable in sorted(snapshot.graph.unmeasured)],
        "tested": _tested(snapshot) if tested else None,
        "proposed": [
            {
                "cause": str(one.cause),
                "effect": str(one.effect),
                "lag": one.lag,
                "strength": one.strength,
                "stability": one.stability,
                "oriented": one.oriented,
            }
            for one in (proposal.proposed if proposal else ())
        ],
        "proposed_rules": [str(rule) for rule in proposed_rules(proposal, snapshot.topology)] if proposal else [],
        "refused": [
            {"cause": str(one.cause), "effect": str(one.effect), "reason": one.reason}
            for one in (proposal.refused if proposal else ())
        ],
    }


def _edge(row: EdgeRow) -> dict[str, Any]:
    edge = row.edge
    return {
        "cause": str(edge.cause),
        "effect": str(edge.effect),
        "lag": edge.lag,
        "relation": edge.relation,
        "standing": row.standing,
        "since": row.since,
        "standing_since": row.standing_since,
        "strength": row.strength,
        "evidence": [one._asdict() for one in edge.evidence],
        "against": row.against,
    }


def _tested(snapshot: Snapshot) -> dict[str, Any]:
    tested = snapshot.falsification
    assert tested is not None
    return {
        "time": snapshot.tested_at,
        "independences": tested.tested,
        "verdict": tested.verdict,
        "shuffled": tested.shuffled._asdict() if tested.shuffled else None,
        "contradictions": [
            {
                "variable": str(one.variable),
                "effect": str(one.effect),
                "given": [str(given) for given in one.given],
                "explained": one.explained,
                "p_value": one.p_value,
                "adjusted": one.adjusted,
                "told": str(one),
            }
            for one in tested.contradictions
        ],
        "not_tested": [{"variable": str(variable), "reason": reason} for variable, reason in tested.left_out],
        "notices": list(tested.notices),
    }


def version_json(version: Version) -> dict[str, Any]:
    """A version of the graph as a row."""
    return version._asdict() | {"changed": [one._asdict() for one in version.changed]}
