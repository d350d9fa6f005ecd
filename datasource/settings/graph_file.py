"""A causal graph in a file of its own, for commands that need no other settings."""

import os
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from datasource.settings.load import SettingsError
from datasource.settings.model import Graph
from datasource.settings.rules import Rule, parse_rule
from datasource.settings.yaml_file import read_yaml

_FORM = "write a list of 'cause -> effect', or the blocks templates, edges, forbid and unmeasured as in causal.yaml"


def load_graph(path: str | os.PathLike[str] | Graph | list[Any] | dict[str, Any]) -> Graph:
    """Read a graph from a file, or take what such a file would hold: a list of rules, or the blocks of `Graph`, alone
    or under `graph`. Raises SettingsError."""
    if isinstance(path, (list, dict)):
        return graph_of(path, "the graph")
    return path if isinstance(path, Graph) else graph_of(read_yaml(path, "graph"), str(path))


def graph_of(data: Any, path: str) -> Graph:
    """A list of rules, or the blocks of `Graph`; `path` is what errors call it.

    A rule is a text as in causal.yaml or a pair [cause, effect]. One that names signals is a template, one that names
    variables, as web.latency, is an edge, whichever list it stands in. Raises SettingsError.
    """
    blocks = {"edges": data} if isinstance(data, list) else data
    if not isinstance(blocks, dict) or not blocks:
        raise SettingsError(f"{path}: holds no graph; {_FORM}")
    if unknown := set(blocks) - (set(Graph.model_fields) - {"discover", "falsify"}):
        raise SettingsError(f"{path}: '{min(map(str, unknown))}' is no block of a graph; {_FORM}")
    rules = [*_rules(path, blocks.get("templates")), *_rules(path, blocks.get("edges"))]
    try:
        return Graph(
            templates=tuple(rule for rule in rules if not _is_edge(rule)),
            edges=tuple(rule for rule in rules if _is_edge(rule)),
            forbid=tuple(_rules(path, blocks.get("forbid"))),
            unmeasured=blocks.get("unmeasured") or {},
        )
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        raise SettingsError(f"{path}: {place}: {error.errors()[0]['msg']}; {_FORM}") from None


def _rules(path: str | os.PathLike[str], block: Any) -> Iterator[Rule]:
    if block is None:
        return
    if not isinstance(block, list):
        raise SettingsError(f"{path}: {block!r} should be a list; {_FORM}")
    for item in block:
        if isinstance(item, list) and len(item) == 2:
            yield Rule(str(item[0]), str(item[1]))
            continue
        try:
            yield parse_rule(str(item))
        except ValueError as error:
            raise SettingsError(f"{path}: {error}") from None


def _is_edge(rule: Rule) -> bool:
    return not rule.relation and ("." in rule.cause or "." in rule.effect)
