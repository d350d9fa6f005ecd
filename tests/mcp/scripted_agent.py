"""A scripted agent: it asks the tools of one `causal-datasource mcp`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from mcp import Client
from worlds import SETTINGS

from datasource.service import Clock


class Told(NamedTuple):
    """What a tool answered."""

    text: str
    failed: bool


class Agent:
    """A scripted client of one `causal-datasource mcp`."""

    def __init__(self, client: Client, call: Callable[..., Any]) -> None:
        self._client, self._call = client, call

    def tools(self) -> list[Any]:
        return list(self._call(self._client.list_tools).tools)

    def ask(self, tool: str, **arguments: object) -> Told:
        """One call of a tool."""
        answer = self._call(self._client.call_tool, tool, arguments)
        (content,) = answer.content
        return Told(content.text, answer.is_error)

    def answer(self, tool: str, **arguments: object) -> str:
        """What a tool answers, which is no failure."""
        told = self.ask(tool, **arguments)
        assert not told.failed, told.text
        return told.text

    def failure(self, tool: str, **arguments: object) -> str:
        """What a tool says that cannot answer."""
        told = self.ask(tool, **arguments)
        assert told.failed, told.text
        return told.text


class Running(NamedTuple):
    """A service on loopback, its clock and the file of the token that writes."""

    url: str
    clock: Clock
    token_file: Path


def settings_reading(url: str, file: Path) -> Path:
    """The shop's settings, reading another Prometheus."""
    file.write_text(SETTINGS.read_text(encoding="utf-8").replace("http://127.0.0.1:9090", url), encoding="utf-8")
    return file
