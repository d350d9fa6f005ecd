"""A treatment that begins in some units and stays is compared before and after, without being told to."""

import asking_effects as asking
import numpy as np
import pytest

UNITS, TIMES = 20, 30
DID = "difference_in_differences"


def panel(path, begins, **changes):
    """Units at levels of their own on a common trend; from `begins` (units) on the outcome is 4 higher."""
    rng = np.random.default_rng(3)
    unit, time = np.divmod(np.arange(UNITS * TIMES), TIMES)
    on = (time >= np.asarray(begins)[unit]).astype(int)
    latency = 2 * unit + 0.3 * time + 4 * on + rng.normal(size=len(unit))
    columns = {"pod": [f"p{one}" for one in unit], "time": time, "canary": on, "latency": latency}
    return asking.write(path, **columns | changes)


@pytest.mark.parametrize(
    "begins",
    [np.where(np.arange(UNITS) < 8, 15, 99), np.repeat([10, 20, 99, 99], 5)],
    ids=["at one time", "one after the other"],
)
def test_difference_in_differences_is_the_usual_method(tmp_path, begins):
    path = panel(tmp_path / "d.csv", begins)
    for options in ((), ("--unit", "pod", "--time", "time")):
        answer = asking.effect(path, "canary", "latency", *options)
        assert answer["method"] == DID
        assert asking.covers(answer, 4.0)
        assert answer["association"] < 0
        assert asking.checks(answer)["parallel trends"] is True
        assert any("distributed_lag" in notice for notice in answer["notices"])


def test_four_cells_with_unit_and_time_give_five(tmp_path):
    path = asking.write(tmp_path / "d.csv", unit=list("aabb"), time=[1, 2, 1, 2], on=[0, 0, 0, 1], y=[20, 22, 18, 25])
    answer = asking.effect(path, "on", "y", "--unit", "unit", "--time", "time")
    assert answer["effect"] == pytest.approx(5.0)
    assert answer["lower"] is answer["upper"] is answer["p_value"] is None
    assert asking.checks(answer)["no degrees of freedom"] is False


@pytest.mark.parametrize(
    "options", [("--lags", "1"), ("--adjust", ""), ("--modifiers", "time")], ids=["lags", "adjust", "modifiers"]
)
def test_who_asks_for_a_regression_gets_one(tmp_path, options):
    path = panel(tmp_path / "d.csv", np.where(np.arange(UNITS) < 8, 15, 99))
    assert asking.effect(path, "canary", "latency", *options)["method"] == "backdoor.distributed_lag"


def test_what_comes_and_goes_is_no_adoption(tmp_path):
    restarts = (np.random.default_rng(0).random(UNITS * TIMES) < 0.1).astype(int)
    path = panel(tmp_path / "d.csv", np.full(UNITS, 99), canary=restarts)
    assert asking.effect(path, "canary", "latency")["method"] == "backdoor.distributed_lag"


def test_without_anybody_to_compare_with_it_is_no_adoption_either(tmp_path):
    path = panel(tmp_path / "d.csv", np.full(UNITS, 15))
    assert asking.effect(path, "canary", "latency")["method"] == "backdoor.distributed_lag"
