"""What `effect` decides by itself where nobody says otherwise, and that it says so."""

import subprocess
import sys

import asking_effects as asking
import numpy as np
import pytest


@pytest.mark.parametrize(
    ("on", "off"), [("true", "false"), ("Y", "N"), ("enabled", "disabled"), ("canary", "stable"), ("1.0", "0.0")]
)
def test_words_for_yes_and_no_are_a_treatment(tmp_path, on, off):
    t = np.random.default_rng(6).integers(0, 2, 300)
    path = asking.write(tmp_path / "d.csv", rollout=np.array([off, on])[t], latency=4 * t + np.arange(300) % 7)
    assert asking.effect(path, "rollout", "latency")["effect"] == pytest.approx(4.0, abs=0.6)


def test_rows_of_one_time_are_independent(tmp_path):
    x, noise = np.random.default_rng(7).normal(size=(2, 200))
    path = asking.write(tmp_path / "d.csv", time=["2024-01-01"] * 200, x=x, y=2 * x + noise)
    answer = asking.effect(path, "x", "y")
    assert asking.covers(answer, 2.0)
    assert answer["method"] == "backdoor.linear_regression"
    assert any("same 'time'" in notice for notice in answer["notices"])


@pytest.mark.parametrize("method", ["linear_regression", "CausalForestDML"])
def test_groups_of_units_bear_the_name_of_their_column_once(tmp_path, method):
    rng = np.random.default_rng(8)
    x = rng.normal(size=400)
    path = asking.write(tmp_path / "d.csv", service=["a", "b"] * 200, x=x, y=x + rng.normal(size=400))
    answer = asking.effect(path, "x", "y", "--modifiers", "service", "--method", method)
    assert [(group["modifier"], group["level"]) for group in answer["groups"]] == [("service", "a"), ("service", "b")]


def test_a_difference_in_means_says_that_it_adjusts_for_nothing(tmp_path):
    t, z = np.random.default_rng(9).integers(0, 2, (2, 200))
    path = asking.write(tmp_path / "d.csv", t=t, z=z, y=t + z + np.arange(200) % 5)
    answer = asking.effect(path, "t", "y", "--adjust", "z", "--method", "difference_in_means")
    assert answer["adjustment_set"] == []
    assert any("z is not used" in notice for notice in answer["notices"])


def test_dowhy_is_loaded_for_a_graph_only(tmp_path):
    x, noise = np.random.default_rng(7).normal(size=(2, 200))
    path = asking.write(tmp_path / "d.csv", x=x, y=2 * x + noise, z=noise)
    program = (
        "import sys; from datasource.cli import main\n"
        f"main(['effect', '--data', {str(path)!r}, '--treatment', 'x', '--outcome', 'y', '--adjust', 'z'], "
        "standalone_mode=False)\n"
        "print(sorted({'dowhy', 'econml', 'statsmodels', 'sklearn', 'linearmodels', 'flask'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines()[-1] == "[]"
    assert shown.stderr == ""
