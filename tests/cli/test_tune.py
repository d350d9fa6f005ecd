"""`tune` widens exactly what breaks the promise, and the settings file stays the operator's own."""

from pathlib import Path

import orjson
import pytest
import yaml
from noisy import SETTINGS, asked, run, write_files

from datasource.cli.settings_edit import EditError, with_thresholds
from datasource.settings import load_settings, parse_settings


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("noisy")
    write_files(folder)
    return folder


def test_it_proposes_to_widen_the_one_noisy_signal_as_a_diff_and_ends_with_1(noisy):
    result = run("tune", *asked(noisy))
    assert result.exit_code == 1, result.output
    config = noisy / "causal.yaml"
    assert config.read_text() == SETTINGS
    diff = result.stdout[result.stdout.index(f"--- {config}") :].splitlines()
    changed = [line for line in diff if line[0] in "+-" and not line.startswith(("---", "+++"))]
    assert len(changed) == 1
    assert changed[0].startswith("+  thresholds: {queue: ")
    found = orjson.loads(run("tune", *asked(noisy), "--json").stdout)
    assert list(found["thresholds"]) == ["queue"]
    assert found["before"]["rate"]["lower"] > found["promise"] >= found["after"]["rate"]["lower"]
    assert found["before"]["detected"] == found["after"]["detected"] == found["after"]["incidents"] > 0


def test_written_it_keeps_the_comments_and_the_promise_and_then_there_is_nothing_to_change(noisy, tmp_path):
    for name in ("data.csv", "incidents.csv"):
        (tmp_path / name).symlink_to(noisy / name)
    config = tmp_path / "causal.yaml"
    config.write_text(SETTINGS)
    result = run("tune", *asked(tmp_path), "--write")
    assert result.exit_code == 1
    assert f"wrote {config}" in result.stdout
    lines = config.read_text().splitlines()
    assert [line for line in lines if "thresholds" not in line] == SETTINGS.splitlines()
    assert load_settings(config).settings.anomaly.thresholds["queue"] > 1
    kept = run("backtest", *asked(tmp_path))
    assert kept.exit_code == 0, kept.output
    assert "  detection   6 of 6" in kept.stdout
    again = run("tune", *asked(tmp_path))
    assert again.exit_code == 0, again.output
    assert "Nothing to change" in again.stdout


def test_a_disk_that_is_full_leaves_the_settings_as_they_were_and_the_change_is_told(noisy, tmp_path, monkeypatch):
    for name in ("data.csv", "incidents.csv"):
        (tmp_path / name).symlink_to(noisy / name)
    config = tmp_path / "causal.yaml"
    config.write_text(SETTINGS)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copymode", full)
    result = run("tune", *asked(tmp_path), "--write")
    assert result.exit_code == 2
    assert "cannot be written: No space left on device; the change is" in result.stderr
    assert "+  thresholds: {queue:" in result.stderr
    assert config.read_text() == SETTINGS
    assert {path.name for path in tmp_path.iterdir()} == {"data.csv", "incidents.csv", "causal.yaml"}


def test_a_file_alone_gets_a_proposal_and_nothing_to_write_to(tmp_path):
    write_files(tmp_path, calm_days=3)
    result = run("tune", "--data", tmp_path / "data.csv", "--refit", "1d")
    assert result.exit_code == 1, result.output
    assert "In a settings file: anomaly: {thresholds: {queue: " in result.stdout
    refused = run("tune", "--data", tmp_path / "data.csv", "--write")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "--write needs a settings file" in refused.stderr


def test_too_short_a_time_ends_with_2(noisy):
    result = run("tune", *asked(noisy), "--from", "-20m")
    assert result.exit_code == 2
    assert "points outside of recorded incidents were judged; choose an earlier --from" in result.stderr


