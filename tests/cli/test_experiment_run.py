"""`causal-datasource experiment run --wait`: how it ends, by what the log says of the experiment."""

from typing import Any

import pytest
from click.testing import CliRunner

from datasource.cli import main
from datasource.cli.experiment import ABORTED, NOT_UNDONE, wait_for

ESTIMATE = {"value": 0.2, "lower": 0.18, "upper": 0.21}


class Log:
    """A service in which the experiment is begun after some looks, and is over after some more."""

    def __init__(self, begins: int = 1, over: int = 3, **said: Any) -> None:
        self.begins, self.over, self.said, self.looks = begins, over, said, 0

    def experiments(self) -> list[dict[str, Any]]:
        return [{"experiment": "slow", "outcome": "web.latency"}]

    def all(self) -> list[dict[str, Any]]:
        self.looks += 1
        older = {"intervention": 1, "links": {"experiment": "slow"}, "end": 5, "parameters": {"aborted": "long ago"}}
        if self.looks < self.begins:
            return [older]
        end = 100 if self.looks >= self.over else None
        parameters = {"planned_end": 100.0} | (self.said if self.looks >= self.over else {})
        return [{"intervention": 2, "links": {"experiment": "slow"}, "end": end, "parameters": parameters}, older]

    def snapshot_time(self) -> float:
        return 130.0

    def impact(self, intervention: int, outcome: str, *_: object) -> dict[str, str]:
        assert (intervention, outcome) == (2, "web.latency")
        return {"sentence": "it added 200 ms"}

    def verdicts(self, intervention: int) -> list[dict[str, Any]]:
        return [{"verdict": "confirmed", "cause": "a", "effect": "b", "measured": ESTIMATE}]


def ended(log: Log) -> int:
    slept = [0.0]

    def sleep(seconds: float) -> None:
        slept[0] += seconds

    return wait_for("slow", 1, log, lambda: slept[0], sleep)  # type: ignore[arg-type]


def test_it_tells_what_changed_and_what_that_says_of_the_graph(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(Log()) == 0
    said = capsys.readouterr()
    assert said.out == "it added 200 ms\nconfirmed: a -> b: measured 0.2 [0.18, 0.21]\n"
    assert said.err == "intervention 2 goes on, until 1970-01-01T00:01:40Z\n"


@pytest.mark.parametrize(
    ("said", "code", "told"),
    [
        ({"aborted": "web.latency scores 3, above 2"}, ABORTED, "slow ended early: web.latency scores 3, above 2"),
        ({"rollback_failed": "off ended with 1"}, NOT_UNDONE, "slow is not rolled back: off ended with 1"),
    ],
)
def test_what_did_not_go_well_has_an_end_of_its_own(
    said: dict[str, str], code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(Log(**said)) == code
    assert told in capsys.readouterr().err


def test_what_never_ends_is_not_waited_for_for_ever(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(Log(over=10_000)) == NOT_UNDONE
    assert "slow is not rolled back within 600 s: look at intervention 2" in capsys.readouterr().err


def test_what_is_never_begun_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as found:
        ended(Log(begins=10_000))
    assert found.value.code == 1
    assert "slow was not begun within 60 s" in capsys.readouterr().err


def test_discover_says_what_to_read_where_nothing_is_named() -> None:
    found = CliRunner().invoke(main, ["discover"])
    assert (found.exit_code, "give --data, or the settings of a Prometheus with --config" in found.output) == (2, True)
    found = CliRunner().invoke(main, ["discover", "--config", "nowhere.yaml"])
    assert (found.exit_code, "nowhere.yaml" in found.output) == (2, True)
