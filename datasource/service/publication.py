"""From the process that evaluates to those that serve: a folder with the newest snapshot and how its evaluation goes.

A snapshot is pickled with its arrays beside it (pickle's protocol 5), so that a reader maps them into memory instead of
copying them. Files are replaced whole. The folder is this user's alone, in memory where the system has such a place:
settings, and the secrets in them, travel in it.
"""

import contextlib
import fcntl
import logging
import mmap
import os
import pickle
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from datasource.interventions import InterventionError, InterventionLog
from datasource.interventions.experiments import Experimenter
from datasource.service.evaluator import Marking
from datasource.service.served import Health, NotTakenError, Served
from datasource.service.snapshot import Snapshot
from datasource.settings import Loaded, Settings

log = logging.getLogger(__name__)

Buffer = bytes | memoryview

_PREFIX = "causal-datasource-"
_SNAPSHOT, STATE, _MARKS = "snapshot", "state", "marks"
TROUBLE = "trouble"
"""Why nothing newer can be published; its room is taken beforehand, so that it can be told where there is none left."""
_TROUBLE_BYTES = 4096
_LEAST_ROOM = 32 * 1024 * 1024
"""Bytes; with less, small installations fit three snapshots in, and nobody else does."""
_IN_USE = "in-use"
"""Locked for as long as its maker, or a process that it forked, lives."""
_ALIGNED = 64
"""Bytes to a multiple of which every array begins."""
_BESIDE = 4096
"""Bytes of an array from which on it stands beside the pickle."""
_EVERY = 0.25
"""Seconds between two looks at the folder."""


class State(NamedTuple):
    """How the evaluation goes, under which settings, when (`Served.succeeded`) it last succeeded, and until when, in
    seconds of the same clock, this process leads if nothing more is published."""

    loaded: Loaded
    health: Health
    succeeded: float
    leads_until: float = inf


def new_folder() -> Path:
    """A folder to publish in, of this user alone; its maker deletes it. Those of makers who were killed go now.

    It lies in memory; where there is no such place, or little room in it, among temporary files. Raises OSError.
    """
    memory = Path("/dev/shm")
    try:
        if shutil.disk_usage(memory).free >= _LEAST_ROOM:
            return _folder_in(memory)
    except OSError:
        pass
    return _folder_in(Path(tempfile.gettempdir()))


def _folder_in(where: Path) -> Path:
    for marks in where.glob(f"{_PREFIX}*/{_MARKS}"):
        with contextlib.suppress(OSError), (marks.parent / _IN_USE).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(marks.parent)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=where))
    try:
        _furnish(folder)
        fcntl.flock(os.open(folder / _IN_USE, os.O_CREAT | os.O_RDONLY), fcntl.LOCK_EX)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _furnish(folder: Path) -> None:
    (folder / _MARKS).mkdir()
    (folder / TROUBLE).write_bytes(bytes(_TROUBLE_BYTES))


