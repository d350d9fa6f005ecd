"""Contributions add up to the change, whatever the numbers are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasource.attribution.cells import Rows, lay_out
from datasource.attribution.decomposition import by_single_labels, of_ratio
from datasource.attribution.explanation import Measured, explain_change
from datasource.attribution.question import read_question

SUM, RATIO = "sum(rate(a_total[5m]))", "100 * (1 - sum(rate(a_total[5m])) / sum(rate(b_total[5m])))"


@st.composite
def measured(draw, ratio):
    """Series of two to four labels, some absent or zero, and up to twelve windows of history."""
    seed, series, windows = draw(st.integers(0, 10**6)), draw(st.integers(1, 60)), draw(st.integers(2, 14))
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 5, size=rng.integers(1, 5))
    labels = [{f"l{n}": str(rng.integers(count)) for n, count in enumerate(counts)} for _ in range(series)]
    scale = 10 ** rng.uniform(-3, 4)
    below = rng.poisson(rng.exponential(5, size=(series, 1)), size=(series, windows)) * scale
    below[0] = scale
    above = np.minimum(rng.poisson(1, size=below.shape) * scale, below) * rng.uniform(0, 2)
    there = rng.random((series, 2)) < 0.8
    rows, under = Rows(labels, above, there), Rows(labels, below, there)
    cells = lay_out(rows, under) if ratio else lay_out(under, None)
    return Measured(cells, {}, 0, 3600, 900, series)


def check(query, world):
    found = explain_change(read_question(query), world)
    whole = found.after - found.before
    size = max(abs(found.before), abs(found.after), 1e-9)
    near = {"abs": 1e-9 * size, "rel": 1e-6}
    assert sum(part.effect for part in (*found.parts, found.rest)) == pytest.approx(whole, **near)
    for parts in found.by_label.values():
        assert sum(part.effect for part in parts) == pytest.approx(whole, **near)


@given(measured(ratio=False))
@settings(max_examples=150, deadline=None)
def test_parts_of_a_sum_add_up(world):
    check(SUM, world)


@given(measured(ratio=True))
@settings(max_examples=150, deadline=None)
def test_parts_of_a_ratio_add_up(world):
    check(RATIO, world)


@given(st.integers(0, 10**6), st.booleans())
@settings(max_examples=100, deadline=None)
def test_rate_and_mix_of_a_ratio_add_up(seed, compared):
    rng = np.random.default_rng(seed)
    below = rng.poisson(3, size=(20, 2)).astype(float)
    below[0] += 1
    above = rng.poisson(1, size=(20, 2)).astype(float)
    usual = rng.random(20) if compared else None
    change = above[:, 1].sum() / below[:, 1].sum() - above[:, 0].sum() / below[:, 0].sum()
    assert of_ratio(above, below, usual).total.sum() == pytest.approx(change, abs=1e-12)


def test_a_ratio_whose_levels_stay_changes_by_its_mix_alone():
    above, below = np.array([[1.0, 5.0], [90.0, 50.0]]), np.array([[10.0, 50.0], [90.0, 50.0]])
    effects = of_ratio(above, below)
    assert effects.rate == pytest.approx([0, 0], abs=1e-15)
    assert effects.mix.sum() == pytest.approx(55 / 100 - 91 / 100)


def test_a_new_value_is_compared_with_how_its_neighbours_were():
    codes = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    expected = by_single_labels(codes, np.array([1.0, 10.0, 0, 0]), np.array([100.0, 100.0, 0, 0]))
    assert expected == pytest.approx([0.01, 0.1, 0.01, 0.1])


def test_a_constant_belongs_to_no_label_value():
    labels = [{"job": "a"}, {"job": "b"}]
    rows = Rows(labels, np.array([[100.0, 100.0], [100.0, 200.0]]), np.ones((2, 2), bool))
    found = explain_change(read_question("sum(x) - 150"), Measured(lay_out(rows, None), {}, 0, 3600, 900, 2))
    assert (found.before, found.after) == (50, 150)
    told = {part.labels: (part.before, part.after) for part in found.by_label["job"]}
    assert told == {(("job", "a"),): (100, 100), (("job", "b"),): (100, 200)}
