"""What somebody says of an intervention: validated, in one line of text each, with times in seconds since 1970."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

_MOST_NAMED = 100
_LATEST = 4_102_444_800  # the year 2100


class InterventionError(Exception):
    """Something cannot be written to the log of interventions. Its text says what to change."""


class UnknownInterventionError(InterventionError):
    """There is no such intervention."""


class KeyTakenError(InterventionError):
    """Something else was written under this key."""


def _time(value: Any) -> int:
    """Seconds since 1970 of ISO 8601 (UTC without an offset), of seconds, or by its size of milliseconds."""
    try:
        if isinstance(value, bool):
            raise ValueError
        if isinstance(value, str) and not value.strip().lstrip("-").isdigit():
            moment = datetime.fromisoformat(value.strip())
            seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        else:
            number = float(value)
            seconds = number if number < 1e11 else number / 1000
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{str(value)[:40]!r} is no time; write it as 2026-11-28T10:00:00Z") from None
    if not 0 <= seconds < _LATEST:
        raise ValueError(f"{str(value)[:40]!r} lies before 1970 or after 2100; write it as 2026-11-28T10:00:00Z")
    return round(seconds)


def _line(text: str) -> str:
    """The text in one line that prints."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())


def _value(value: Any) -> Any:
    if isinstance(value, str):
        return _line(value)
    if isinstance(value, (bool, int)) or (isinstance(value, float) and abs(value) < float("inf")):
        return value
    raise ValueError("is neither a text, a finite number, true nor false; write a list as one text")


Time = Annotated[int, BeforeValidator(_time)]
Line = Annotated[str, AfterValidator(_line)]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_line)]
Kind = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,49}$")]
Value = Annotated[Annotated[str, Field(max_length=500)] | int | float | bool, BeforeValidator(_value)]


class Statement(BaseModel):
    """What is said; what is left out (`None` by default) is not said.

    kind: what was done, as `deploy`, `scale`, `restart`, `configuration`, `throttle`.
    targets: entities or variables that were changed, as `shop/web` or `shop/web.replicas`.
    start, end: seconds since 1970; the end is the first moment without it. An end of null says that it goes on.
    parameters: what was set to what, as {"delay_ms": 50}.
    why: the reason, in a line.
    links: names with addresses or ids, as {"commit": "4f1c2ab"}.
    randomised: whether chance decided when or for whom.
    on: for a switchback, the blocks [start, end] in which it was on.
    rolled_back: whether it was undone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind | None = None
    targets: tuple[Name, ...] | None = Field(default=None, min_length=1, max_length=_MOST_NAMED)
    start: Time | None = None
    end: Time | None = None
    parameters: dict[Name, Value] | None = Field(default=None, max_length=_MOST_NAMED)
    why: Annotated[Line, Field(max_length=500)] | None = None
    links: dict[Name, Annotated[Line, Field(max_length=500)]] | None = Field(default=None, max_length=_MOST_NAMED)
    randomised: bool | None = None
    on: tuple[tuple[Time, Time], ...] | None = Field(default=None, max_length=10 * _MOST_NAMED)
    rolled_back: bool | None = None

    @model_validator(mode="after")
    def _said(self) -> "Statement":
        for name in self.model_fields_set - {"end"}:
            if getattr(self, name) is None:
                raise ValueError(f"'{name}' is null; leave it out, or say what it is")
        return self

    def said(self) -> Mapping[str, Any]:
        """Only what was said, as JSON has it."""
        return self.model_dump(mode="json", exclude_unset=True)


def read_statement(said: Mapping[str, Any]) -> Statement:
    """A statement of plain fields. Raises InterventionError with one sentence."""
    try:
        return Statement.model_validate(said)
    except ValidationError as error:
        raise InterventionError(_told(error)) from None


def _told(error: ValidationError) -> str:
    """The first thing that is wrong, in words."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if not str(part).startswith("function-"))[:100]
    if first["type"] == "extra_forbidden":
        return f"there is no '{place}'; known are {', '.join(Statement.model_fields)}"
    if place == "kind" and first["type"] == "string_pattern_mismatch":
        return f"'kind' is {str(first['input'])[:60]!r}; write small letters, digits, - and _, as deploy or scale-up"
    said = (
        str(first["ctx"]["error"]) if "error" in first.get("ctx", {}) else first["msg"][:1].lower() + first["msg"][1:]
    )
    return f"'{place}': {said}" if place else said
