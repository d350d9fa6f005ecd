"""The tuned numbers of the fit stand in one table, with unit, meaning and source."""

import re
from pathlib import Path

from datasource.anomaly import constants

DOCS = Path(__file__).parents[2] / "docs" / "scores.md"
_UNTUNED = {"DAY", "WEEK", "NEVER"}


def test_docs_list_every_number_with_its_value_unit_meaning_and_source() -> None:
    told = {}
    for line in DOCS.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        names = re.findall(r"`([A-Z_]+)`", cells[0])
        if names and len(cells) == 5:
            assert all(cells)
            told |= dict(zip(names, (float(value) for value in cells[1].split(",")), strict=True))
    there = {name: value for name, value in vars(constants).items() if name.isupper() and name not in _UNTUNED}
    assert told == there
