"""What is kept can be read again: by this version, and by one whose records have other fields."""

from dataclasses import dataclass
from math import isnan, nan

import numpy as np
import pytest
from judging import service

from datasource.causes import Contribution, Outside, RootCauses, Verdict
from datasource.data import Variable
from datasource.incidents import Incident
from datasource.incidents.model import Episode
from datasource.store import from_json, to_json

WEB, DB = service("web"), service("db")
CAUSES = RootCauses(
    Variable(WEB, "latency"),
    0.18,
    (Contribution(Variable(DB, "latency"), np.float64(0.15), 0.15 / 0.18, 0.9),),  # type: ignore[arg-type]
    (Outside("whom db calls", 0.01, 0.05),),
    0.02,
)
INCIDENT = Incident(
    "one", 100, None, 400, CAUSES, (DB,), (DB, WEB), "web is slow", ("scale db out",), (Episode(WEB, 100, 300, (DB,)),)
)


def test_an_incident_comes_back_as_it_was() -> None:
    assert from_json(Incident, to_json(INCIDENT)) == INCIDENT


def test_verdicts_come_back_with_whom_they_name() -> None:
    verdicts = (Verdict(WEB, CAUSES, DB), Verdict(DB, CAUSES, None))
    assert from_json(tuple[Verdict, ...], to_json(verdicts)) == verdicts


def test_what_is_not_known_is_null_and_not_known_again() -> None:
    unsure = Contribution(Variable(DB, "latency"), 0.1, 0.5, nan)
    text = to_json(unsure)
    assert "NaN" not in text
    assert isnan(from_json(Contribution, text).confidence)


@dataclass(frozen=True)
class Older:
    name: str
    gone: int = 1


@dataclass(frozen=True)
class Newer:
    name: str
    added: tuple[str, ...] = ("usual",)


def test_fields_that_came_or_went_are_no_obstacle_and_missing_ones_are_told() -> None:
    assert from_json(Newer, to_json(Older("one"))) == Newer("one")
    with pytest.raises(ValueError, match="Incident"):
        from_json(Incident, to_json(Older("one")))
    with pytest.raises(ValueError, match="unexpected"):
        from_json(Incident, "{")
