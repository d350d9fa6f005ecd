"""Packs: ready-made settings for what is commonly measured, filled in with a few parameters."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

import yaml
from pydantic import Field

from datasource.settings.block import Block
from datasource.settings.consistency import known
from datasource.settings.duration import format_duration, parse_duration
from datasource.settings.name import check_label
from datasource.settings.promql import write_labels, write_present

_FOLDER = Path(__file__).with_suffix("")
_WORD = re.compile(r"[\w:]*", re.ASCII)
_COPIES = ("job", "prometheus", "prometheus_replica", "replica")
"""Series that differ in nothing else are one target, scraped twice: what it says counts once."""
_MANY = ("labels", "call_labels", "stream")


class Pack(Block):
    """A pack: what its file says about itself, and `body`, settings with placeholders.

    `parameters` are those an operator may give, with their usual values; `known` are values under which installations
    are met. `metrics` (with placeholders) are what it needs, `tells` labels of which the first has at least one,
    `names` labels that may be the entity's name, `alone` what is missing where nothing else measures its entities.
    `clients` or `servers` say how the labels of a call's one end begin in place of the other's. `native` labels are
    those that its metrics have by themselves, `fragments` texts that several queries share. A label that is one of the
    `placeholders` names nobody. Labels of LogsQL are `quoted` where they have dots. `$who` in a remedy's text is the
    entity's name. The parameter `named_by` is the label of its metrics that becomes the last of `labels`, between
    `$open` and `$close`; `$source` are the labels that its metrics have. `stream` are the labels of log lines or spans
    that are called otherwise than the last of `labels`, in their order: `$stream` those of all, `$called` which is
    which.
    """

    name: str
    title: str
    entity: str
    metrics: tuple[str, ...]
    tells: tuple[str, ...] = ()
    names: tuple[str, ...]
    alone: str = ""
    parameters: dict[str, Any]
    known: tuple[dict[str, Any], ...] = ({},)
    clients: tuple[str, str] | None = None
    servers: tuple[str, str] | None = None
    native: tuple[str, ...] = ()
    fragments: dict[str, str] = Field(default={})
    placeholders: tuple[str, ...] = ()
    quoted: bool = False
    body: str

    @property
    def takes_any_labels(self) -> bool:
        """Whether its entities are told apart as other packs tell them."""
        return bool(self.native) or "stream" in self.parameters

    def problems(self, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """(parameter, what is wrong) of the parameters that an operator gives."""
        for key, value in given.items():
            if key not in self.parameters:
                yield key, f"pack '{self.name}' has no such parameter; {known(key, self.parameters)}"
                continue
            try:
                _check(key, value, self.parameters[key])
            except ValueError as error:
                yield key, str(error)

    def text(self, given: Mapping[str, Any], step: Any = "30s") -> str:
        """Its settings as YAML, for these parameters. `given` has no problems."""
        return Template(self.body).substitute(self._words(given, step)).strip() + "\n"

    def settings(self, given: Mapping[str, Any], step: Any = "30s") -> dict[str, Any]:
        """Its settings as they would stand in causal.yaml."""
        settings: dict[str, Any] = yaml.safe_load(self.text(given, step))
        return settings

    def needs(self, given: Mapping[str, Any]) -> tuple[str, ...]:
        """The metrics without which it brings nothing, under these parameters."""
        words = self._words(given, "30s")
        return tuple(Template(metric).substitute(words) for metric in self.metrics)

    def _words(self, given: Mapping[str, Any], step: Any) -> dict[str, str]:
        """What stands for each placeholder."""
        values = {**self.parameters, **given}
        labels, window = list(values["labels"]), values["window"]
        call_labels = values.get("call_labels") or self._call_labels(labels)
        swapped = [label for label in call_labels if label not in labels]
        clients, servers = (swapped or labels, labels) if self.clients else (labels, swapped or labels)
        words = {key: str(value) for key, value in values.items() if key not in _MANY}
        source = [*labels[:-1], str(values["named_by"])] if "named_by" in values else labels
        stream = (
            [*labels[: -len(values["stream"])], *values["stream"][-len(labels) :]] if "stream" in values else labels
        )
        words |= {
            "stream": ", ".join(_quoted(label) for label in stream) if self.quoted else ", ".join(stream),
            "identity": _quoted(stream[-1]) if self.quoted else stream[-1],
            "called": ", ".join(
                f"{json.dumps(own)}: {json.dumps(there)}" for own, there in zip(labels, stream, strict=True)
            ),
            "labels": write_labels(labels),
            "source": write_labels(source),
            "open": "label_replace(",
            "close": f', "{labels[-1]}", "$1", "{source[-1]}", "(.+)")',
            "present": write_present(source, self.placeholders),
            "call_labels": write_labels(call_labels),
            "call_present": write_present(call_labels, self.placeholders),
            "client_present": write_present(clients, self.placeholders),
            "server": servers[-1],
            "server_namespace": next((label for label in servers[:-1] if "namespace" in label), "namespace"),
            "made": write_labels(label for label in labels if label not in self.native),
            "copies": write_labels(label for label in _COPIES if label not in (*source, *call_labels)),
            "name": labels[-1],
            "who": f"{{{labels[-1]}}}" if labels[-1].isidentifier() else "it",
            "namespace": next((label for label in labels[:-1] if "namespace" in label), "namespace"),
            "window": window if isinstance(window, str) else format_duration(window),
            "step": step if isinstance(step, str) else str(step),
        }
        for name, fragment in self.fragments.items():
            words[name] = Template(fragment).substitute(words)
        return words

    def _call_labels(self, labels: Sequence[str]) -> list[str]:
        swapped = self.clients or self.servers or ("", "")
        others = [swapped[1] + label.removeprefix(swapped[0]) for label in labels]
        return list(dict.fromkeys([*others, *labels] if self.clients else [*labels, *others]))


def pack_names() -> tuple[str, ...]:
    """Every pack there is."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.yaml")))


@cache
def read_pack(name: str) -> Pack:
    """One of `pack_names()`."""
    head, body = (_FOLDER / f"{name}.yaml").read_text(encoding="utf-8").split("\n---\n", 1)
    return Pack.model_validate({**yaml.safe_load(head), "name": name, "body": body})


def _quoted(label: str) -> str:
    return label if label.isidentifier() else json.dumps(label)


def _check(key: str, value: Any, usual: Any) -> None:
    """Whether a parameter is of the kind of its usual value; nothing else may get into a query."""
    if key == "window":
        if parse_duration(value) < 1:
            raise ValueError("shorter than a second")
    elif isinstance(usual, list):
        if not isinstance(value, list) or not value:
            raise ValueError(f"{value!r} should be a list, as [{', '.join(usual)}]")
        for one in value:
            check_label(str(one))
        if len(set(value)) < len(value):
            raise ValueError("the same label stands here twice")
    elif isinstance(usual, int):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
            raise ValueError(f"{value!r} is not a positive number")
    elif not isinstance(value, str) or not _WORD.fullmatch(value):
        raise ValueError(f"{value!r} is not a name; use letters, digits, underscores and colons")
