"""Two versions compared: a worse one is told, equal ones seldom are, and another mechanism is not a slower one."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from known_truth import noise

from datasource.cli import main
from datasource.data import Entity, Matrix, Variable
from datasource.effects.study import StudyError
from datasource.interventions.deploys import Compared, Versions, compare_versions
from datasource.settings import Signal

STEP, START = 30, 1_700_006_400
SIGNALS = {
    "latency": Signal(entity="pod", query="q", window=30, unit="s", role="latency"),
    "requests": Signal(entity="pod", query="q", window=30, unit="reqps", role="load"),
    "errors": Signal(entity="pod", query="q", window=30, unit="reqps", role="failure"),
    "available": Signal(entity="pod", query="q", window=30, unit="percentunit", role="success"),
}
VERSIONS = Versions("version", "v2", "v1")


def entity(service: str, version: str) -> Entity:
    return Entity("pod", (("service", service), ("version", version)))


def world(
    seed: int = 1,
    n: int = 240,
    slower: float = 0.0,
    failing: float = 1.0,
    steeper: float = 1.0,
    unavailable: float = 0.0,
    from_: int = 0,
    until: int | None = None,
) -> Matrix:
    """A canary with a tenth of the requests; v2 of web is as the arguments say, v1 runs until `until`."""
    rng = np.random.default_rng(seed)
    load = 100 + 15 * noise(rng, n, 0.95)
    rows: dict[Variable, np.ndarray] = {}
    for service in ("web", "cart"):
        shared = 0.01 * noise(rng, n, 0.9)
        for version, share in (("v1", 0.9), ("v2", 0.1)):
            new = version == "v2" and service == "web"
            slope = 0.0005 * (steeper if new else 1.0)
            latency = 0.1 + slope * (load - 100) + shared + 0.008 * noise(rng, n, 0.6) + (slower if new else 0.0)
            errors = 0.01 * share * load * (1 + 0.1 * rng.normal(size=n)) * (failing if new else 1.0)
            available = 0.99 + 0.001 * rng.normal(size=n) - (unavailable if new else 0.0)
            there = np.arange(n) >= from_ if version == "v2" else np.arange(n) < (until or n)
            for signal, row in zip(SIGNALS, (latency, share * load, errors, available), strict=True):
                rows[Variable(entity(service, version), signal)] = np.where(there, row, np.nan)
    return Matrix(tuple(rows), START, STEP, np.array([*rows.values()]))


def worse(matrix: Matrix, tolerance: float = 0.0) -> list[tuple[str, str]]:
    return [(str(one.entity), one.what) for one in compare_versions(matrix, SIGNALS, VERSIONS, tolerance) if one.worse]


def compared(matrix: Matrix, what: str) -> Compared:
    found = compare_versions(matrix, SIGNALS, VERSIONS)
    return next(one for one in found if one.what == what and one.entity.labels[0][1] == "web")


def test_a_slower_canary_is_worse_and_its_neighbour_is_not() -> None:
    assert worse(world(slower=0.03)) == [("web/v2", "latency")]
    change = compared(world(slower=0.03), "latency").change
    assert change.lower < 0.03 < change.upper


def test_more_failures_of_a_tenth_of_the_requests_are_seen_per_request() -> None:
    assert worse(world(failing=1.5)) == [("web/v2", "errors per request")]
    assert compared(world(), "errors per request").old == pytest.approx(0.01, rel=0.05)


def test_less_success_is_worse_and_fewer_failures_are_not() -> None:
    assert worse(world(unavailable=0.01)) == [("web/v2", "available")]
    assert not worse(world(failing=0.5, slower=-0.03, unavailable=-0.005))


def test_what_is_tolerated_is_not_worse_but_clear() -> None:
    assert not worse(world(slower=0.03), tolerance=0.5)
    assert worse(world(slower=0.03), tolerance=0.1)
    assert compared(world(slower=0.03), "latency").clear


def test_another_slope_is_another_mechanism_and_not_worse_by_itself() -> None:
    found = compared(world(steeper=4.0, n=600), "slope of latency on requests")
    assert (found.clear, found.worse) == (True, None)
    assert found.change.value == pytest.approx(0.0015, rel=0.15)


def test_equal_versions_seldom_look_worse_whatever_is_compared() -> None:
    assert sum(bool(worse(world(seed))) for seed in range(100)) <= 8


def test_a_version_that_follows_another_is_measured_as_an_intervention() -> None:
    found = compared(world(slower=0.05, n=600, from_=400, until=400), "latency")
    assert found.design == "before and after"
    assert found.worse
    assert found.change.lower < 0.05 < found.change.upper
    assert not worse(world(n=600, from_=400, until=400))


def test_what_cannot_be_compared_is_told() -> None:
    with pytest.raises(StudyError, match=r"no entity has both v3 and v1 as version; its values are v1, v2"):
        compare_versions(world(), SIGNALS, Versions("version", "v3", "v1"))
    with pytest.raises(StudyError, match="no entity has a label 'canary'"):
        compare_versions(world(), SIGNALS, Versions("canary", "v2", "v1"))
    with pytest.raises(StudyError, match="wait, and compare again"):
        compare_versions(world(n=10), SIGNALS, VERSIONS)


def check(tmp_path: Path, matrix: Matrix, *options: str) -> Result:
    lines = ["time,service,version,latency,requests,errors"]
    for service in ("web", "cart"):
        for version in ("v1", "v2"):
            names = ("latency", "requests", "errors")
            rows = [matrix.row(Variable(entity(service, version), name)) for name in names]
            for time, *values in zip(matrix.times, *rows, strict=True):
                lines.append(f"{time},{service},{version},{','.join(map(str, values))}")
    (tmp_path / "canary.csv").write_text("\n".join(lines))
    read = ("--data", str(tmp_path / "canary.csv"), "--entity", "service", "--entity", "version")
    return CliRunner().invoke(main, ["deploy", "check", "--version", "v2", "--against", "v1", *read, *options])


def test_the_command_gates_a_pipeline_by_files(tmp_path: Path) -> None:
    failed = check(tmp_path, world(slower=0.03))
    assert failed.exit_code == 4, failed.output
    assert failed.output.startswith("web/v2: latency 130 ms in v2, 94 ms in v1: 31 ms [28 ms, 35 ms]")
    assert failed.output.endswith("v2 is worse in 1 of 6\n")
    held = check(tmp_path, world())
    assert (held.exit_code, held.output.endswith("v2 is not seen to be worse\n")) == (0, True)
    assert check(tmp_path, world(slower=0.03), "--tolerate", "80").exit_code == 0
    unknown = check(tmp_path, world(), "--label", "stage")
    assert (unknown.exit_code, "no entity has a label 'stage'" in unknown.output) == (1, True)


def test_the_command_wants_one_source_of_numbers() -> None:
    ended = CliRunner().invoke(main, ["deploy", "check", "--version", "v2", "--against", "v1"])
    assert (ended.exit_code, "give either --data or --url" in ended.output) == (2, True)
