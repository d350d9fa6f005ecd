"""From the file to `Settings`, or to an error that names the line and the fix."""

import hashlib
import os
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import BaseModel, ValidationError

from datasource.settings.consistency import Place, find_inconsistencies, known
from datasource.settings.merge import Merged, merge_packs
from datasource.settings.model import Settings
from datasource.settings.prometheus import Prometheus
from datasource.settings.questions import find_in_questions
from datasource.settings.renamed import renamed
from datasource.settings.secret import hide_userinfo, may_be_secret


class SettingsError(Exception):
    """causal.yaml cannot be used. Its text has one line per finding: `file:line: place: what, and the fix`."""


class Loaded(NamedTuple):
    """Settings and the fingerprint of the text they were read from."""

    settings: Settings
    fingerprint: str

    def reading_from(self, url: str) -> "Loaded":
        """The same settings for another Prometheus. Raises SettingsError."""
        try:
            prometheus = Prometheus.model_validate({**dict(self.settings.prometheus), "url": url})
        except ValidationError as error:
            raise SettingsError(f"--prometheus: {_describe(error.errors()[0])[1]}") from None
        return self._replace(settings=self.settings.model_copy(update={"prometheus": prometheus}))


def load_settings(path: str | os.PathLike[str]) -> Loaded:
    """Read and validate a settings file. Raises SettingsError."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError(
            f"{path}: there is no such file; 'causal-datasource init --prometheus URL' writes a first one"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from None
    settings = parse_settings(text, str(path), Path(path).parent)
    return Loaded(settings, hashlib.sha256(text.encode()).hexdigest()[:12])


def parse_settings(text: str, name: str = "causal.yaml", folder: Path | None = None) -> Settings:
    """Validate the text of a settings file. Raises SettingsError.

    Files that it names are looked for in `folder`, or else in the working directory.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        lines = _lines(node)
        data = yaml.load(text, Loader=_UniqueKeys)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SettingsError(f"{name}:{line}: not YAML: {_problem(error)}") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{name}: not YAML: {error}") from None
    if not isinstance(data, dict):
        raise SettingsError(f"{name}:1: empty; it needs at least prometheus and packs, or entities and signals")
    merged = merge_packs(data)
    findings = merged.findings
    if not findings:
        try:
            settings = Settings.model_validate(merged.data, context={"folder": folder})
        except ValidationError as error:
            findings = [_describe(detail) for detail in error.errors()]
        else:
            findings = [*find_inconsistencies(settings), *find_in_questions(settings)]
            if not findings:
                return settings
    told = sorted(_told(place, what, lines, merged) for place, what in findings)
    raise SettingsError("\n".join(f"{name}:{line}: {text}" for line, text in told))


class _UniqueKeys(yaml.SafeLoader):
    """YAML lets the second of two equal keys win; here it is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None,
                    None,
                    f"'{key.value}' stands here a second time; rename one or delete it",
                    key.start_mark,
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _problem(error: yaml.MarkedYAMLError) -> str:
    """What is wrong, without the value, which may be a secret: `password: *word` would be an alias."""
    text = str(error.problem or error.context)
    if "alias" in f"{text} {error.context}" or "could not determine a constructor for the tag" in text:
        return "a value that begins with * or ! needs quotes"
    return text


def _lines(node: yaml.Node | None, place: Place = ()) -> dict[Place, int]:
    if node is None:
        return {}
    lines = {place: node.start_mark.line + 1}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            lines |= _lines(value, (*place, key.value))
            lines[(*place, key.value)] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines |= _lines(value, (*place, index))
    return lines


def _line(lines: dict[Place, int], place: Place) -> int:
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)


def _told(place: Place, what: str, lines: dict[Place, int], merged: Merged) -> tuple[int, str]:
    """The line of a finding and its text. What a pack brought stands in the file only by the pack's name."""
    text, pack = f"{_show(place)}: {what}", merged.origin(place, lines)
    if not pack:
        return _line(lines, place), text
    named = _line(lines, merged.chosen[pack])
    return (_line(lines, place) if place[:2] in lines else named), f"{text} (from pack '{pack}')"


def _show(place: Place) -> str:
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "the file"


def _describe(detail: Any) -> tuple[Place, str]:
    place, kind = tuple(detail["loc"]), detail["type"]
    if kind == "missing":
        return place, "missing; this key is required"
    if kind == "extra_forbidden" and (now := renamed(place)):
        return place, f"this key is called {now} now; write it there"
    if kind == "extra_forbidden":
        return place, f"no such key; {known(str(place[-1]), _keys(place[:-1]))}"
    if detail["input"] is None:
        return place, _nothing(place, kind)
    if kind == "literal_error":
        return place, f"{_input(detail)} is none of {detail['ctx']['expected']}"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return (
            place,
            f"{_input(detail)} should be a block of keys and values; known are: {', '.join(_keys(place))}",
        )
    if kind == "tuple_type":
        shown = _input(detail)
        example = f", as [{detail['input']}]" if shown == repr(detail["input"]) else ""
        return place, f"{shown} should be a list{example}"
    if kind == "value_error":
        return place, str(detail["ctx"]["error"])
    return place, f"{detail['msg']}; it is {_input(detail)}"


def _nothing(place: Place, kind: str) -> str:
    """What to write where nothing stands: `latency:`, `latency: null`."""
    wanted = "a value"
    if kind == "dict_type":
        wanted = "names and what they stand for, indented below it"
    elif kind in ("model_type", "model_attributes_type"):
        wanted = f"a block of keys and values (known are: {', '.join(_keys(place))})"
    return f"nothing stands there; write {wanted}, or delete it"


def _input(detail: Any) -> str:
    """What stands in the file, unless it may hold a secret."""
    value = detail["input"]
    if isinstance(value, (dict, list, tuple)):
        return "a block" if isinstance(value, dict) else "a list"
    return "what stands there" if may_be_secret(tuple(detail["loc"])) else hide_userinfo(repr(value))


def _keys(place: Place) -> list[str]:
    """The keys that a block may have."""
    model: Any = Settings
    for part in place:
        if isinstance(model, type) and issubclass(model, BaseModel) and part in model.model_fields:
            model = model.model_fields[str(part)].annotation
        model = _inner(model)
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


def _inner(annotation: Any) -> Any:
    """The block inside dict[str, Block], tuple[Block, ...] or Block | None."""
    for inner in map(_inner, getattr(annotation, "__args__", ())):
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            return inner
    return annotation
