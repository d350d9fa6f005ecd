"""What an evaluator has fitted, kept in the store, so that the next process goes on from there at once.

It is pickled, and read back only as what it may be: classes of this package and arrays, by the same code that wrote it.
"""

import base64
import hashlib
import io
import logging
import pickle
import zlib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from datasource.anomaly import Mechanisms
from datasource.data import Entity
from datasource.effects import EffectResult, StructuralModel
from datasource.graph import CausalGraph
from datasource.service.snapshot import Snapshot
from datasource.settings.store import Store
from datasource.store import StoreError, open_database
from datasource.topology import Topology

log = logging.getLogger(__name__)

_NAME = "fitted"
_ARRAYS = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    *((f"numpy.{core}.{module}", name) for core in ("core", "_core") for module, name in (
        ("multiarray", "_reconstruct"),
        ("multiarray", "scalar"),
        ("numeric", "_frombuffer"),
    )),
}  # fmt: skip
_PLAIN = {("builtins", "frozenset"), ("builtins", "set"), ("builtins", "complex"), ("builtins", "slice")}


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
    )


def keep(store: Store, memory: Memory) -> None:
    """Put it into the store, in the place of what was there. Raises StoreError."""
    packed = zlib.compress(pickle.dumps((_code(), memory), 5), 1)
    database = open_database(store)
    try:
        database.write([], {_NAME: base64.b64encode(packed).decode()}, 0)
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
        if text is None:
            return None
        code, memory = _Unpickler(io.BytesIO(zlib.decompress(base64.b64decode(text)))).load()
    except (StoreError, ValueError, zlib.error, pickle.UnpicklingError, EOFError) as error:
        log.warning("what was fitted before the restart cannot be read, it is fitted anew: %s", error)
        return None
    if code != _code() or memory.fingerprint != fingerprint:
        return None
    found: Memory = memory
    return found


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name) if self._may_be(module, name) else None
        if found is None or (module.startswith("datasource.") and not isinstance(found, type)):
            raise pickle.UnpicklingError(f"{module}.{name} has no place in it")
        return found

    @staticmethod
    def _may_be(module: str, name: str) -> bool:
        return module.startswith("datasource.") or (module, name) in _ARRAYS or (module, name) in _PLAIN


@cache
def _code() -> str:
    """Another text whenever a file of this package is another one."""
    package = Path(__file__).parents[1]
    digest = hashlib.blake2b(digest_size=16)
    for file in sorted(package.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()
