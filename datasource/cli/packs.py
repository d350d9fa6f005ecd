"""`causal-datasource packs`: which packs there are, and what one stands for."""

from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from datasource.settings.consistency import known
from datasource.settings.packs import pack_names, read_pack


class PackError(Exception):
    """A pack or a parameter that is not there; the text says which are."""


def list_packs() -> Iterator[str]:
    """A few lines for each pack."""
    for name in pack_names():
        pack = read_pack(name)
        yield f"{name}: {pack.title}"
        yield f"  measures {pack.entity} by [{', '.join(pack.parameters['labels'])}]; parameters: " + ", ".join(
            pack.parameters
        )
        yield f"  signals: {', '.join(pack.settings({})['signals'])}"
    yield ""
    yield "Choose them in causal.yaml, as packs: [kubernetes]; 'causal-datasource packs NAME' prints what one brings."


def show_pack(name: str, assignments: Sequence[str] = (), step: str = "30s") -> str:
    """The settings a pack stands for, with parameters given as `name=value`. Raises PackError."""
    if name not in pack_names():
        raise PackError(f"no pack '{name}'; {known(name, pack_names())}")
    pack = read_pack(name)
    given: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise PackError(f"'{assignment}' is no parameter; write it as window=1m or labels=[namespace,service]")
        try:
            given[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise PackError(f"'{assignment}': {value!r} is not YAML") from None
    for key, problem in pack.problems(given):
        raise PackError(f"{key}: {problem}")
    return pack.text(given, step)
