"""The tools over stateless HTTP: on loopback only, with the token of whoever asks."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
import requests
from click.testing import CliRunner
from mcp.client.streamable_http import streamable_http_client
from scripted_agent import Agent, Running

from datasource.cli import main
from datasource.settings.web import Token

HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def address(service: Running, config: Path) -> Iterator[str]:
    """Where `causal-datasource mcp --listen` answers."""
    command = [sys.executable, "-m", "datasource.cli", "mcp", "--listen", "127.0.0.1:0", "--url", service.url]
    with subprocess.Popen(
        [*command, "--config", str(config)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().split()[4].rstrip(",")
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def agents(address: str, connect: Callable[..., Agent]) -> Callable[[str], Agent]:
    """Connects an agent that shows a token."""

    def begin(token: str) -> Agent:
        shown = {"Authorization": f"Bearer {token}".encode()} if token else {}
        return connect(streamable_http_client(address, http_client=httpx2.AsyncClient(headers=shown, timeout=60)))

    return begin


def test_who_asks_shows_their_own_token(agents: Callable[[str], Agent], service: Running) -> None:
    said = {"incident": "newest", "action": "close", "reason": "over", "by": "ann"}
    assert agents("").answer("whats_wrong").startswith("At 2023-11-16T22:13:00Z: 1 incident open")
    assert "no token; send the one in" in agents("").failure("mark_incident", **said)
    assert service.clock.evaluator.marking.empty()
    writer = agents(service.token_file.read_text(encoding="utf-8").strip())
    assert "it will be closed with the next evaluation" in writer.answer("mark_incident", **said)
    assert "over" in repr(service.clock.evaluator.marking.get_nowait())


def test_who_may_not_read_may_not_ask_prometheus_either(
    agents: Callable[[str], Agent], service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = service.clock.evaluator.settings
    web = usual.web.model_copy(update={"tokens": {"reader": Token(file=service.token_file, scope="read")}})
    monkeypatch.setattr(service.clock.evaluator, "settings", usual.model_copy(update={"web": web, "writes": None}))
    for tool, arguments in (("whats_wrong", {}), ("explain_change", {"query": "service:busy_seconds:rate30s"})):
        assert agents("").failure(tool, **arguments).startswith("no token; send the one in web.tokens.reader")


def test_no_files_are_read_for_others(agents: Callable[[str], Agent]) -> None:
    times = {"normal_from": "1", "normal_to": "2", "incident_from": "3", "incident_to": "4"}
    for asked in ({"normal_csv": "/etc/passwd", "incident_csv": "/etc/passwd"}, {**times, "calls_csv": "/etc/passwd"}):
        text = agents("").failure("rank_windows", **asked)
        assert text == "no files are read for whoever asks over HTTP; give the four times"


def test_one_request_is_enough(address: str) -> None:
    called = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whats_wrong", "arguments": {}}}
    answer = requests.post(address, json=called, headers=HEADERS, timeout=60)
    assert answer.json()["result"]["content"][0]["text"].startswith("At 2023-11-16T22:13:00Z: 1 incident open")


@pytest.mark.parametrize("header", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
def test_pages_of_strangers_get_nothing(address: str, header: dict[str, str]) -> None:
    listed = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    answer = requests.post(address, json=listed, headers=HEADERS | header, timeout=60)
    assert answer.status_code in (403, 421)
    assert "whats_wrong" not in answer.text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--listen", "8322"), "--listen: '8322' is not host:port; write it as 127.0.0.1:8322\n"),
        (("--listen", "0.0.0.0:8322"), "--listen: 0.0.0.0 is not loopback; listen on 127.0.0.1, behind a proxy"),
        (("--listen", "127.0.0.1:1", "--token-file", "t"), "--token-file: over HTTP each client sends its own token"),
        (("--url", "shop:8321"), "--url: 'shop:8321' is not an address; write it as http://127.0.0.1:8321\n"),
    ],
)
def test_what_cannot_be_begun_is_said(options: tuple[str, ...], said: str) -> None:
    result = CliRunner().invoke(main, ["mcp", *options])
    assert result.exit_code == 2
    assert result.stderr.startswith(said)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("datasource.mcp.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp.server.mcpserver", None)
    result = CliRunner().invoke(main, ["mcp"])
    assert result.exit_code == 2
    assert result.stderr.endswith("is not installed; pip install 'causal-datasource[mcp]'\n")
