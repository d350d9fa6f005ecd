"""Incidents that people recorded, from a CSV or YAML file: start, end, and maybe service and signal."""

import csv
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from datasource.data import Entity
from datasource.data.csv.times import parse_time

_KEYS = ("start", "end", "service", "signal")


class IncidentsError(Exception):
    """The file of incidents cannot be used. The text names the file, the line and the fix."""


class Recorded(NamedTuple):
    """An incident from `start` to `end` (seconds), and the service and the signal that were its root, where known."""

    start: float
    end: float
    service: str = ""
    signal: str = ""

    def is_of(self, entity: Entity) -> bool:
        """Whether the service is this entity; its leading labels may be left off."""
        return self.service != "" and f"/{entity}".endswith(f"/{self.service}")


def read_incidents(path: str | os.PathLike[str]) -> tuple[Recorded, ...]:
    """The incidents in a file, in the order of their start; they may overlap. Raises IncidentsError.

    YAML is a list of blocks, maybe under the key `incidents`; anything else is CSV with a header. Times are ISO 8601,
    UTC unless they say otherwise, or seconds since 1970.
    """
    rows = _yaml(path) if Path(path).suffix.lower() in (".yaml", ".yml") else _csv(path)
    return tuple(sorted(_incident(path, line, row) for line, row in rows))


def _incident(path: str | os.PathLike[str], line: int, row: Mapping[str, Any]) -> Recorded:
    def refuse(text: str) -> IncidentsError:
        return IncidentsError(f"{path}:{line}: {text}")

    unknown = [key for key in row if key not in _KEYS]
    if unknown:
        raise refuse(f"'{unknown[0]}' is none of {', '.join(_KEYS)}; rename or delete it")
    times = []
    for key in ("start", "end"):
        text = str(row.get(key) or "").strip()
        if not text:
            raise refuse(f"the incident has no {key}; write it as 2026-11-01T09:30:00Z or as seconds since 1970")
        try:
            times.append(parse_time(text))
        except ValueError as error:
            raise refuse(f"{key}: {error}") from None
    if times[1] < times[0]:
        raise refuse("the incident ends before it starts; swap start and end")
    service, signal = (str(row.get(key) or "").strip() for key in ("service", "signal"))
    return Recorded(times[0], times[1], service, signal)


def _csv(path: str | os.PathLike[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    lines = _text(path).splitlines()
    reader = csv.reader(lines)
    header = [cell.strip().lower() for cell in next(reader, [])]
    if not {"start", "end"} <= set(header):
        raise IncidentsError(
            f"{path}:1: the header needs the columns start and end, and may have service and signal; "
            f"it has {', '.join(header) or 'nothing'}"
        )
    for cells in reader:
        if len(cells) > len(header):
            raise IncidentsError(f"{path}:{reader.line_num}: has more cells than the header has columns")
        if any(cell.strip() for cell in cells):
            yield reader.line_num, dict(zip(header, cells, strict=False))


def _yaml(path: str | os.PathLike[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        node = yaml.compose(_text(path), Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise IncidentsError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if isinstance(node, yaml.MappingNode):
        node = next((value for key, value in node.value if key.value == "incidents"), node)
    if not isinstance(node, yaml.SequenceNode):
        raise IncidentsError(
            f"{path}: should be a list, as '- {{start: 2026-11-01T09:30:00Z, end: ..., service: web}}'"
        )
    for item in node.value:
        line = item.start_mark.line + 1
        if not isinstance(item, yaml.MappingNode) or not all(
            isinstance(part, yaml.ScalarNode) for pair in item.value for part in pair
        ):
            raise IncidentsError(f"{path}:{line}: should be a block with start and end, and maybe service and signal")
        nothing = ("", "~", "null")
        yield line, {key.value: "" if value.value in nothing else value.value for key, value in item.value}


def _text(path: str | os.PathLike[str]) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise IncidentsError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
