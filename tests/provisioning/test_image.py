"""What the image leaves out is used by nothing here."""

import re
import subprocess
import sys

import pytest
from shipped import ROOT, SOURCE_OF_THE_IMAGE

UNUSED = re.findall(r'^ARG UNUSED="(.+)"$', SOURCE_OF_THE_IMAGE, re.MULTILINE)[0].split()
WITHOUT = f"""
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0].lower() in {UNUSED!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
"""


def run(program: str) -> str:
    command = [sys.executable, "-c", WITHOUT + program]
    done = subprocess.run(command, cwd=ROOT / "tests", capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_the_demo_is_judged_and_its_effects_are_identified_without_it() -> None:
    told = run("""
from worlds import World
snapshot = World().tick()
print([str(verdict.root_cause) for verdict in snapshot.judgement.verdicts if verdict.is_root_cause])
print(len(snapshot.effects), len(snapshot.impacts), [notice for notice in snapshot.notices if "effect" in notice])
""")
    assert told.splitlines() == ["['platform/inventory']", "12 1 []"]


def test_what_the_program_would_miss_is_noticed() -> None:
    with pytest.raises(AssertionError, match="ModuleNotFoundError"):
        run(f"import {UNUSED[0]}")


def test_it_is_locked_or_else_it_could_not_be_left_out() -> None:
    locked = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    assert set(UNUSED) <= locked


def test_the_base_is_one_version() -> None:
    (base,) = re.findall(r"^ARG PYTHON=(\S+)$", SOURCE_OF_THE_IMAGE, re.MULTILINE)
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base)
    assert set(re.findall(r"^FROM (\S+)", SOURCE_OF_THE_IMAGE, re.MULTILINE)) == {"${PYTHON}"}