class Publisher:
    """Puts into a folder what its readers see. One process writes, one thread of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._snapshot: Snapshot | None = None
        self._trouble = ""

    def publish(self, snapshot: Snapshot | None, state: State) -> None:
        """Let readers have these, in a folder that is made anew if somebody deleted it. Raises OSError, of which
        readers are told."""
        try:
            if not self._folder.exists():
                self._folder.mkdir(mode=0o700)
                _furnish(self._folder)
                self._snapshot = None
            if snapshot is not None and snapshot is not self._snapshot:
                _replace(self._folder / _SNAPSHOT, _packed(snapshot))
                self._snapshot = snapshot
            _replace(self._folder / STATE, [pickle.dumps(state, 5)])
        except OSError as error:
            room = f"make room for three snapshots in {self._folder.parent}, in a container by its shm size"
            self._tell(f"{error.strerror or error}; {room}")
            raise
        self._tell("")

    def _tell(self, trouble: str) -> None:
        """Over what stands there, which takes no room. Where even that fails, results are only old."""
        if trouble or trouble != self._trouble:
            with contextlib.suppress(OSError), (self._folder / TROUBLE).open("r+b") as told:
                told.write(trouble.encode()[: _TROUBLE_BYTES - 1].ljust(_TROUBLE_BYTES, b"\0"))
        self._trouble = trouble

    def last(self) -> tuple[Snapshot, State] | None:
        """What stands in the folder, as another process left it; None where there is nothing to be read."""
        try:
            return _unpacked(self._folder / _SNAPSHOT), pickle.loads((self._folder / STATE).read_bytes())
        except Exception as error:
            if not isinstance(error, FileNotFoundError):
                log.warning("what was published last cannot be read: %s", error)
            return None

    def marks(self) -> dict[Path, Marking]:
        """What readers said of incidents, the oldest first; each file is to be deleted once that is done."""
        return self._said("mark")

    def experiments(self) -> list[str]:
        """The experiments that readers asked for since the last time, the oldest first."""
        asked = self._said("experiment")
        for file in asked:
            file.unlink()
        return list(asked.values())

    def _said(self, kind: str) -> dict[Path, Any]:
        return {file: pickle.loads(file.read_bytes()) for file in sorted((self._folder / _MARKS).glob(f"*.{kind}"))}


class Subscriber(Served):
    """What a process publishes in a folder, read by a thread of its own once it was started."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._use(settings)
        self._seen: dict[str, Any] = {}
        self._leads_until = 0.0
        self._published = self.health
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def settings(self) -> Settings:
        return self._settings

    @property
    def interventions(self) -> InterventionLog:
        return self._interventions

    def _use(self, settings: Settings) -> None:
        self._settings = settings
        self._interventions = InterventionLog(settings.store)
        self.experimenter = Experimenter(settings.experiments, self._interventions, self.scores)
        self.experimenter.forward = self._ask_for

    @property
    def leads(self) -> bool:
        return time.monotonic() < self._leads_until

    def start(self) -> None:
        """Read what is there, and begin to follow it."""
        self.refresh()
        self._thread = threading.Thread(target=self._follow, name="subscriber", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Follow no more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def mark(self, kind: str, incident: str, by: str = "", reason: str = "", into: str = "") -> None:
        self._say("mark", Marking(kind, incident, by, reason, into))

    def _ask_for(self, experiment: str) -> None:
        if not self.leads:
            raise InterventionError(f"{self.health.leader or 'another process'} leads, and runs experiments; ask there")
        self._say("experiment", experiment)

    def _say(self, kind: str, thing: object) -> None:
        """Leave something for the process that evaluates. Raises NotTakenError."""
        try:
            _replace(self._folder / _MARKS / f"{time.time_ns():020}-{uuid4().hex}.{kind}", [pickle.dumps(thing, 5)])
        except OSError as error:
            raise NotTakenError(
                f"nothing was done, for it cannot be handed on: {error.strerror or error}; make room in "
                f"{self._folder.parent}, then say it again"
            ) from None

    def refresh(self) -> None:
        """Take what is new. What cannot be read is left for the next time."""
        try:
            if self._is_new(_SNAPSHOT):
                self.snapshot = _unpacked(self._folder / _SNAPSHOT)
            if self._is_new(STATE):
                state: State = pickle.loads((self._folder / STATE).read_bytes())
                self._published, self.succeeded = state.health, state.succeeded
                self._leads_until = state.leads_until
                if state.loaded.settings != self._settings:
                    self._use(state.loaded.settings)
        except FileNotFoundError:
            pass
        except Exception:
            log.exception("what was published cannot be read")
        trouble = self._trouble()
        told = f"nothing newer can be published: {trouble}" if trouble else self._published.error
        self.health = replace(self._published, error=told, unpublished=trouble)

    def _trouble(self) -> str:
        try:
            return (self._folder / TROUBLE).read_bytes().rstrip(b"\0").decode(errors="replace")
        except OSError:
            return ""

    def _is_new(self, name: str) -> bool:
        """Whether a file is there that was not seen before."""
        try:
            found = (self._folder / name).stat()
        except FileNotFoundError:
            return False
        stamp = found.st_ino, found.st_mtime_ns
        new = self._seen.get(name) != stamp
        self._seen[name] = stamp
        return new

    def _follow(self) -> None:
        while not self._stop.wait(_EVERY):
            self.refresh()


def _packed(thing: object) -> list[Buffer]:
    """Bytes whose beginning says where the pickle and each array stand: all of them, in order."""
    beside: list[memoryview] = []

    def keep_inside(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes >= _BESIDE:
            beside.append(raw)
        return raw.nbytes < _BESIDE

    body = pickle.dumps(thing, 5, buffer_callback=keep_inside)
    sizes = pickle.dumps([len(body), *(raw.nbytes for raw in beside)])
    parts: tuple[Buffer, ...] = (len(sizes).to_bytes(8, "little") + sizes, body, *beside)
    return [piece for part in parts for piece in (part, b"\0" * (-len(part) % _ALIGNED))]


def _unpacked(file: Path) -> Any:
    with file.open("rb") as opened:
        content = memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ))
    length = int.from_bytes(content[:8], "little")
    at = _aligned(8 + length)
    parts = []
    for size in pickle.loads(content[8 : 8 + length]):
        parts.append(content[at : at + size])
        at = _aligned(at + size)
    return pickle.loads(parts[0], buffers=parts[1:])


def _aligned(place: int) -> int:
    return place + -place % _ALIGNED


def _replace(file: Path, parts: Iterable[Buffer]) -> None:
    """Write a file whole, or not at all."""
    begun = file.with_name(f".{file.name}-{os.getpid()}")
    try:
        with begun.open("wb") as opened:
            opened.writelines(parts)
        begun.replace(file)
    finally:
        begun.unlink(missing_ok=True)
