"""A matrix that grows: newer samples win, and what was published never changes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from datasource.data import Block, Entity, GrowingMatrix, Matrix, Variable

STEP = 30
ENTITIES = [Entity("service", (("service", name),)) for name in "abcd"]
A, B, *_ = ENTITIES
NAN = float("nan")


def block(rows: dict[Entity, list[float]], start: int = 0, signal: str = "latency") -> Block:
    arrays = {entity: np.array(row, dtype=float) for entity, row in rows.items()}
    return Block(signal, start, len(next(iter(rows.values()))), arrays)


def row(matrix: Matrix, entity: Entity, signal: str = "latency") -> list[float]:
    return list(matrix.row(Variable(entity, signal)))


def same(found: list[float], expected: list[float]) -> bool:
    return np.array_equal(found, expected, equal_nan=True)


def test_newer_columns_replace_and_extend_and_the_oldest_go() -> None:
    growing = GrowingMatrix(STEP, keep=4)
    growing.lay([block({A: [1, 2, 3, 4]})], 90)
    both = growing.lay([block({A: [30, 40, 50]}, start=60)], 120)
    assert (both.start, both.end) == (30, 120)
    assert row(both, A) == [2, 30, 40, 50]


def test_a_new_entity_appears_and_one_without_samples_vanishes() -> None:
    growing = GrowingMatrix(STEP, keep=4)
    growing.lay([block({A: [1, 2, 3, 4]})], 90)
    both = growing.lay([block({B: [7, 8]}, start=120)], 150)
    assert same(row(both, A), [3, 4, NAN, NAN])
    assert same(row(both, B), [NAN, NAN, 7, 8])
    later = growing.lay([block({B: [9, 10, 11, 12]}, start=180)], 270)
    assert [variable.entity for variable in later.variables] == [B]


def test_a_sample_that_was_read_again_and_is_gone_is_gone() -> None:
    growing = GrowingMatrix(STEP, keep=4)
    growing.lay([block({A: [1, 2, 3]}, start=-30)], 30)
    both = growing.lay([block({A: [NAN, 5]}, start=30)], 60)
    assert same(row(both, A), [1, 2, NAN, 5])


def test_a_gap_between_two_reads_stays_a_gap() -> None:
    growing = GrowingMatrix(STEP, keep=5)
    growing.lay([block({A: [1, 2]})], 30)
    assert same(row(growing.lay([block({A: [9]}, start=120)], 120), A), [1, 2, NAN, NAN, 9])


def test_growing_by_a_step_copies_nothing() -> None:
    growing = GrowingMatrix(STEP, keep=1000)
    before = growing.lay([block({A: [1.0] * 1000})], 999 * STEP)
    for number in range(1000, 1060):
        after = growing.lay([block({A: [2]}, start=number * STEP)], number * STEP)
        assert np.shares_memory(before.values, after.values)
    assert (row(before, A), row(after, A)) == ([1] * 1000, [1] * 940 + [2] * 60)


values = st.one_of(st.just(NAN), st.integers(0, 3).map(float))


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, list[tuple[list[Block], int]]]:
    """How many columns to keep, and what is laid, up to when."""
    keep, end, lays = draw(st.integers(1, 9)), 0, []
    for _ in range(draw(st.integers(1, 12))):
        end += draw(st.one_of(st.integers(0, 3), st.integers(0, 200)))
        blocks = []
        for signal in draw(st.sets(st.sampled_from(["cpu", "latency"]))):
            columns = draw(st.integers(1, 12))
            rows = st.lists(values, min_size=columns, max_size=columns).map(np.array)
            found = draw(st.dictionaries(st.sampled_from(ENTITIES), rows))
            start = end - columns + 1 + draw(st.integers(-4, 4))
            blocks.append(Block(signal, start * STEP, columns, found))
        lays.append((blocks, end * STEP))
    return keep, lays


@given(histories())
@settings(max_examples=300, deadline=None)
def test_it_is_what_laying_sample_by_sample_gives_and_published_matrices_stay(
    history: tuple[int, list[tuple[list[Block], int]]],
) -> None:
    keep, lays = history
    growing = GrowingMatrix(STEP, keep)
    samples: dict[tuple[Variable, int], float] = {}
    published: list[tuple[Matrix, np.ndarray]] = []
    for blocks, end in lays:
        first = end - (keep - 1) * STEP
        samples = {(v, t): value for (v, t), value in samples.items() if t >= first}
        for signal, start, columns, rows in blocks:
            times = [start + STEP * i for i in range(columns) if first <= start + STEP * i <= end]
            samples = {(v, t): value for (v, t), value in samples.items() if v.signal != signal or t not in times}
            for entity, one in rows.items():
                found = {t: one[(t - start) // STEP] for t in times}
                samples |= {(Variable(entity, signal), t): x for t, x in found.items() if not np.isnan(x)}
        matrix = growing.lay(list(blocks), end)
        assert (matrix.start, matrix.end) == (first, end)
        assert set(matrix.variables) == {variable for variable, _ in samples}
        for variable in matrix.variables:
            assert same(list(matrix.row(variable)), [samples.get((variable, t), NAN) for t in matrix.times.tolist()])
        published.append((matrix, matrix.values.copy()))
        for earlier, values in published:
            assert np.array_equal(earlier.values, values, equal_nan=True)
