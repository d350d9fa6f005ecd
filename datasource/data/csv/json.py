"""Rows as JSON: a list of objects, or an object a line."""

from typing import Any

import orjson


def read_rows(text: bytes) -> list[dict[str, Any]] | None:
    """The rows of a JSON text, None where it holds something else."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = json_lines(text)
    return found if is_rows(found) else None


def json_lines(text: bytes) -> list[Any] | None:
    """The values of a text of which each line is JSON by itself; None for another one."""
    try:
        return [orjson.loads(line) for line in text.splitlines() if line.strip()]
    except orjson.JSONDecodeError:
        return None


def is_rows(found: Any) -> bool:
    """Whether it is a list of flat objects, as rows are.

    >>> is_rows([{"time": 1, "web": 0.1}]), is_rows([{"metric": {}, "values": []}]), is_rows({"status": "error"})
    (True, False, False)
    """
    return (
        isinstance(found, list)
        and bool(found)
        and all(
            isinstance(one, dict) and not any(isinstance(value, (dict, list)) for value in one.values())
            for one in found
        )
    )
