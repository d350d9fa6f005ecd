"""Of several processes that use one store, one at a time leads: it holds a lease, which it renews."""

import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import monotonic

from datasource.store.opening import Database
from datasource.store.plain import from_json, to_json
from datasource.store.record import StoreError

NAME = "lease"


@dataclass(frozen=True)
class Holder:
    """Who holds the lease, since which turn of it, until when (seconds of the database's time)."""

    who: str
    turn: int
    until: float


class Lease:
    """This process' side of the lease. `seconds` is how long it lasts without being renewed; `who` tells processes
    apart, and a later process of the same name takes it over at once."""

    name = NAME

    def __init__(self, who: str, seconds: float) -> None:
        self._who = who
        self._seconds = seconds
        self._turn: int | None = None
        self._renewed = 0.0
        self.holder = ""
        """Who held it when it was last looked at; empty before."""

    @property
    def held(self) -> bool:
        """Whether it is ours, and was renewed lately enough that nobody else can have it."""
        return monotonic() < self.until

    @property
    def until(self) -> float:
        """When (seconds of the monotonic clock) it ends unless it is renewed; 0 where it is not ours."""
        return 0.0 if self._turn is None else self._renewed + self._seconds

    def take(self, database: Database) -> bool:
        """Take the lease where it is free or ours, or renew it; whether it is ours now. Raises StoreError."""
        began = monotonic()

        def turn(payload: str | None, now: float) -> str | None:
            found = _read(payload)
            if found and found.who != self._who and found.until > now and not _is_gone(found.who):
                self._turn, self.holder = None, found.who
                return None
            before = found.turn if found else 0
            self._turn = before if found and found.who == self._who and self._turn == before else before + 1
            self.holder = self._who
            return to_json(Holder(self._who, self._turn, now + self._seconds))

        database.change(NAME, turn)
        self._renewed = began
        return self._turn is not None

    def release(self, database: Database) -> None:
        """Let somebody else have it at once. Raises StoreError."""
        mine = self._turn
        self._turn = None

        def free(payload: str | None, _: float) -> str | None:
            found = _read(payload)
            return to_json(Holder("", found.turn, 0.0)) if found and found.turn == mine else None

        database.change(NAME, free)

    def check(self, payload: str | None) -> None:
        """Raises StoreError where somebody else has held it since. A store without a lease was begun anew, and nobody
        leads on it yet."""
        if payload is None:
            return
        found = _read(payload)
        if found is None or (found.who, found.turn) != (self._who, self._turn):
            raise StoreError(
                f"{found.who or 'another process' if found else 'nobody'} leads now; this process may not write"
            )


def _read(payload: str | None) -> Holder | None:
    try:
        return from_json(Holder, payload) if payload else None
    except ValueError:
        return None


def process_name(pid: int) -> str:
    """A name for a process of this machine that no other one will have: host, id, and when it started."""
    return f"{_host()}/{pid}/{_started(pid)}"


def _is_gone(who: str) -> bool:
    """Whether it is known that a process of this name has ended: one of this machine that is not there any more."""
    host, _, rest = who.partition("/")
    pid, _, started = rest.partition("/")
    return host == _host() and pid.isdigit() and Path("/proc/self/stat").exists() and _started(int(pid)) != started


@cache
def _host() -> str:
    """This machine since it booted, or this container: where process ids mean the same."""
    try:
        within = f"{Path('/proc/sys/kernel/random/boot_id').read_text()[:8]}.{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        within = ""
    return f"{socket.gethostname()}.{within}"


def _started(pid: int) -> str:
    """When a process began; empty where there is none, or only its exit code, for which nobody has asked yet."""
    try:
        state, *numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if state == "Z" else numbers[18]
    except (OSError, IndexError, ValueError):
        return ""
