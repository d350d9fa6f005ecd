"""Changing a few values in causal.yaml and leaving all else as it stands, comments too."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from datasource.settings import parse_settings


class EditError(Exception):
    """The file is written in a way that cannot be changed by machine; the text says what to write by hand."""


def with_thresholds(text: str, thresholds: Mapping[str, float], name: str, folder: Path) -> str:
    """The text of a settings file with these `anomaly.thresholds`, by signal. Raises EditError, SettingsError.

    The result is read again: it says what the file said, and the thresholds.
    """
    before = parse_settings(text, name, folder)
    wanted = {**before.anomaly.thresholds, **thresholds}
    changed = text
    for signal, threshold in thresholds.items():
        changed = _set(changed, _root(changed), ("anomaly", "thresholds", _key(signal)), f"{threshold:g}")
    anomaly = before.anomaly.model_copy(update={"thresholds": wanted})
    try:
        after = parse_settings(changed, name, folder)
    except Exception:
        after = before
    if after != before.model_copy(update={"anomaly": anomaly}):
        written = ", ".join(f"{_key(signal)}: {threshold:g}" for signal, threshold in thresholds.items())
        raise EditError(f"{name}: cannot be changed by machine; write by hand: anomaly: {{thresholds: {{{written}}}}}")
    return changed


def replace_text(path: Path, text: str) -> None:
    """Write a file anew; one that cannot be written whole stays as it was. Raises OSError."""
    path = path.resolve()
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
        shutil.copymode(path, new)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def _root(text: str) -> yaml.MappingNode:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)
    return root


def _set(text: str, node: yaml.MappingNode, path: Sequence[str], value: str) -> str:
    """The text with a value at a path below a mapping, in place of the one that is there."""
    key, *rest = path
    for there, old in node.value:
        if there.value == key.strip("'"):
            if rest and isinstance(old, yaml.MappingNode):
                return _set(text, old, rest, value)
            start, end = old.start_mark.index, old.end_mark.index
            return f"{text[:start]}{_nested(rest, value)}{text[end:]}"
    entry = f"{key}: {_nested(rest, value)}"
    if node.flow_style:
        inside = text[: node.end_mark.index - 1].rstrip()
        separator = "" if inside.endswith("{") else " " if inside.endswith(",") else ", "
        return f"{inside}{separator}{entry}{text[len(inside) :]}"
    newline = "\r\n" if "\r\n" in text else "\n"
    place = _end_of_line(text, _last(node).end_mark.index)
    indent = " " * node.value[0][0].start_mark.column
    broken = newline if place and text[place - 1] != "\n" else ""
    return f"{text[:place]}{broken}{indent}{entry}{newline}{text[place:]}"


def _nested(path: Sequence[str], value: str) -> str:
    for key in reversed(path):
        value = f"{{{key}: {value}}}"
    return value


def _last(node: yaml.Node) -> yaml.Node:
    """What is written last inside a node."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        node = node.value[-1][1] if isinstance(node, yaml.MappingNode) else node.value[-1]
    return node


def _end_of_line(text: str, place: int) -> int:
    """The beginning of the next line; where a line begins, the place itself."""
    if place and text[place - 1] == "\n":
        return place
    end = text.find("\n", place)
    return len(text) if end < 0 else end + 1


def _key(name: str) -> str:
    """A name as YAML reads it as text."""
    return name if yaml.safe_load(name) == name else f"'{name}'"
