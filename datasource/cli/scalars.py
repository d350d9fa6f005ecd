"""YAML as people write it: short on one line, long queries folded."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

LINE = 120
"""The longest line."""


def folded(query: str) -> list[str]:
    """A long query on several lines, broken before an operator between two aggregations."""
    line = f"query: {quoted(query, always=True)}"
    parts = re.split(r" (?=(?:/|or|\+) )", query)
    return [line] if len(line) + 4 <= LINE or len(parts) == 1 else ["query: >-", *(f"  {part}" for part in parts)]


def flow(value: Any) -> str:
    """YAML on one line."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {flow(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(flow, value))}]"
    return quoted(value) if isinstance(value, str) else str(value)


def quoted(text: str, always: bool = False) -> str:
    """A YAML scalar."""
    plain = text and not always and not set(text) & set("'\"#{}[],&*!|>%@` ") and yaml.safe_load(text) == text
    return text if plain else "'" + text.replace("'", "''") + "'"
