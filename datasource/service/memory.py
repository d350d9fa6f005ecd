"""What an evaluator has fitted, kept in the store, so that the next process goes on from there at once."""

import logging
from typing import NamedTuple

from datasource.anomaly import Mechanisms
from datasource.data import Entity
from datasource.discovery import Proposal
from datasource.discovery.falsification import Falsification
from datasource.effects import EffectResult, StructuralModel
from datasource.graph import CausalGraph
from datasource.interventions.assessment import Assessment
from datasource.service.packing import PackingError, packed, unpacked
from datasource.service.snapshot import Snapshot
from datasource.settings.store import Store
from datasource.store import Fence, StoreError, open_database
from datasource.topology import Topology

log = logging.getLogger(__name__)

_NAME = "fitted"


class Memory(NamedTuple):
    """What was fitted under the settings of a fingerprint, for which entities."""

    fingerprint: str
    mechanisms: Mechanisms
    graph: CausalGraph
    topology: Topology
    entities: frozenset[Entity]
    effects: tuple[EffectResult, ...] | None
    impacts: tuple[EffectResult, ...]
    structural: StructuralModel | None
    assessed: Assessment
    falsification: Falsification | None = None
    tested_at: int = 0
    proposal: Proposal | None = None


def memory_of(snapshot: Snapshot) -> Memory | None:
    """What an evaluator that goes on from this snapshot has to know; None before the first fit."""
    if snapshot.mechanisms is None:
        return None
    return Memory(
        snapshot.fingerprint,
        snapshot.mechanisms,
        snapshot.graph,
        snapshot.topology,
        frozenset(snapshot.entities),
        snapshot.effects,
        snapshot.impacts or (),
        snapshot.structural,
        snapshot.assessed,
        snapshot.falsification,
        snapshot.tested_at,
        snapshot.proposal,
    )


def keep(store: Store, memory: Memory, fence: Fence | None = None) -> None:
    """Put it into the store, in the place of what was there. Raises StoreError."""
    database = open_database(store)
    database.fence = fence
    try:
        database.write([], {_NAME: packed(memory)}, 0)
    finally:
        database.close()


def recall(store: Store, fingerprint: str) -> Memory | None:
    """What was kept for these settings by this code; None where there is none, which the log says if it is a fault."""
    try:
        database = open_database(store)
        try:
            text = database.state(_NAME)
        finally:
            database.close()
        memory: Memory | None = unpacked(text) if text else None
    except (StoreError, PackingError) as error:
        log.warning("what was fitted before the restart cannot be read, it is fitted anew: %s", error)
        return None
    return memory if memory and memory.fingerprint == fingerprint else None
