"""Effects that are published, or known by construction, come out of the command as a user types it."""

import asking_effects as asking
import numpy as np
import pytest

EXACT = 1e-4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("known")


def test_a_randomised_training_programme_is_worth_1794_dollars(folder):
    """LaLonde (1986), the sample of Dehejia and Wahba."""
    from causaldata import nsw_mixtape

    path = folder / "nsw.csv"
    nsw_mixtape.load_pandas().data.to_csv(path, index=False)
    answer = asking.effect(path, "treat", "re78")
    assert answer["effect"] == pytest.approx(1794, abs=1)
    assert answer["method"] == "difference_in_means"
    assert answer["n"] == 445
    assert answer["lower"] > 0
    assert any("assigned at random" in notice for notice in answer["notices"])


@pytest.fixture(scope="module")
def smokers(folder):
    """Hernán and Robins, "Causal Inference: What If", chapters 12 and 15; categories are written as texts."""
    from causaldata import nhefs_complete

    data = nhefs_complete.load_pandas().data
    for name in ("education", "exercise", "active"):
        data[name] = "level " + data[name].astype(str)
    numbers = ["age", "wt71", "smokeintensity", "smokeyrs"]
    for name in numbers:
        data[f"{name}_squared"] = data[name].astype(float) ** 2
    path = folder / "nhefs.csv"
    data.to_csv(path, index=False)
    squares = [f"{name}_squared" for name in numbers]
    return path, ",".join(["sex", "race", "education", "exercise", "active", *numbers, *squares])


def test_quitters_gain_2_54_kg_more_before_and_about_3_46_after_adjustment(smokers):
    path, confounders = smokers
    assert asking.effect(path, "qsmk", "wt82_71")["effect"] == pytest.approx(2.54, abs=0.01)
    answer = asking.effect(path, "qsmk", "wt82_71", "--adjust", confounders)
    assert answer["association"] == pytest.approx(2.54, abs=0.01)
    assert 3.4 <= answer["effect"] <= 3.5
    assert answer["adjustment_set"] == confounders.split(",")
    assert answer["n"] == 1566


@pytest.mark.parametrize("method", ["propensity_score_weighting", "doubly_robust"])
def test_weighting_the_quitters_by_their_propensity_says_the_same(smokers, method):
    path, confounders = smokers
    answer = asking.effect(path, "qsmk", "wt82_71", "--adjust", confounders, "--method", method)
    assert 3.3 <= answer["effect"] <= 3.6
    assert answer["method"] == f"backdoor.{method}"


@pytest.fixture(scope="module")
def schooling(folder):
    """Card (1995)."""
    from linearmodels.datasets import card

    path = folder / "card.csv"
    card.load().to_csv(path, index=False)
    regions = ",".join(f"reg{number}" for number in range(662, 670))
    return path, f"exper,expersq,black,smsa,south,smsa66,{regions}"


def test_a_year_of_school_pays_7_5_percent_by_regression(schooling):
    path, controls = schooling
    assert asking.effect(path, "educ", "lwage", "--adjust", controls)["effect"] == pytest.approx(0.0747, abs=EXACT)


def test_and_13_percent_by_the_nearness_of_a_college(schooling):
    path, controls = schooling
    answer = asking.effect(path, "educ", "lwage", "--adjust", controls, "--instrument", "nearc4")
    assert answer["effect"] == pytest.approx(0.1315, abs=EXACT)
    assert (answer["upper"] - answer["lower"]) / 3.92 == pytest.approx(0.055, abs=0.003)
    assert answer["method"] == "iv.instrumental_variable"
    assert "weak instrument" in asking.checks(answer)


def test_a_confounder_makes_an_association_of_a_half_where_there_is_no_effect(folder):
    rng = np.random.default_rng(0)
    z = rng.normal(size=2000)
    path = asking.write(folder / "confounded.csv", x=z + rng.normal(size=2000), y=z + rng.normal(size=2000), z=z)
    answer = asking.effect(path, "x", "y", "--adjust", "z")
    assert answer["association"] == pytest.approx(0.5, abs=0.05)
    assert answer["effect"] == pytest.approx(0, abs=0.06)
    assert asking.covers(answer, 0)


def test_an_instrument_finds_2_where_regression_says_3_14(folder):
    rng = np.random.default_rng(0)
    z, u = rng.normal(size=(2, 4000))
    x = 0.8 * z + u + rng.normal(size=4000)
    path = asking.write(folder / "instrument.csv", z=z, x=x, y=2 * x + 3 * u + rng.normal(size=4000))
    answer = asking.effect(path, "x", "y", "--instrument", "z")
    assert answer["association"] == pytest.approx(3.14, abs=0.1)
    assert answer["effect"] == pytest.approx(2.0, abs=0.15)
    assert asking.covers(answer, 2.0)


@pytest.mark.parametrize("treatment", ["treated", "exposed"])
def test_four_cells_give_a_difference_of_differences_of_5_and_no_interval(folder, treatment):
    group, post = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    columns = {"treated": group, "after": post, "exposed": group * post, "outcome": np.array([20.0, 22.0, 18.0, 25.0])}
    path = asking.write(folder / "cells.csv", **columns)
    answer = asking.effect(path, treatment, "outcome", "--group", "treated", "--post", "after")
    assert answer["effect"] == pytest.approx(5.0)
    assert answer["lower"] is None
    assert answer["upper"] is None
    assert answer["p_value"] is None
    assert answer["method"] == "difference_in_differences"
    assert "no degrees of freedom" in asking.checks(answer)
    assert not asking.checks(answer)["no degrees of freedom"]


@pytest.mark.parametrize(
    "options",
    [("--group", "California", "--post", "After"), ("--method", "did")],
    ids=["group and post", "a treatment that switches on"],
)
def test_a_new_question_on_the_form_lowered_organ_donation_by_2_25_points(folder, options):
    """Kessler and Roth (2014)."""
    from causaldata import organ_donations

    data = organ_donations.load_pandas().data
    data["California"] = (data["State"] == "California").astype(int)
    data["After"] = (data["Quarter_Num"] > 3).astype(int)
    data["Treated"] = data["California"] * data["After"]
    path = folder / "organ.csv"
    data.to_csv(path, index=False)
    answer = asking.effect(path, "Treated", "Rate", "--unit", "State", "--time", "Quarter_Num", *options)
    assert answer["effect"] == pytest.approx(-0.0225, abs=EXACT)
    assert answer["method"] == "difference_in_differences"
    assert "parallel trends" in asking.checks(answer)
