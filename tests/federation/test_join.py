"""What follows from sums is what follows from all points together, after the sums have travelled."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import orjson
import pytest

from datasource.data import Environment, Floats
from datasource.demo.three_shops import smooth
from datasource.federation import Block, Question, Site, SumsError, column_of, join_effect, read_site
from datasource.federation.independence import independence, skeleton
from datasource.invariance.causal_prediction import parents_of
from datasource.invariance.groups import Group, Groups
from datasource.numerics import glsar, least_squares
from datasource.numerics.moment_sums import MomentSums, moment_sums, noise_difference, regress

COLUMNS = ("y", "x", "z")


def site(n: int, seed: int, slope: float = 0.5, memory: float = 0.9) -> Floats:
    """y, x, z: z moves both."""
    rng = np.random.default_rng(seed)
    z = smooth(n, rng, memory)
    x = z + smooth(n, rng, memory)
    return np.column_stack([slope * x + 2 * z + smooth(n, rng, memory), x, z]) * [1.0, 10.0, 1e6] + [0, 5.0, 1e9]


def travelled(rows: Floats, whitening: Sequence[float] = ()) -> dict[str, Any]:
    """The answer of an installation, as it arrives."""
    block = Block("", moment_sums(rows, np.arange(len(rows)), whitening))
    document = {
        "protocol": 1,
        "columns": list(COLUMNS[: rows.shape[1]]),
        "points": len(rows),
        "environments": [block.document()],
        "notices": [],
    }
    read: dict[str, Any] = orjson.loads(orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY))
    return read


def arrived(rows: Floats, whitening: Sequence[float] = ()) -> MomentSums:
    return read_site("one", travelled(rows, whitening), COLUMNS[: rows.shape[1]]).sums[0]


def asking(*sites: Floats) -> Callable[[Sequence[str], Sequence[float]], list[Site]]:
    """Installations whose rows have columns of these names, now and one step before."""

    def ask(columns: Sequence[str], whitening: Sequence[float]) -> list[Site]:
        found = []
        for number, rows in enumerate(sites):
            named = [column_of(one) for one in columns]
            laid = np.column_stack(
                [rows[1 - one.lag : len(rows) - one.lag, COLUMNS.index(one.variable)] for one in named]
            )
            sums = moment_sums(laid, np.arange(len(laid)), whitening)
            found.append(Site(f"s{number}", tuple(columns), (Block("", sums),), len(rows)))
        return found

    return ask


SITES = [site(400 + 50 * seed, seed) for seed in range(3)]


def test_effect_association_and_independence_are_those_of_all_points() -> None:
    blocks = [arrived(one) for one in SITES]
    groups = np.repeat(np.arange(3), [len(one) for one in SITES])
    rows = np.vstack(SITES)
    positions = np.concatenate([np.arange(len(one)) + 10_000 * place for place, one in enumerate(SITES)])
    both = least_squares(rows[:, 0], rows[:, 1:], positions, groups)
    alone = least_squares(rows[:, 0], rows[:, 1:2], positions, groups)
    assert regress(blocks, 0, [1, 2]).slopes == pytest.approx(both.coefficients[1:], rel=1e-10)
    assert independence(blocks, 0, 1).value == pytest.approx(alone.coefficients[1], rel=1e-10)
    found = join_effect(asking(*SITES), Question("x", "y", ("z",)))
    kept = np.diff(groups, prepend=-1) == 0  # the first row of each has none before it
    whole = glsar(rows[kept, 0], rows[kept, 1:], 5, 2, positions[kept], groups=groups[kept])
    assert found.effect.value == pytest.approx(whole.coefficients[1], rel=1e-9)


def test_what_has_travelled_says_what_was_sent() -> None:
    sent = [moment_sums(one, np.arange(len(one))) for one in SITES]
    came = [arrived(one) for one in SITES]
    for name in ("products", "cosines", "lagged", "location", "scale"):
        assert all((getattr(a, name) == getattr(b, name)).all() for a, b in zip(sent, came, strict=True))
    assert skeleton(sent, 3) == skeleton(came, 3)
    for blocks in (sent, came):
        fits = [regress([block], 0, [1, 2], like=blocks) for block in blocks[:2]]
        assert noise_difference(*fits, 0.05).p_value > 0.001
    groups = [Groups(tuple(Group(Environment(), (one,)) for one in blocks), False, False) for blocks in (sent, came)]
    outcome, *causes = (one for one in Question("x", "y", ("z",)).columns)
    assert parents_of(groups[0], outcome, causes) == parents_of(groups[1], outcome, causes)  # type: ignore[arg-type]


def test_intervals_hold_on_autocorrelated_series_and_equal_installations_differ_by_chance_alone() -> None:
    held, differ, runs = 0, 0, 120
    for seed in range(runs):
        found = join_effect(asking(*(site(300, 1000 * seed + place) for place in range(3))), Question("x", "y", ("z",)))
        held += found.effect.lower <= 0.05 <= found.effect.upper
        differ += found.heterogeneity < 0.05
        assert not found.left_out
    assert held / runs >= 0.9
    assert differ / runs <= 0.1


def test_an_effect_over_several_steps_is_their_sum() -> None:
    rng = np.random.default_rng(0)
    sites = []
    for _ in range(3):
        x, z = smooth(800, rng, 0.5), smooth(800, rng, 0.5)
        y = 0.3 * x + z + 0.3 * smooth(800, rng, 0.5)
        y[1:] += 0.2 * x[:-1]
        sites.append(np.column_stack([y, x, z]))
    found = join_effect(asking(*sites), Question("x", "y", ("z",), lags=1))
    assert found.effect.lower < 0.5 < found.effect.upper
    assert found.effect.upper - found.effect.lower < 0.1


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("count", 10_000, "of 10000 rows"),
        ("count", -1, "that cannot be"),
        ("terms", 0, "that cannot be"),
        ("scale", [0.0, 1.0, 1.0], "no scale"),
        ("scale", [1e300, 1.0, 1.0], "no scale"),
        ("location", [1e300, 1.0, 1.0], "no scale"),
        ("cosines", (1e200 * np.eye(10)).tolist(), "larger than"),
        ("location", [1.0], "not complete"),
        ("products", [[None]], "not complete"),
        ("added", -1.0, "not complete"),
        ("pairs", "all", "does not answer with sums"),
    ],
)
def test_sums_that_cannot_be_are_refused(key: str, value: Any, said: str) -> None:
    document = travelled(SITES[0])
    document["environments"][0][key] = value
    with pytest.raises(SumsError, match=said):
        read_site("one", document, COLUMNS)


@pytest.mark.parametrize("wrong", [None, [], "sums", {"protocol": 2}, {"protocol": 1}, {"protocol": 1, "columns": 3}])
def test_what_is_no_answer_is_refused(wrong: Any) -> None:
    with pytest.raises(SumsError):
        read_site("one", wrong, COLUMNS)


def test_columns_that_come_twice_are_refused() -> None:
    with pytest.raises(SumsError, match="must be different"):
        join_effect(asking(*SITES), Question("x", "x"))
