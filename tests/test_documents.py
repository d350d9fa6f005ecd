"""The documents name what is there: files, functions, settings, headings and rooms."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from datasource.effects import checks
from datasource.panels import REGISTRY
from datasource.service import HELP
from datasource.settings import Settings

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted((*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("[a-z]*/README.md")))
OF_THE_CODE = [ROOT / name for name in ("ARCHITECTURE.md", "CONTRIBUTING.md", "docs/glossary.md")]

_FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"[\w.*-]+(/[\w.*-]*)+|[\w-]+\.(py|toml|lock)")
_ENDINGS = (".py", ".yaml", ".yml", ".md", ".json", ".js", ".html", ".sh", ".toml", ".lock", "/")
_NAME = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)(?:\(.*\))?")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def names_in(text: str) -> Iterator[str]:
    """What stands in backticks and is a file, or a name with dots in it."""
    for code in _CODE.findall(_FENCED.sub("", text)):
        if (_PATH.fullmatch(code) and code.endswith(_ENDINGS)) or _NAME.fullmatch(code):
            yield code


def is_there(name: str) -> bool:
    """Whether a name is a file (of the project, or of the package), something in the code, or a key of causal.yaml."""
    if name.endswith(_ENDINGS):
        return any(any(folder.glob(name)) for folder in (ROOT, ROOT / "datasource"))
    found = _NAME.fullmatch(name)
    assert found
    parts = found[1].removeprefix("cd.").split(".")
    return _in_the_code(parts) or _in_the_settings(parts)


def _in_the_code(parts: list[str]) -> bool:
    """A module under `datasource`, and whatever is in it."""
    thing: Any = import_module("datasource")
    for place, part in enumerate(parts):
        path = ROOT.joinpath("datasource", *parts[: place + 1])
        if path.is_dir() or path.with_suffix(".py").exists():
            thing = import_module(".".join(("datasource", *parts[: place + 1])))
        elif hasattr(thing, part):
            thing = getattr(thing, part)
        else:
            return place + 1 == len(parts) and part in getattr(thing, "__annotations__", {})
    return True


def _in_the_settings(parts: list[str]) -> bool:
    block: Any = Settings
    for part in parts:
        blocks = [one for one in (block, *get_args(block)) if isinstance(one, type) and issubclass(one, BaseModel)]
        fields = [one.model_fields[part].annotation for one in blocks if part in one.model_fields]
        if not fields:
            return False
        (block, *_) = fields
    return True


@cache
def anchors(path: Path) -> frozenset[str]:
    """The headings of a document as GitHub's links name them."""
    headings = re.findall(r"^#+ +(.+?) *$", _FENCED.sub("", path.read_text()), re.MULTILINE)
    plain = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings)
    return frozenset(re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain)


def broken_links(path: Path) -> list[str]:
    """The links of a document that lead nowhere in this project."""
    broken = []
    for link in _LINK.findall(_FENCED.sub("", path.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            broken.append(link)
    return broken


def rows_of(text: str, heading: str) -> list[list[str]]:
    """The cells of the first table after a heading, without the table's own."""
    _, _, after = f"\n{text}".partition(f"\n{heading}\n")
    table = re.search(r"^\|.*\n\|[ :|-]+\n((?:\|.*\n?)+)", after, re.MULTILINE)
    assert table, f"there is no table under '{heading}'"
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table[1].splitlines()]


@pytest.mark.parametrize("document", OF_THE_CODE, ids=lambda path: path.name)
def test_everything_named_in_a_document_of_the_code_is_there(document: Path) -> None:
    named = list(dict.fromkeys(names_in(document.read_text())))
    assert named
    assert [name for name in named if not is_there(name)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    assert broken_links(document) == []


def test_what_is_gone_is_noticed(tmp_path: Path) -> None:
    gone = "`web/gone.py`, `service.clock.Clock.tock`, `anomaly.gone`, `gone.toml`"
    there = "`web/app.py`, `service.clock.Clock.tick()`, `anomaly.persistence.of`, `cd.effect`, `pyproject.toml`"
    assert [name for name in names_in(f"{gone} {there}") if not is_there(name)] == gone.strip("`").split("`, `")
    assert len(list(names_in(there))) == 5
    (tmp_path / "one.md").write_text("# One *two*\n[a](#one-two) [b](#two) [c](one.md) [d](gone.md) [e](http://a.b)\n")
    assert broken_links(tmp_path / "one.md") == ["#two", "gone.md"]


def test_the_rooms_are_those_of_the_import_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    outer = [room.strip(" ()") for layer in contracts[0]["layers"] for room in layer.split("|")]
    rows = rows_of((ROOT / "ARCHITECTURE.md").read_text(), "## The rooms")
    assert [row[0].strip("`/") for row in rows] == outer
    folders = {path.parent.name for path in (ROOT / "datasource").glob("*/__init__.py")}
    assert folders == set(outer)


def test_the_index_has_every_document() -> None:
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in _LINK.findall(index.read_text())}
    assert {*DOCUMENTS} - {index} - linked == set()


def test_every_word_of_the_glossary_says_where_more_is_said() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text()
    rows = rows_of(text, "## Words")
    assert [row[0] for row in rows if not (len(row) == 3 and _LINK.search(row[2]))] == []
    words = [row[0].strip("*").lower() for row in rows]
    assert words == sorted(set(words))


def test_every_metric_and_every_panel_is_documented() -> None:
    text = (ROOT / "docs" / "metrics.md").read_text()
    told = set(re.findall(r"\bcausal_\w+", text))
    assert {
        name for name in HELP if name not in told and name.removesuffix("_lower").removesuffix("_upper") not in told
    } == set()
    assert [row[0].strip("`") for row in rows_of(text, "## Panels")] == list(REGISTRY.panels)


def test_every_check_is_documented() -> None:
    modules = [import_module(f"{checks.__name__}.{one.name}") for one in iter_modules(checks.__path__)]
    names = {module.NAME for module in modules if hasattr(module, "NAME")}
    assert len(names) > 10
    told = re.findall(r"^\| ([^|]+?) \|", (ROOT / "docs" / "checks.md").read_text(), re.MULTILINE)
    assert names - {*told} == set()


@pytest.mark.parametrize("room", ["anomaly", "causes", "incidents"])
def test_every_tuned_number_of_the_judging_rooms_has_a_meaning(room: str) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "constants.py"), room]
    rows = rows_of(subprocess.run(command, capture_output=True, text=True, check=True).stdout, f"## {room}")
    assert rows
    assert [row[0] for row in rows if not row[2]] == []
