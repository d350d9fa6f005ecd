"""What several installations know together, without sharing what they measured (docs/federation.md)."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasource.effects.study import StudyError
from datasource.federation import Joint, LeftOut, Member, Question, SiteAddress, Sites, SumsError, join_effect
from datasource.federation.independence import Dependence, Parted, skeleton
from datasource.federation.sums import MOST_COLUMNS, ORDER
from datasource.invariance.document import parents_row, parents_told
from datasource.library.result import Result
from datasource.library.text import table
from datasource.numerics import Interval

if TYPE_CHECKING:
    from datasource.library.pictures import Picture

_SURE = 0.05


@dataclass(frozen=True, repr=False)
class Federated(Result):
    """An effect over several installations; `answer` has it as it was computed."""

    answer: Joint
    left_out: tuple[LeftOut, ...]
    notices: tuple[str, ...]

    @property
    def title(self) -> str:
        """What was asked."""
        question = self.answer.question
        beside = f", adjusted for {', '.join(question.adjust)}" if question.adjust else ""
        return f"Effect of {question.treatment} on {question.outcome}{beside}, over {len(self._joined)} installations"

    @property
    def _joined(self) -> list[str]:
        return list(dict.fromkeys(one.site for one in self.answer.members if one.joined))

    def lines(self) -> Iterator[str]:
        """As `causal-datasource federate` prints it."""
        answer = self.answer
        yield self.title
        yield f"  effect       {_shown(answer.effect)}"
        yield f"  association  {_shown(answer.association)}"
        yield f"  from {answer.rows:,} points, of which nobody but their owner has seen one"
        yield ""
        heading = ("installation", "points", "effect", "score", "without it", "influence", "")
        rows = [
            (
                one.name,
                f"{one.rows:,}",
                _shown(one.effect),
                f"{one.score:.2f}",
                f"{one.without:.4g}",
                f"{one.influence:.2f}",
                _said(one),
            )
            for one in answer.members
        ]
        yield from table([heading, *rows])
        yield ""
        different = answer.heterogeneity < _SURE
        verdict = (
            "the effect is not the same everywhere" if different else "nothing speaks against one effect everywhere"
        )
        yield f"Heterogeneity: {verdict} (p = {answer.heterogeneity:.2g})"
        if answer.parents is not None:
            yield f"Invariance: {parents_told(answer.parents)}"
        if answer.price > 1:
            yield f"Noise: the interval is {answer.price - 1:.0%} wider by what installations added to their sums"
        if self.left_out:
            yield ""
            yield "Left out"
            yield from (f"  {one.site}: {one.reason}" for one in self.left_out)
        if self.notices:
            yield ""
            yield "Notices"
            yield from (f"  {notice}" for notice in self.notices)

    def _document(self) -> dict[str, Any]:
        answer = self.answer
        question = answer.question
        return {
            "treatment": question.treatment,
            "outcome": question.outcome,
            "adjustment_set": list(question.adjust),
            "lags": question.lags,
            "effect": answer.effect.value,
            "lower": answer.effect.lower,
            "upper": answer.effect.upper,
            "p_value": answer.effect.p_value,
            "association": answer.association.value,
            "association_lower": answer.association.lower,
            "association_upper": answer.association.upper,
            "rows": answer.rows,
            "heterogeneity_p_value": answer.heterogeneity,
            "price": answer.price,
            "installations": [_member(one) for one in answer.members],
            "invariance": parents_row(answer.parents) if answer.parents else None,
            "left_out": [one._asdict() for one in self.left_out],
            "notices": list(self.notices),
        }

    def to_frame(self) -> Any:
        """A row for each installation."""
        import pandas as pd

        return pd.DataFrame(self._document()["installations"])

    def plot(self) -> "Picture":
        """The effect of each installation, red where it is another one, and of all together."""
        from datasource.library.pictures import PLAIN, RIGHT, WRONG, Bar, intervals

        bars = [Bar(one.name, *one.effect[:3], color=WRONG if one.score > 1 else PLAIN) for one in self.answer.members]
        return intervals(self.title, "effect", [*bars, Bar("together", *self.answer.effect[:3], color=RIGHT)])


@dataclass(frozen=True, repr=False)
class Dependences(Result):
    """Which columns depend on each other in all installations together, whatever others are held fixed."""

    columns: tuple[str, ...]
    dependent: tuple[Dependence, ...]
    parted: tuple[Parted, ...]
    left_out: tuple[LeftOut, ...]
    notices: tuple[str, ...]
    title = "What depends on what, over several installations"

    def lines(self) -> Iterator[str]:
        """As `causal-datasource federate --column ...` prints it."""
        document = self._document()
        yield f"{len(self.dependent)} pairs of {len(self.columns)} columns depend on each other whatever is held fixed"
        rows = [(one["one"], "--", one["other"], f"{one['p_value']:.2g}") for one in document["dependent"]]
        if rows:
            yield from table([("column", "", "column", "largest p"), *rows])
        for one in document["independent"]:
            given = f" given {', '.join(one['given'])}" if one["given"] else ""
            yield f"{one['one']} and {one['other']} do not depend on each other{given} (p = {one['p_value']:.2g})"
        yield from (f"Left out: {one.site}: {one.reason}" for one in self.left_out)
        yield from self.notices

    def _document(self) -> dict[str, Any]:
        columns = self.columns
        return {
            "dependent": [
                {"one": columns[one.one], "other": columns[one.other], "p_value": one.p_value} for one in self.dependent
            ],
            "independent": [
                {
                    "one": columns[one.one],
                    "other": columns[one.other],
                    "given": [columns[place] for place in one.given],
                    "p_value": one.p_value,
                }
                for one in self.parted
            ],
            "left_out": [one._asdict() for one in self.left_out],
            "notices": list(self.notices),
        }

    def to_frame(self) -> Any:
        """A row for each pair that depends on each other."""
        import pandas as pd

        return pd.DataFrame(self._document()["dependent"], columns=["one", "other", "p_value"])

    def plot(self) -> "Picture":
        """The pairs as a graph without directions."""
        from datasource.library.pictures import Arrow, network

        rows = self._document()["dependent"]
        return network(self.title, [Arrow(one["one"], one["other"], head=False) for one in rows])


@dataclass(frozen=True, repr=False)
class Offered(Result):
    """What installations tell of."""

    offers: Mapping[str, Mapping[str, Any]]
    left_out: tuple[LeftOut, ...]
    title = "What installations tell of"

    def lines(self) -> Iterator[str]:
        """As `causal-datasource federate` prints it without a question."""
        rows = [(row["column"], row["unit"], ", ".join(row["installations"])) for row in self._document()["columns"]]
        yield f"{len(self.offers)} installations tell of {len(rows)} columns"
        if rows:
            yield from table([("column", "unit", "installations"), *rows])
        yield from (f"Left out: {one.site}: {one.reason}" for one in self.left_out)

    def _document(self) -> dict[str, Any]:
        found: dict[str, dict[str, Any]] = {}
        for name, offer in self.offers.items():
            for one in offer["columns"]:
                row = found.setdefault(str(one["column"]), {"unit": str(one.get("unit", "")), "installations": []})
                row["installations"].append(name)
        columns = sorted(({"column": name, **row} for name, row in found.items()), key=_most_first)
        return {"columns": columns, "left_out": [one._asdict() for one in self.left_out]}

    def to_frame(self) -> Any:
        """A row for each column."""
        import pandas as pd

        return pd.DataFrame(self._document()["columns"], columns=["column", "unit", "installations"])

    def plot(self) -> "Picture":
        """How many installations tell of each column."""
        from datasource.library.pictures import Bar, bars

        rows = self._document()["columns"]
        return bars(self.title, "installations", [Bar(one["column"], len(one["installations"])) for one in rows])


def federate(
    sites: Mapping[str, str],
    treatment: str | None = None,
    outcome: str | None = None,
    *,
    adjust: Sequence[str] = (),
    lags: int = 0,
    columns: Sequence[str] = (),
    token_file: str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]] | None = None,
    ca_file: str | os.PathLike[str] | None = None,
    timeout: float = 10.0,
    keep_all: bool = False,
) -> Federated | Dependences | Offered:
    """What several running services know together, from sums: none shares a point that it measured.

    sites: address by name, each of which serves with `federation` in its settings.
    treatment, outcome, adjust: columns that all of them have, as `web.latency`, or `web.latency@1` for one step before;
        then the answer is an effect, the sum over `lags` steps.
    columns: with them instead, which of these depend on each other whatever others are held fixed. Without any
        question the answer is what they tell of.
    token_file: a file with the token for all of them, or by name.
    timeout: seconds that each has for an answer; who takes longer is left out.
    keep_all: count even who says something quite different.

    Raises StudyError.
    """
    if not sites:
        raise StudyError("no installation is named; give one, as {'eu': 'https://eu.example.com:8321'}")
    if (treatment is None) != (outcome is None) or (treatment and columns):
        raise StudyError("name a treatment and an outcome, or columns, or neither")
    tokens = token_file if isinstance(token_file, Mapping) else dict.fromkeys(sites, token_file)
    paths = {name: Path(path) for name, path in tokens.items() if path is not None}
    authority = Path(ca_file) if ca_file is not None else None
    try:
        asked = Sites([SiteAddress(name, url, paths.get(name), authority) for name, url in sites.items()], timeout)
        if treatment is not None and outcome is not None:
            return _effect(asked, Question(treatment, outcome, tuple(adjust), lags), keep_all)
        if columns:
            return _dependences(asked, tuple(columns))
        return Offered(asked.offers(), tuple(asked.left_out))
    except SumsError as error:
        raise StudyError(str(error)) from None


def _effect(asked: Sites, question: Question, keep_all: bool) -> Federated:
    if not 0 <= question.lags <= MOST_COLUMNS or len(question.columns) > MOST_COLUMNS:
        raise SumsError(f"at most {MOST_COLUMNS} columns are joined at once; adjust for less, or ask for fewer lags")
    asked.agree(question.columns)
    found = join_effect(asked.ask, question, keep_all)
    return Federated(found, (*asked.left_out, *found.left_out), (*asked.notices, *found.notices))


def _dependences(asked: Sites, columns: tuple[str, ...]) -> Dependences:
    asked.agree(columns)
    blocks = [block for site in asked.ask(columns, (0.0,) * ORDER) for block in site.sums]
    dependent, parted = skeleton(blocks, len(columns))
    return Dependences(columns, tuple(dependent), tuple(parted), tuple(asked.left_out), tuple(asked.notices))


def _member(one: Member) -> dict[str, Any]:
    return {
        "installation": one.site,
        "environment": one.environment,
        "rows": one.rows,
        "effect": one.effect.value,
        "lower": one.effect.lower,
        "upper": one.effect.upper,
        "score": one.score,
        "p_value": one.p_value,
        "slopes_score": one.slopes.score,
        "noise_score": one.noise.score,
        "without": one.without,
        "influence": one.influence,
        "joined": one.joined,
        "breaks": one.breaks,
    }


def _said(one: Member) -> str:
    """What is to be said of an installation, in a few words."""
    words = ["breaks here" if one.breaks else "another one here" if one.score > 1 else "holds"]
    return ", ".join([*words, *([] if one.joined else ["left out"])])


def _shown(found: Interval) -> str:
    return f"{found.value:.4g} [{found.lower:.4g}, {found.upper:.4g}]"


def _most_first(row: Mapping[str, Any]) -> tuple[int, str]:
    return -len(row["installations"]), row["column"]