def test_a_promise_that_cannot_be_kept_ends_with_3_and_writes_nothing(tmp_path):
    write_files(tmp_path, overflows_per_day=0)
    lines = (tmp_path / "data.csv").read_text().splitlines()
    column = lines[0].split(",").index("a.queue")
    for row in range(len(lines) * 3 // 4, len(lines), 60):
        for line in range(row, min(row + 6, len(lines))):
            cells = lines[line].split(",")
            cells[column] = str(float(cells[column]) + 40)
            lines[line] = ",".join(cells)
    (tmp_path / "data.csv").write_text("\n".join(lines))
    result = run("tune", *asked(tmp_path), "--write")
    assert result.exit_code == 3, result.output
    assert "most of all from queue" in result.stdout
    assert (tmp_path / "causal.yaml").read_text() == SETTINGS


# The edit of the settings file

HEAD = SETTINGS.split("# how many alarms")[0]


def edited(tail, thresholds, head=HEAD):
    text = with_thresholds(head + tail, thresholds, "causal.yaml", Path())
    assert text.startswith(head)
    return text.removeprefix(head)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "anomaly: {thresholds: {queue: 1.5}}\n"),
        ("anomaly: {}\n", "anomaly: {thresholds: {queue: 1.5}}\n"),
        (
            "anomaly: {false_alarms_per_day: 1}  # few\n",
            "anomaly: {false_alarms_per_day: 1, thresholds: {queue: 1.5}}  # few\n",
        ),
        (
            "anomaly:\n    false_alarms_per_day: 1  # few\n\n# end\nstep: 60s\n",
            "anomaly:\n    false_alarms_per_day: 1  # few\n    thresholds: {queue: 1.5}\n\n# end\nstep: 60s\n",
        ),
        (
            "anomaly:\n  persistence:\n    points: 2\n    of: 3 # n",
            "anomaly:\n  persistence:\n    points: 2\n    of: 3 # n\n  thresholds: {queue: 1.5}\n",
        ),
        (
            "anomaly:\n  thresholds: # by hand\n    latency: 2\n    queue: 3 # was noisy\n",
            "anomaly:\n  thresholds: # by hand\n    latency: 2\n    queue: 1.5 # was noisy\n",
        ),
        (
            "anomaly:\n  thresholds: # by hand\n    latency: 2 # ok\n  false_alarms_per_day: 1\n",
            "anomaly:\n  thresholds: # by hand\n    latency: 2 # ok\n    queue: 1.5\n  false_alarms_per_day: 1\n",
        ),
        ("anomaly: {thresholds: {latency: 2,},}", "anomaly: {thresholds: {latency: 2, queue: 1.5},}"),
    ],
)
def test_the_thresholds_are_inserted_where_they_belong_and_nothing_else_changes(before, after):
    head = HEAD.replace("step: 60s   # a point a minute\n", "") if "step:" in before else HEAD
    assert edited(before, {"queue": 1.5}, head) == after


def test_line_ends_of_the_file_are_kept():
    text = (HEAD + "anomaly:\n  false_alarms_per_day: 1\n").replace("\n", "\r\n")
    changed = with_thresholds(text, {"queue": 1.5, "latency": 2}, "causal.yaml", Path())
    assert changed == text + "  thresholds: {queue: 1.5, latency: 2}\r\n"


def test_settings_written_as_json_are_edited_too():
    text = orjson.dumps(yaml.safe_load(SETTINGS)).decode()
    changed = with_thresholds(text, {"queue": 1.5}, "causal.yaml", Path())
    assert parse_settings(changed).anomaly.thresholds == {"queue": 1.5}


def test_what_cannot_be_edited_safely_is_left_to_the_operator():
    shared = HEAD + "anomaly:\n  thresholds: {latency: &both 2, queue: *both}\n"
    with pytest.raises(EditError, match=r"write by hand: anomaly: \{thresholds: \{queue: 1.5\}\}"):
        with_thresholds(shared, {"queue": 1.5}, "causal.yaml", Path())
