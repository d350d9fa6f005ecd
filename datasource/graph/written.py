"""A causal graph that somebody writes down in Python."""

import re
from collections.abc import Sequence
from typing import Any

from datasource.settings.graph_file import graph_of, load_graph
from datasource.settings.model import Graph


def written(*rules: str | tuple[str, str], forbid: Sequence[str] = (), unmeasured: Sequence[str] = ()) -> Graph:
    """Rules of what causes what, as texts or pairs, or the path of a YAML file that holds them.

    `cause -> effect`, `cause -> effect (lag 0..2)`, `a <-> b` where something unmeasured moves both, and for services
    `latency -> latency along calls from server to client`. Raises SettingsError.

    >>> len(written("z -> x", "z -> y", ("x", "y")).templates)
    3
    """
    if len(rules) == 1 and isinstance(rules[0], str) and not re.search(r"\s", rules[0].strip()):
        return load_graph(rules[0])
    blocks: dict[str, Any] = {"edges": [list(one) if isinstance(one, tuple) else one for one in rules]}
    return graph_of({**blocks, "forbid": list(forbid), "unmeasured": list(unmeasured)}, "graph")
