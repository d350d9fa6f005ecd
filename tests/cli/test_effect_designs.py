"""`effect` by designs that compare both sides of a time or of a cutoff."""

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from datasource.cli import main


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A flag that is set once in a series, and a cache that is used above a size of 60."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("designs")
    on = (np.arange(400) >= 300).astype(int)
    times = pd.date_range("2026-01-01", periods=400, freq="1min")
    load = rng.normal(100, 10, 400)
    series = {"time": times, "flag": on, "load": load, "latency": 50 + load + 9 * on + rng.normal(0, 2, 400)}
    pd.DataFrame(series).to_csv(folder / "series.csv", index=False)
    size = rng.uniform(0, 100, 800)
    cached = (size >= 60).astype(int)
    rows = {"size": size, "cached": cached, "latency": 50 + 0.4 * size - 9 * cached + rng.normal(0, 3, 800)}
    pd.DataFrame(rows).to_csv(folder / "rows.csv", index=False)
    return {"series": ["--data", str(folder / "series.csv")], "rows": ["--data", str(folder / "rows.csv")]}


def effect(*arguments):
    result = CliRunner().invoke(main, ["effect", "--outcome", "latency", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_an_interrupted_time_series_prints_level_and_trend(files):
    done = effect(*files["series"], "--treatment", "flag", "--adjust", "load", "--method", "its")
    assert done.exit_code == 0, done.stderr
    assert "change of the level" in done.stdout
    assert "change of the trend, by step" in done.stdout
    assert "level and trend before the start would have gone on" in done.stdout


def test_a_regression_discontinuity_prints_cutoff_and_density(files):
    done = effect(*files["rows"], "--treatment", "cached", "--adjust", "size", "--method", "rdd")
    assert done.exit_code == 0, done.stderr
    assert "at size 60" in done.stdout
    assert "pass  density at the cutoff" in done.stdout


@pytest.mark.parametrize(
    ("data", "asked", "told"),
    [
        ("series", ["--treatment", "flag", "--method", "its", "--lags", "2"], "knows no lags"),
        ("series", ["--treatment", "load", "--method", "its"], "needs a treatment with two values"),
        ("rows", ["--treatment", "cached", "--method", "its"], "name the times with --time"),
        ("rows", ["--treatment", "cached", "--method", "rdd"], "needs one column with --adjust"),
        ("series", ["--treatment", "flag", "--adjust", "load", "--method", "rdd"], "no value of load divides"),
    ],
)
def test_what_the_design_lacks_is_said(files, data, asked, told):
    done = effect(*files[data], *asked)
    assert done.exit_code == 1
    assert told in done.stderr
    assert done.stdout == ""
