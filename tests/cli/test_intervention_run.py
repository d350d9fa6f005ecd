"""`causal-datasource intervention run`: a command as an intervention, with conditions that gate a pipeline."""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from worlds import World

from datasource.cli import main
from datasource.cli.intervention_log import ServiceLog
from datasource.cli.intervention_run import FAILED, INTERRUPTED, UNDECIDED, Plan, Surroundings, conditions_of, run_plan
from datasource.demo.serving import BackgroundServer
from datasource.interventions import Intervention, InterventionLog
from datasource.mcp.service import UnreachableError
from datasource.settings.store import Store
from datasource.settings.web import Writes
from datasource.web.app import create_app

TOKEN = "a-token"


class Service:
    """A service whose time goes on while somebody sleeps."""

    def __init__(self, world: World, directory: Path) -> None:
        self.world = world
        clock = self.world.clock
        (directory / "token").write_text(TOKEN)
        writes = Writes(token_file=directory / "token")
        clock.evaluator.settings = clock.evaluator.settings.model_copy(update={"writes": writes})
        clock.evaluator.interventions = InterventionLog(Store(directory=directory), now=lambda: self.world.now)
        self.server = BackgroundServer(create_app(clock))
        self.log = ServiceLog(self.server.url, str(directory / "token"))
        self.called: list[Sequence[str]] = []
        self.exit_code = 0
        self.interrupts = False

    def sleep(self, seconds: float) -> None:
        if self.interrupts:
            raise KeyboardInterrupt
        self.world.now += max(seconds, 30)
        self.world.clock.tick()

    def call(self, command: Sequence[str]) -> int:
        self.called.append(command)
        self.world.now += 5
        return self.exit_code

    def run(self, *fail_if: str, **more: object) -> int:
        plan = Plan(
            {"kind": "deploy", "targets": ["platform/pricing"]}, ("deploy", "v2"), (), conditions_of(fail_if), 60, 300
        )
        around = Surroundings(lambda: self.world.now, self.sleep, self.call)
        return run_plan(plan._replace(**more), self.log, around)  # type: ignore[arg-type]

    @property
    def written(self) -> Intervention:
        return self.world.clock.evaluator.interventions.all()[0]


@pytest.fixture(scope="module")
def world() -> World:
    """The shop with hours to come."""
    one = World(steps=900)
    one.now -= 600 * 30
    one.clock.tick()
    return one


@pytest.fixture
def service(world: World, tmp_path: Path) -> Iterator[Service]:
    one = Service(world, tmp_path)
    yield one
    one.server.stop()


def test_it_is_recorded_run_measured_ended_and_holds(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    began = int(service.world.now)
    assert service.run("impact(shop/web.latency) > 500ms") == 0
    said = capsys.readouterr()
    assert service.called == [("deploy", "v2")]
    assert (service.written.start, service.written.end) == (began, began + 5 + 60 + 300)
    assert "settling: " in said.err
    assert "measuring: " in said.err
    assert "held: impact(shop/web.latency) > 500ms is not true" in said.out
    assert said.out.startswith("deploy of platform/pricing ")


def test_a_condition_that_is_true_fails_the_pipeline(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    assert service.run("impact(web.latency) < 500ms") == FAILED
    assert "failed: impact(web.latency) < 500ms is true" in capsys.readouterr().err


def test_what_cannot_be_told_yet_passes_says_how_long_it_would_take_and_may_fail(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    unsure = "impact(web.latency) > 0.01ms"
    assert service.run(unsure, undecided_fails=True) == UNDECIDED
    assert "cannot tell: impact(web.latency) > 0.01ms lies within the interval" in capsys.readouterr().err
    assert service.run(unsure, "impact(web.latency) < 500ms", undecided_fails=True) == FAILED


def test_a_command_that_fails_ends_it_at_once_with_its_code(service: Service) -> None:
    service.exit_code = 7
    assert service.run("impact(web.latency) > 1ms") == 7
    assert service.written.end == service.written.start + 5
    assert service.written.parameters == {"exit_code": 7}


def test_whoever_interrupts_it_leaves_it_ended(service: Service) -> None:
    service.interrupts = True
    assert service.run() == INTERRUPTED
    assert service.written.end is not None


def test_a_service_that_is_away_for_a_while_is_asked_again(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    away, asked = [True] * 4, service.log.service.get

    def get(path: str, **parameters: str) -> object:
        if service.called and away:
            away.pop()
            raise UnreachableError("it cannot be reached")
        return asked(path, **parameters)

    monkeypatch.setattr(service.log.service, "get", get)
    assert service.run("impact(web.latency) > 500ms") == 0
    assert service.written.end is not None
    assert capsys.readouterr().err.count("it cannot be reached") == 4


def test_a_change_that_stays_has_no_end(service: Service) -> None:
    assert service.run(outcomes=("shop/web.latency",), stays=True) == 0
    assert service.written.end is None


def test_what_is_not_measured_is_refused_before_anything_is_done(service: Service) -> None:
    with pytest.raises(SystemExit) as ended:
        service.run("impact(nobody.latency) > 1ms")
    assert ended.value.code == 1
    assert not service.called
    assert not service.world.clock.evaluator.interventions.all()


@pytest.mark.parametrize("limit", ["5 requests", "50 MB"])
def test_a_limit_in_another_unit_is_refused_before_anything_is_done(service: Service, limit: str) -> None:
    with pytest.raises(SystemExit) as ended:
        service.run(f"impact(web.latency) > {limit}")
    assert ended.value.code == 2
    assert not service.called
    assert not service.world.clock.evaluator.interventions.all()


def test_before_the_first_evaluation_nothing_is_done_and_the_reason_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    young = Service(World(steps=10), tmp_path)
    with pytest.raises(SystemExit) as ended:
        young.run("impact(web.latency) > 1ms")
    young.server.stop()
    assert ended.value.code == 1
    assert "the first evaluation is under way" in capsys.readouterr().err
    assert not young.called


def test_a_real_command_is_run_without_a_shell_and_a_missing_one_is_told(service: Service, tmp_path: Path) -> None:
    reached = ["--url", service.server.url, "--token-file", str(tmp_path / "token"), "--kind", "deploy"]
    options = ["intervention", "run", *reached, "--target", "a", "--measure", "0s", "--", sys.executable, "-c"]
    touched = tmp_path / "a file; with $HOME"
    script = f"open({os.fspath(touched)!r}, 'w'); raise SystemExit(3)"
    ended = CliRunner().invoke(main, [*options, script])
    assert (ended.exit_code, touched.exists()) == (3, True), ended.output
    gone = CliRunner().invoke(main, [*options[:-2], "no-such-program"])
    assert (gone.exit_code, "no-such-program cannot be run: no such file" in gone.output) == (127, True), gone.output


def test_a_condition_that_is_none_is_told_before_anything_is_asked() -> None:
    options = [
        "intervention",
        "run",
        "--url",
        "http://127.0.0.1:1",
        "--kind",
        "x",
        "--target",
        "a",
        "--fail-if",
        "x > 5",
    ]
    ended = CliRunner().invoke(main, [*options, "--", "true"])
    assert (ended.exit_code, "--fail-if: 'x > 5' is no condition" in ended.output) == (2, True)
