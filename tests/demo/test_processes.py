"""Children end with their parent, however it ends."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from datasource.demo.child import ChildProcess, ProcessFailedError
from datasource.demo.processes import free_port, start_prometheus, wait_until
from datasource.demo.serving import BackgroundServer


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has asked about does not."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_stopping_ends_the_program_and_what_it_has_started(tmp_path):
    script = "import subprocess, time; print(subprocess.Popen(['sleep', '600']).pid, flush=True); time.sleep(600)"
    child = ChildProcess([sys.executable, "-c", script], tmp_path / "log")
    assert wait_until(lambda: child.log_tail().strip().isdigit(), 10)
    grandchild = int(child.log_tail())
    assert alive(grandchild)
    child.stop()
    assert not child.running
    assert wait_until(lambda: not alive(grandchild), 5)


def test_a_program_that_ignores_the_request_is_killed(tmp_path):
    script = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(600)"
    )
    child = ChildProcess([sys.executable, "-c", script], tmp_path / "log")
    assert wait_until(lambda: "on" in child.log_tail(), 10)
    child.stop(timeout=0.2)
    assert not child.running


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a child of its parent's death")
def test_a_killed_parent_leaves_nothing_behind(tmp_path):
    script = f"""
        import pathlib, time
        from datasource.demo.child import ChildProcess
        child = ChildProcess(["sleep", "600"], pathlib.Path({str(tmp_path / "log")!r}))
        print(child.pid, flush=True)
        time.sleep(600)
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())

    def is_sleep() -> bool:
        with open(f"/proc/{child}/comm") as name:
            return name.read().strip() == "sleep"

    assert wait_until(is_sleep, 10)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert wait_until(lambda: not alive(child), 5)


def test_a_program_that_ends_early_says_why(tmp_path):
    child = ChildProcess([sys.executable, "-c", "raise SystemExit('no such luck')"], tmp_path / "log")
    with pytest.raises(ProcessFailedError, match="no such luck"):
        child.wait_ready(lambda: False, 10)


def test_a_program_that_does_not_exist_says_so(tmp_path):
    child = ChildProcess(["no-such-program"], tmp_path / "log")
    with pytest.raises(ProcessFailedError, match="cannot run no-such-program"):
        child.wait_ready(lambda: False, 10)


def test_a_preferred_port_is_given_up_when_it_is_taken():
    server = BackgroundServer(lambda environ, start: [])
    try:
        assert free_port(server.port) != server.port
    finally:
        server.stop()
    assert free_port(server.port) == server.port


def test_prometheus_that_cannot_start_shows_its_log(prometheus, tmp_path):
    rules = tmp_path / "rules.yml"
    rules.write_text("groups: 7\n")
    with pytest.raises(ProcessFailedError, match="rules"):
        start_prometheus(prometheus, tmp_path / "prometheus", rule_files=[rules])
