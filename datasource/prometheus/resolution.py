"""One resolution of the history: what was read of each signal, and up to when."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from datasource.data.absence import Known
from datasource.data.growing import Block, GrowingMatrix
from datasource.data.matrix import Matrix
from datasource.settings import Settings, Signal


class Question(NamedTuple):
    """What is asked for a signal, and the labels of the answer; when it changes, what was read is worth nothing."""

    source: str
    query: str
    entity: str
    labels: tuple[str, ...]


def questions(settings: Settings) -> dict[str, Question]:
    """What the settings ask, by signal."""
    return {
        name: Question(signal.source, signal.query, signal.entity, _labels(settings, signal))
        for name, signal in settings.signals.items()
    }


def _labels(settings: Settings, signal: Signal) -> tuple[str, ...]:
    return tuple(signal.labels.get(label, label) for label in settings.entities[signal.entity].labels)


class Resolution:
    """The newest `keep` points, one every `step` seconds, of signals that are read each up to its own time."""

    def __init__(self, step: int, keep: int) -> None:
        self.step = step
        self.keep = keep
        self._growing = GrowingMatrix(step, keep)
        self._asked: dict[str, Question] = {}
        self._ends: dict[str, int] = {}
        self._doubtful: dict[str, list[tuple[int, int]]] = {}

    @property
    def matrix(self) -> Matrix:
        """What is known, as it was published last."""
        return self._growing.matrix

    @property
    def ends(self) -> Mapping[str, int]:
        """Up to when each signal was read (seconds)."""
        return dict(self._ends)

    @property
    def known(self) -> Mapping[str, Known]:
        """Of each signal that was read, up to when, and where an absent sample may only be missing in the answer."""
        return {name: Known(end, tuple(self._doubtful.get(name, ()))) for name, end in self._ends.items()}

    def missing(
        self, asked: Mapping[str, Question], end: int, starts: Mapping[str, int] | None = None
    ) -> dict[str, tuple[int, int]]:
        """From when to when each signal is to be read, so that all is known up to `end` (seconds).

        What is known from `starts` on is read again. A signal of which everything is known is left away.
        """
        first = end - (self.keep - 1) * self.step
        spans = {}
        for name, question in asked.items():
            start = first
            if self._asked.get(name) == question and self.matrix.variables:
                unread = self._ends[name] + self.step
                start = max(first, min(unread, (starts or {}).get(name, unread)))
            if start <= end:
                spans[name] = (start, end)
        return spans

    def take(
        self, asked: Mapping[str, Question], blocks: Iterable[Block], end: int, doubtful: Collection[str] = ()
    ) -> Matrix:
        """Take the answers to `asked` up to `end`, and forget the signals that are asked no more, or otherwise.

        In the blocks of the signals that are `doubtful`, samples may be missing.
        """
        first = end - (self.keep - 1) * self.step
        gone = [name for name, question in self._asked.items() if asked.get(name) != question]
        for name in gone:
            del self._asked[name], self._ends[name]
            self._doubtful.pop(name, None)
        taken = [Block(name, first, self.keep, {}) for name in gone]
        for block in blocks:
            taken.append(block)
            self._asked[block.signal] = asked[block.signal]
            self._ends[block.signal] = max(end, self._ends.get(block.signal, end))
            self._doubt(block, first, block.signal in doubtful)
        return self._growing.lay(taken, end)

    def _doubt(self, block: Block, oldest: int, doubtful: bool) -> None:
        """What was read again is as doubtful as it is now; what is older than the matrix does not matter."""
        first, last = block.start, block.start + (block.columns - 1) * self.step
        spans = [(first, last)] if doubtful else []
        for start, end in self._doubtful.get(block.signal, ()):
            spans += [(start, min(end, first - self.step)), (max(start, last + self.step), end)]
        merged: list[tuple[int, int]] = []
        for start, end in sorted((max(start, oldest), end) for start, end in spans if max(start, oldest) <= end):
            adjoins = bool(merged) and start - merged[-1][1] <= self.step
            begun = merged.pop()[0] if adjoins else start
            merged.append((begun, end))
        self._doubtful[block.signal] = merged
