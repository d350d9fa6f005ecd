"""How entities are told."""

from collections.abc import Sequence

from datasource.data import Entity
from datasource.topology import Topology

SHOWN = 3
"""So many entities are named in a sentence, and how many more there are."""


def listed(names: Sequence[str], shown: int) -> str:
    """The first names, and how many more there are.

    >>> listed(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")


def cause_name(entity: Entity, topology: Topology) -> str:
    """An entity as people are told of it: "namespace/service", and "client -> server" for a call between two."""
    tie = next((tie for tie in topology.ties if tie.end("call") == entity), None)
    return f"{tie.ends[0][1]} -> {tie.ends[1][1]}" if tie else str(entity)
