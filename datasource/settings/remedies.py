"""Remedies: what the operator can do about a cause, and what that changes."""

import re
from string import Formatter
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from datasource.settings.block import Block
from datasource.settings.duration import Duration
from datasource.settings.name import Name
from datasource.settings.pattern import PatternError, matcher

_TARGET = re.compile(r"(now|usual)(?:\s*([*+-])\s*([0-9.]+(?:[eE][+-]?\d+)?)\s*(%?))?")
_FORM = "write 'usual', 'now + 1', 'now - 10%', 'now * 0.7', or a number that it is set to"


class Target(NamedTuple):
    """To what a signal is brought: `base` times `times`, plus `plus`. The base is `now`, `usual`, or nothing."""

    base: Literal["now", "usual", ""]
    times: float = 1.0
    plus: float = 0.0

    def value(self, now: float, usual: float) -> float:
        """The value, from what the signal is now and what it usually is."""
        return {"now": now, "usual": usual, "": 0.0}[self.base] * self.times + self.plus


def parse_target(value: Any) -> Target:
    """Raises ValueError that says how to write it.

    >>> parse_target("now * 0.7")
    Target(base='now', times=0.7, plus=0.0)
    >>> parse_target("usual + 10%").value(now=5.0, usual=2.0)
    2.2
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Target("", plus=float(value))
    found = _TARGET.fullmatch(value.strip()) if isinstance(value, str) else None
    try:
        number = float((found and found[3]) or 0)
    except ValueError:
        found = None
    if found is None:
        raise ValueError(f"{value!r} is not understood; {_FORM}")
    base: Literal["now", "usual"] = "now" if found[1] == "now" else "usual"
    signed = -number if found[2] == "-" else number
    if found[2] == "*":
        return Target(base, times=number / 100 if found[4] else number)
    return Target(base, times=1 + signed / 100) if found[4] else Target(base, plus=signed)


class Change(NamedTuple):
    """Which signal is brought to what; without a name it is the cause itself."""

    signal: str
    target: Target


def parse_change(value: Any) -> Change:
    """`usual` or {replicas: now + 1}. Raises ValueError that says how to write it."""
    if not isinstance(value, dict):
        return Change("", parse_target(value))
    if len(value) != 1:
        raise ValueError("names one signal and its value, as {replicas: now + 1}; make several remedies of several")
    (signal, target), *_ = value.items()
    return Change(str(signal), parse_target(target))


def placeholders(text: str) -> tuple[str, ...]:
    """The names in braces. Raises ValueError for braces that are not closed, or hold more than a name."""
    try:
        found = [(name, spec, conversion) for _, name, spec, conversion in Formatter().parse(text) if name is not None]
    except ValueError:
        raise ValueError(f"{text!r} has a single brace; write {{{{ or }}}} for one that is meant so") from None
    for name, spec, conversion in found:
        if not name.isidentifier() or spec or conversion:
            raise ValueError(f"{text!r} has {{{name}}}; only a label of the entity stands in braces, as {{service}}")
    return tuple(dict.fromkeys(name for name, _, _ in found))


def _template(text: str) -> str:
    placeholders(text)
    return text


def _link(text: str) -> str:
    if text and not text.startswith(("http://", "https://")):
        raise ValueError(f"{text!r} is no link; write it as https://wiki/runbooks/slow")
    return text


Text = Annotated[str, AfterValidator(_template)]
ChangeText = Annotated[Change, BeforeValidator(parse_change)]


class Remedy(Block):
    """What can be done about a cause.

    `against` are signals or roles of the cause; `where` has regular expressions that labels of its entity must match
    as a whole. `change` says to what the cause, or another signal of that entity, is brought. With `after`, an event
    signal, it helps only where that happened at the entity within `within` before the incident. {labels} in `text` and
    `runbook` are those of the entity.
    """

    text: Text = Field(min_length=1)
    against: tuple[str, ...] = Field(min_length=1)
    where: dict[Name, str] = Field(default={})
    change: ChangeText | None = None
    after: Name | None = None
    within: Duration = 1800.0
    runbook: Annotated[Text, AfterValidator(_link)] = ""

    @model_validator(mode="after")
    def _possible(self) -> "Remedy":
        if "within" in self.model_fields_set and self.after is None:
            raise ValueError("'within' says how long before the incident 'after' happened; add after, or remove within")
        for label, pattern in self.where.items():
            try:
                matcher(pattern)
            except PatternError as error:
                raise ValueError(f"where {label}: {error}") from None
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The names in braces in its text and its runbook."""
        return tuple(dict.fromkeys((*placeholders(self.text), *placeholders(self.runbook))))
