"""`cd.impact`, and the command that prints it."""

import numpy as np
import orjson
import pandas as pd
import pytest
from click.testing import CliRunner

import datasource as cd
from datasource.cli import main

START, END = "2026-01-01T06:40:00Z", "2026-01-01T07:40:00Z"


@pytest.fixture(scope="module")
def alone():
    """One service whose latency follows its load, and 27 ms more of it for an hour."""
    rng = np.random.default_rng(1)
    requests = 100 + 20 * np.sin(np.arange(600) / 70) + rng.normal(0, 2, 600)
    latency = 80 + 0.9 * requests + rng.normal(0, 3, 600)
    latency[400:460] += 27
    throttles = np.zeros(600)
    throttles[400:460] = 1
    times = pd.date_range("2026-01-01", periods=600, freq="1min", tz="UTC", name="time")
    return pd.DataFrame({"latency": latency, "requests": requests, "restarts": throttles}, index=times)


@pytest.fixture(scope="module")
def several():
    """Four services that go alike; web is slower by 5 from the 400th minute on."""
    rng = np.random.default_rng(2)
    common = 20 + np.sin(np.arange(600) / 50)
    columns = {f"{name}.latency": common + rng.normal(0, 0.5, 600) for name in ("web", "a", "b", "c")}
    columns["web.latency"][400:] += 5
    return pd.DataFrame(columns, index=pd.date_range("2026-01-01", periods=600, freq="1min", name="time"))


def command(path, *arguments):
    result = CliRunner().invoke(main, ["impact", "--data", str(path), *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_one_service_is_compared_with_its_own_causes(alone):
    found = cd.impact(alone, "latency", start=START, end=END)
    assert found.interval[0] < 27 < found.interval[1]
    assert found.interval[1] - found.interval[0] < 6
    assert [name.rpartition(".")[2] for name in found.answer.adjustment_set] == ["requests"]
    assert "the effect is gone" in str(found)
    assert "from 2026-01-01 06:40:00 UTC until 2026-01-01 07:40:00 UTC" in str(found)


def test_a_column_says_when_it_was_treated(alone):
    by_column = cd.impact(alone, "latency", start="restarts", end="restarts")
    assert by_column.value == cd.impact(alone, "latency", start=START, end=END).value


def test_several_services_are_compared_with_each_other(several):
    found = cd.impact(several, "web.latency", start=START, method="did")
    assert found.interval[0] < 5 < found.interval[1]
    assert "all other entities" in str(found)
    named = cd.impact(several, "latency", treated="web", start=START, controls=["a", "b"])
    assert "a, b" in str(named)


def test_an_interrupted_time_series_tells_level_and_trend(alone):
    found = cd.impact(alone, "latency", start=START, end=END, method="its", controls="causes")
    assert "change of the trend, by step" in str(found)
    assert found.to_dict()["groups"][0]["level"] == "change of the level"
    assert "its own past" in str(cd.impact(alone, "latency", start=START, end=END, method="its"))


def test_times_may_be_those_of_datetime_and_rows_of_a_file_without_times(alone):
    times = [alone.index[400], alone.index[460]]
    assert cd.impact(alone, "latency", start=times[0], end=times[1]).value == pytest.approx(27, abs=3)
    bare = cd.impact(alone.reset_index(drop=True), "latency", start=400, end=460)
    assert bare.value == pytest.approx(27, abs=3)
    assert "from row 400 until row 460" in str(bare)


def test_the_answer_is_a_frame_a_page_and_a_document(alone):
    found = cd.impact(alone, "latency", start=START, end=END)
    frame = found.to_frame()
    assert frame["during"].sum() == 60
    gap = (frame["observed"] - frame["expected"])[frame["during"]]
    assert gap.mean() == pytest.approx(found.value)
    document = found.to_dict()
    assert document["ended"] - document["began"] == 3600
    assert document["impact"]["value"] == found.value
    assert document["afterwards"]["lower"] < 0 < document["afterwards"]["upper"]
    assert "<svg" in found.page()


def test_the_command_prints_what_the_library_answers(alone, tmp_path):
    alone.to_csv(tmp_path / "data.csv")
    asked = ["--outcome", "latency", "--start", START, "--end", END]
    there = cd.impact(str(tmp_path / "data.csv"), "latency", start=START, end=END)
    done = command(tmp_path / "data.csv", *asked)
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{there}\n"
    as_json = command(tmp_path / "data.csv", *asked, "--json", "--report", str(tmp_path / "page.html"))
    assert orjson.loads(as_json.stdout) == there.to_dict()
    assert "<svg" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["--outcome", "latncy", "--start", START], "did you mean 'latency'?"),
        (["--outcome", "latency", "--start", "soon"], "'soon' is neither a time nor a signal"),
        (["--outcome", "latency", "--start", START, "--end", START], "exchange them"),
        (["--outcome", "latency", "--start", START, "--treated", "nobody"], "'nobody' has no latency"),
        (["--outcome", "latency", "--start", START, "--method", "nope"], "'nope' is no method"),
        (["--outcome", "latency", "--start", START, "--method", "dml"], "does not compare before and after"),
        (["--outcome", "latency", "--start", START, "--method", "did"], "no controls"),
        (["--outcome", "requests", "--start", START], "the graph has no cause of"),
        (["--outcome", "latency", "--start", START, "--control", "causes", "--method", "did"], "not causes"),
    ],
)
def test_what_cannot_be_answered_is_said_in_a_sentence(alone, tmp_path, asked, told):
    alone.to_csv(tmp_path / "data.csv")
    done = command(tmp_path / "data.csv", *asked)
    assert done.exit_code == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_who_was_changed_has_to_be_said_where_there_are_several(several):
    with pytest.raises(cd.StudyError, match="4 entities have latency; say which was changed"):
        cd.impact(several, "latency", start=START)
