"""One resolution of the history: what was read of each signal, and up to when."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from datasource.settings import Settings
from datasource.telemetry.growing import Block, GrowingMatrix
from datasource.telemetry.matrix import Matrix


class Question(NamedTuple):
    """What is asked for a signal; when it changes, the answers so far are worth nothing."""

    source: str
    query: str
    entity: str
    labels: tuple[str, ...]


def questions(settings: Settings) -> dict[str, Question]:
    """What the settings ask, by signal."""
    return {
        name: Question(signal.source, signal.query, signal.entity, settings.entities[signal.entity].labels)
        for name, signal in settings.signals.items()
    }


class Resolution:
    """The newest `keep` points, one every `step` seconds, of signals that are read each up to its own time."""

    def __init__(self, step: int, keep: int) -> None:
        self.step = step
        self.keep = keep
        self._growing = GrowingMatrix(step, keep)
        self._asked: dict[str, Question] = {}
        self._ends: dict[str, int] = {}

    @property
    def matrix(self) -> Matrix:
        """What is known, as it was published last."""
        return self._growing.matrix

    @property
    def ends(self) -> Mapping[str, int]:
        """Up to when each signal was read (seconds)."""
        return dict(self._ends)

    def missing(self, asked: Mapping[str, Question], end: int, overlap: int = 0) -> dict[str, tuple[int, int]]:
        """From when to when each signal is to be read, so that all is known up to `end` (seconds).

        The last `overlap` points that are known are read again. A signal of which everything is known is left away.
        """
        first = end - (self.keep - 1) * self.step
        spans = {}
        for name, question in asked.items():
            start = first
            if self._asked.get(name) == question and self.matrix.variables:
                start = max(first, self._ends[name] + (1 - overlap) * self.step)
            if start <= end:
                spans[name] = (start, end)
        return spans

    def take(self, asked: Mapping[str, Question], blocks: Iterable[Block], end: int) -> Matrix:
        """Take the answers to `asked` up to `end`, and forget the signals that are asked no more, or otherwise."""
        first = end - (self.keep - 1) * self.step
        gone = [name for name, question in self._asked.items() if asked.get(name) != question]
        for name in gone:
            del self._asked[name], self._ends[name]
        taken = [Block(name, first, self.keep, {}) for name in gone]
        for block in blocks:
            taken.append(block)
            self._asked[block.signal] = asked[block.signal]
            self._ends[block.signal] = max(end, self._ends.get(block.signal, end))
        return self._growing.lay(taken, end)
