"""On each of ten installations `init` writes a file in which `check` finds nothing wrong and a fault is found."""

import time

import histories
import pytest
from click.testing import CliRunner
from installations import HOURS, INSTALLATIONS

import datasource as cd
from datasource.cli import main
from datasource.demo.processes import start_prometheus


@pytest.mark.parametrize("name", INSTALLATIONS)
def test_init_gives_a_file_that_check_likes_and_in_which_the_fault_is_found(server_binary, tmp_path, name):
    lines, broken = INSTALLATIONS[name]
    history = histories.openmetrics(tmp_path / "om", histories.samples(lines(), HOURS))
    server = start_prometheus(server_binary("prometheus"), tmp_path / "prometheus", backfill=history)
    file = tmp_path / "causal.yaml"
    try:
        written = CliRunner().invoke(main, ["init", "--prometheus", server.url, "--output", str(file)])
        assert written.exit_code == 0, written.output
        checked = CliRunner().invoke(main, ["check", "--config", str(file)])
        assert checked.exit_code == 0, checked.output
        assert "all fine" in checked.output
        now = time.time()
        found = cd.evaluate(cd.from_prometheus(file, start=now - (HOURS - 0.5) * 3600, end=now - 60))
    finally:
        server.stop()
    named = {cause for cause in found.root_causes.values() if cause}
    assert named, f"{written.output}\n{found}"
    assert all(cause.endswith(broken) for cause in named), f"{written.output}\n{found}"
