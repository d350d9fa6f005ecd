"""docs/settings.md says what the settings are."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from datasource.settings import format_duration, http, model, prometheus, relations, remote_write

REFERENCE = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
BLOCKS = [
    block
    for module in (model, http, prometheus, relations, remote_write)
    for block in vars(module).values()
    if isinstance(block, type) and issubclass(block, BaseModel) and block.__module__ == module.__name__
]
_DURATIONS = {
    "every",
    "keep",
    "time_budget",
    "timeout",
    "latency_offset",
    "step",
    "baseline",
    "full_resolution",
    "refit",
    "longest_lag",
}


@pytest.mark.parametrize(
    ("block", "name"),
    [(block, name) for block in BLOCKS for name in block.__annotations__ if name in block.model_fields],
    ids=str,
)
def test_every_key_is_documented_with_its_default(block: type[BaseModel], name: str) -> None:
    assert f"`{name}`" in REFERENCE or f"{name}:" in REFERENCE
    default = block.model_fields[name].default
    if name in _DURATIONS:
        assert f"| `{name}` | `{format_duration(default)}` |" in REFERENCE
    elif isinstance(default, bool):
        assert f"| `{name}` | `{str(default).lower()}` |" in REFERENCE
    elif isinstance(default, (int, float)) and f"| `{name}` |" in REFERENCE:
        assert f"| `{name}` | `{default}` |" in REFERENCE
