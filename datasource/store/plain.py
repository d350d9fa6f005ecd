"""Dataclasses and named tuples as JSON of plain fields, and back."""

from dataclasses import is_dataclass
from math import nan
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import orjson

T = TypeVar("T")


def to_json(value: Any) -> str:
    """Fields by name; NaN and infinities become null."""
    return orjson.dumps(value, _fields, orjson.OPT_SERIALIZE_NUMPY).decode()


def from_json(kind: type[T], text: str) -> T:
    """What `to_json` wrote of a `kind`, which may have gained fields with defaults since, or lost some.

    Raises ValueError when the text is no such thing. null is NaN where a float should be.
    """
    try:
        return read_plain(kind, orjson.loads(text))  # type: ignore[no-any-return]
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"not a {kind.__name__}: {error}") from error


def read_plain(kind: Any, value: Any) -> Any:
    """A value of a type hint from plain lists, dicts, texts and numbers. Raises TypeError, KeyError, AttributeError."""
    if is_dataclass(kind) or hasattr(kind, "_fields"):
        known = get_type_hints(kind)
        return kind(**{name: read_plain(known[name], one) for name, one in value.items() if name in known})
    if get_origin(kind) is Literal:
        return value
    if get_origin(kind) is tuple:
        inner = get_args(kind)
        if inner[-1] is Ellipsis:
            return tuple(read_plain(inner[0], one) for one in value)
        return tuple(read_plain(one, part) for one, part in zip(inner, value, strict=True))
    if value is None:
        return nan if kind is float else None
    options = [one for one in get_args(kind) if one is not NoneType]
    return read_plain(options[0], value) if options else kind(value)


def _fields(value: Any) -> Any:
    if hasattr(value, "_asdict"):
        return value._asdict()
    raise TypeError(f"{type(value).__name__} has no plain fields")
