"""What would change in the graph block of a settings file, as a diff that can be reviewed and applied."""

import difflib
from collections.abc import Iterator, Mapping, Sequence

import yaml

from datasource.settings import Rule
from datasource.settings.rules import parse_rule


def graph_diff(text: str, path: str, rules: Sequence[Rule], doubts: Mapping[str, str]) -> str:
    """A unified diff of a settings file: `rules` added to its graph, and what speaks against others as comments.

    `doubts` are by the text of a rule. Empty where nothing changes.
    """
    changed = with_rules(text, rules, doubts)
    lines = difflib.unified_diff(text.splitlines(keepends=True), changed.splitlines(keepends=True), path, path)
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def with_rules(text: str, rules: Sequence[Rule], doubts: Mapping[str, str]) -> str:
    """The text of a settings file with rules added to its graph, and doubts written beside those that are there."""
    lines = text.splitlines()
    root = yaml.compose(text, Loader=yaml.SafeLoader) if text.strip() else None
    graph = _value(root, "graph")
    added = {
        "templates": [rule for rule in rules if not _single(rule)],
        "edges": [rule for rule in rules if _single(rule)],
    }
    inserted: list[tuple[int, list[str]]] = []
    missing: dict[str, list[Rule]] = {}
    within: list[tuple[yaml.Mark, str]] = []
    for block, own in added.items():
        node = _value(graph, block)
        sequence = node if isinstance(node, yaml.SequenceNode) else None
        items = sequence.value if sequence else []
        if sequence and items and not sequence.flow_style:
            for item in items:
                why = doubts.get(_canonical(item.value)) if isinstance(item, yaml.ScalarNode) else None
                if why:
                    lines[item.end_mark.line] += f"  # doubtful: {why}"
            indent = " " * max(items[0].start_mark.column - 2, 0)
            inserted.append((items[-1].end_mark.line + 1, [f"{indent}- {rule}" for rule in own]))
        elif sequence and own:
            within.append((sequence.end_mark, (", " if items else "") + ", ".join(map(str, own))))
        elif node is not None and own:
            inserted.append((node.end_mark.line + 1, [f"    - {rule}" for rule in own]))
        elif own:
            missing[block] = own
    listed = [line for block, own in missing.items() for line in (f"  {block}:", *(f"    - {rule}" for rule in own))]
    key = _key(root, "graph")
    if missing and isinstance(graph, yaml.MappingNode) and graph.flow_style:
        blocks = ", ".join(f"{block}: [{', '.join(map(str, own))}]" for block, own in missing.items())
        within.append((graph.end_mark, (", " if graph.value else "") + blocks))
    elif missing and key is None:
        inserted.append((len(lines), ["", "graph:", *listed]))
    elif missing and key is not None:
        inserted.append((key.end_mark.line + 1, listed))
    for mark, more in sorted(within, key=lambda one: -one[0].index):
        line = lines[mark.line]
        lines[mark.line] = line[: mark.column - 1] + more + line[mark.column - 1 :]
    for place, added_lines in sorted(inserted, key=lambda one: -one[0]):
        lines[place:place] = added_lines
    return "\n".join(lines) + "\n"


def block(rules: Sequence[Rule]) -> Iterator[str]:
    """A graph block of its own."""
    yield from with_rules("", rules, {}).strip().splitlines()


def _single(rule: Rule) -> bool:
    return not rule.relation and ("." in rule.cause or "." in rule.effect)


def _canonical(text: str) -> str:
    try:
        return str(parse_rule(text))
    except ValueError:
        return text


def _key(node: yaml.Node | None, name: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((key for key, _ in pairs if key.value == name), None)


def _value(node: yaml.Node | None, name: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value for key, value in pairs if key.value == name), None)
