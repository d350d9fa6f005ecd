"""Entries of the audit log, chained by hashes, and the interventions that they tell of."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import orjson

from datasource.interventions.statement import InterventionError, read_statement
from datasource.store import Logged

Action = Literal["record", "correct"]

DETECTED = "detected"
"""The kind of an intervention that a signal told of; which signal, its parameters say."""
BOOKKEEPING = ("host", "planned_end")
"""Parameters that experiments keep for themselves, and nobody has to be told."""
NOTHING = "0" * 64
"""What the first entry follows."""


@dataclass(frozen=True)
class Entry:
    """What was said of an intervention, and by whom.

    number: place in the log, from 1 on without gaps.
    at: when it was written, seconds since 1970.
    intervention: number of the entry that records the intervention: its id.
    who: name of the token, or of the user of a command.
    said: only what was said, by the names of `Statement`.
    previous: digest of the entry before it.
    """

    number: int
    key: str
    at: int
    intervention: int
    action: Action
    who: str
    said: Mapping[str, Any]
    previous: str
    digest: str = ""

    @classmethod
    def read(cls, row: Logged) -> "Entry":
        """Raises ValueError for what is no entry."""
        try:
            return cls(**orjson.loads(row.payload), digest=row.digest)
        except TypeError as error:
            raise ValueError(f"not an entry: {error}") from None

    def logged(self) -> Logged:
        """As it is kept: the text is what the digest is of, and holds the digest of the entry before."""
        plain = {name: value for name, value in vars(self).items() if name != "digest"}
        payload = orjson.dumps(plain, option=orjson.OPT_SORT_KEYS).decode()
        return Logged(self.number, self.key, payload, digest(payload))


def digest(payload: str) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(payload.encode()).hexdigest()


@dataclass(frozen=True)
class Intervention:
    """What is known of an intervention by its newest entry; fields as in `Statement`. Times are seconds since 1970.

    id: number of its first entry. recorded_at, who: of that entry. entries: numbers of all.
    """

    id: int
    recorded_at: int
    who: str
    kind: str
    targets: tuple[str, ...]
    start: int
    end: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""
    links: Mapping[str, str] = field(default_factory=dict)
    randomised: bool = False
    on: tuple[tuple[int, int], ...] = ()
    rolled_back: bool = False
    entries: tuple[int, ...] = ()

    @property
    def told(self) -> str:
        """What was done to whom, in words: a signal's own name where it was detected."""
        parameters = {name: value for name, value in self.parameters.items() if name not in BOOKKEEPING}
        kind = parameters.pop("signal", self.kind) if self.kind == DETECTED else self.kind
        more = f" ({', '.join(f'{name}={value}' for name, value in parameters.items())})" if parameters else ""
        return f"{kind} of {', '.join(self.targets)}{more}"

    def active(self, time: float) -> bool:
        """Whether it lasts at a time."""
        return self.start <= time and (self.end is None or time < self.end)

    def row(self, time: float) -> dict[str, Any]:
        """As JSON has it, with its state at a time."""
        state = "active" if self.active(time) else "planned" if self.start > time else "ended"
        return {"intervention": self.id, "state": state, **{k: v for k, v in vars(self).items() if k != "id"}}


def followed(before: Intervention | None, entry: Entry) -> Intervention:
    """The intervention after an entry. Raises InterventionError where the entry does not fit."""
    said = dict(entry.said)
    if "targets" in said:
        said["targets"] = tuple(said["targets"])
    if "on" in said:
        said["on"] = tuple((int(start), int(end)) for start, end in said["on"])
    if before is None:
        missing = [name for name in ("kind", "targets") if name not in said]
        if missing:
            raise InterventionError(f"'{missing[0]}' is missing; say what was done to whom, as kind and targets")
        start = said.pop("start", entry.at)
        now = Intervention(entry.number, entry.at, entry.who, start=start, entries=(entry.number,), **said)
    else:
        now = replace(before, entries=(*before.entries, entry.number), **said)
    if now.end is not None and now.end <= now.start:
        raise InterventionError(f"the end {now.end} is not after the start {now.start}; exchange them")
    for (_, end), (later, _) in zip(now.on, now.on[1:], strict=False):
        if later < end:
            raise InterventionError("the blocks in 'on' overlap or are not in order; write them one after the other")
    if any(end <= start for start, end in now.on):
        raise InterventionError("a block in 'on' ends before it begins; write it as [start, end]")
    return now


def meant(said: Mapping[str, Any], now: float) -> None:
    """Refuse what no log would take as an intervention of its own. Raises InterventionError."""
    followed(None, Entry(1, "", int(now), 1, "record", "", read_statement(said).said(), NOTHING))


def told(entries: Iterable[Entry]) -> dict[int, Intervention]:
    """Every intervention by its id, from all entries in order."""
    found: dict[int, Intervention] = {}
    for entry in entries:
        found[entry.intervention] = followed(found.get(entry.intervention), entry)
    return found


class Verification(NamedTuple):
    """Whether the chain is whole: how many entries hold, the digest of the last of these, and what breaks after it."""

    entries: int
    head: str
    broken: str = ""


def verify(rows: Sequence[Logged], known: str = "") -> Verification:
    """Follow the chain from the first entry. `known` is a digest that somebody noted before: where it is not in the
    chain any more, entries were taken off the end or written anew."""
    head, seen = NOTHING, {NOTHING}
    for place, row in enumerate(rows, start=1):
        broken = _broken(row, place, head)
        if broken:
            return Verification(place - 1, head, broken)
        head = row.digest
        seen.add(head)
    if known and known not in seen:
        return Verification(len(rows), head, f"no entry has the digest {known}: the log was cut or written anew")
    return Verification(len(rows), head)


def _broken(row: Logged, place: int, head: str) -> str:
    """What is wrong with an entry that should follow `head` at a place."""
    if row.number != place:
        return f"entry {place} is missing"
    if digest(row.payload) != row.digest:
        return f"entry {place} was changed: its text has another digest"
    try:
        entry = Entry.read(row)
    except ValueError:
        return f"entry {place} cannot be read"
    if entry.previous != head:
        return f"entry {place} does not follow entry {place - 1}: that was changed or replaced"
    if (entry.number, entry.key) != (row.number, row.key):
        return f"entry {place} was moved, or its key was changed"
    return ""
