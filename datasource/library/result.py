"""What every answer of the library can do: print itself, and become a dictionary, a data frame, a picture, a page."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasource.effects.result import Check, EffectResult

if TYPE_CHECKING:
    from datasource.library.pictures import Picture


class Result(ABC):
    """An answer. `str` is what the command line prints, `to_dict` what it prints with `--json`."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What was asked, as a heading."""

    @abstractmethod
    def lines(self) -> Iterator[str]:
        """The answer for people, line by line."""

    @abstractmethod
    def to_frame(self) -> Any:
        """The answer as a pandas DataFrame."""

    @abstractmethod
    def _document(self) -> dict[str, Any]:
        """The answer for machines; may hold arrays and NaN."""

    @abstractmethod
    def plot(self) -> "Picture":
        """The answer as a picture, a matplotlib Figure that notebooks show. Raises ModuleNotFoundError without
        matplotlib."""

    def pictures(self) -> Sequence["Picture"]:
        """All pictures of its page."""
        return (self.plot(),)

    def to_json(self) -> bytes:
        """What the command line prints with `--json`: what is not known is null."""
        import orjson

        return orjson.dumps(self._document(), option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_INDENT_2)

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain dictionaries, lists, texts and numbers; what is not known is None."""
        import orjson

        found: dict[str, Any] = orjson.loads(self.to_json())
        return found

    def page(self) -> str:
        """Its text and its pictures as HTML that needs no other file and no network. Raises ModuleNotFoundError without
        matplotlib."""
        from datasource.library.page import page

        return page(self.title, str(self), self.pictures())

    def write_page(self, path: str | os.PathLike[str]) -> None:
        """Write its page. Raises ModuleNotFoundError without matplotlib, and OSError."""
        Path(path).write_text(self.page(), encoding="utf-8")

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        drawn = self.plot().svg() if find_spec("matplotlib") else ""
        return f"<div>{drawn}<pre>{escape(str(self))}</pre></div>"


class Estimated(Result):
    """An answer that is a number with its interval and the checks that were made of it."""

    answer: EffectResult

    @property
    def value(self) -> float:
        """The estimate, in the outcome's unit (of an effect, for one unit more of the treatment); NaN where there is
        none."""
        return self.answer.effect.value

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval of `value`."""
        return self.answer.effect.lower, self.answer.effect.upper

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that fail."""
        return tuple(check for check in self.answer.checks if check.passed is False)
