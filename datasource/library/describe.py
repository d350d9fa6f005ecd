"""`causal-datasource check --data`: what was understood of a file."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from datasource.data.counters import is_counter_name
from datasource.library.doubts import Doubt, find_doubts
from datasource.library.sources import Opened
from datasource.library.text import count, table, when
from datasource.service.silence import find_silent, find_silent_signals, find_unasked
from datasource.settings import format_duration
from datasource.topology import read_topology


class Line(NamedTuple):
    """What is said, and whether it is wrong."""

    text: str
    wrong: bool = False


def describe(opened: Opened) -> Iterator[Line]:
    """The lines: the grid, each signal with its role and gaps, what its numbers cannot mean, the relations and rules,
    and what was left out."""
    for text in _table(opened):
        yield Line(text)
    for name in opened.settings.signals:
        for doubt in doubts_of(opened, name):
            yield Line(f"{'WRONG' if doubt.wrong else 'note'}: {name}: {doubt.text}", doubt.wrong)
    for silence in (*find_silent(opened.data.matrix), *find_silent_signals(opened.settings, opened.data.matrix)):
        yield Line(f"{'note' if silence.usual else 'WRONG'}: {silence.text}", not silence.usual)
    for silence in find_unasked(opened.settings, opened.data.matrix):
        yield Line(f"note: {silence.text}")
    for text in _rest(opened):
        yield Line(text)


def cannot_be(opened: Opened) -> tuple[str, ...]:
    """What signals' numbers cannot mean, one sentence each, as `check` calls it wrong."""
    return tuple(
        f"{name}: {doubt.text}" for name in opened.settings.signals for doubt in doubts_of(opened, name) if doubt.wrong
    )


def doubts_of(opened: Opened, name: str) -> Iterator[Doubt]:
    """What is doubtful about one signal's numbers."""
    column = opened.data.signals[name].query if name in opened.data.signals else name
    counter = next((one for one in (column, name) if is_counter_name(one)), "")
    yield from find_doubts(opened.settings, name, opened.data.matrix, counter=counter)


def _table(opened: Opened) -> Iterator[str]:
    data, settings = opened.data, opened.settings
    matrix = data.matrix
    every = f" every {format_duration(matrix.step)}" if data.has_time else ""
    span = f"{when(matrix.start, data.has_time)} to {when(matrix.end, data.has_time)}"
    yield f"{count(matrix.values.shape[1], 'point')}{every}, {span}"
    yield ""
    rows = [("signal", "column", "unit", "role", "kind", "entities", "points", "missing")]
    for name, signal in settings.signals.items():
        own = [row for row, variable in enumerate(matrix.variables) if variable.signal == name]
        there = int(np.isfinite(matrix.values[own]).sum())
        cells = len(own) * matrix.values.shape[1]
        column = data.signals[name].query if name in data.signals else "-"
        missing = f"{1 - there / cells:.1%}" if cells else "-"
        rows.append(
            (name, column, signal.unit, signal.role or "-", signal.kind, f"{len(own):,}", f"{there:,}", missing)
        )
    yield from table(rows)
    yield ""


def _rest(opened: Opened) -> Iterator[str]:
    data, settings, matrix = opened.data, opened.settings, opened.data.matrix
    for relation, declared in settings.relations.items():
        yield f"relation {relation}: {count(len(declared.pairs), 'pair')}"
    rules = len(settings.graph.templates) + len(settings.graph.edges)
    yield f"graph: {count(rules, 'rule')}; effects: {count(len(settings.effects), 'question')}"
    entities = {variable.entity for variable in matrix.variables}
    topology = read_topology(settings, None, entities, matrix.start, matrix.end)
    for notice in (*data.notices, *topology.notices):
        yield f"note: {notice}"
