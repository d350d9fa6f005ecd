"""A service with an incident going on, the Prometheus that it reads, and a client that speaks to it over stdio."""

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from anyio.from_thread import start_blocking_portal
from mcp import Client, StdioServerParameters, stdio_client
from werkzeug.serving import make_server
from worlds import SETTINGS, START, STEP, World

from datasource.demo.samples import SampleStore
from datasource.demo.serving import BackgroundServer
from datasource.demo.standin import standin_app
from datasource.demo.standin_server import LABELS
from datasource.evaluation import Clock
from datasource.settings.web import Writes
from datasource.web.app import create_app

_SECONDS = 120
_LAST = 720
"""Steps of the shop that the Prometheus holds: six hours."""


class Told(NamedTuple):
    """What a tool answered."""

    text: str
    failed: bool


Ask = Callable[..., Told]


class Running(NamedTuple):
    """A service on loopback, its clock and the token that writes."""

    url: str
    clock: Clock
    token_file: Path


@pytest.fixture(scope="session")
def service(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The shop's service, which takes writes."""
    token = tmp_path_factory.mktemp("mcp") / "token"
    token.write_text("s3cret-tök3n\n", encoding="utf-8")
    evaluator = world.clock.evaluator
    usual = evaluator.settings
    evaluator.settings = usual.model_copy(update={"writes": Writes(token_file=token)})
    clock = Clock(evaluator, lambda: world.now)
    clock.snapshot, clock.health = world.clock.snapshot, world.clock.health
    server = make_server("127.0.0.1", 0, create_app(clock), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Running(f"http://127.0.0.1:{server.port}", clock, token)
    server.shutdown()
    thread.join()
    evaluator.settings = usual
    while not evaluator.marking.empty():
        evaluator.marking.get()


@pytest.fixture(scope="session")
def config(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Settings that read the shop's last hours from a Prometheus."""
    store, steps = SampleStore(), world.client.values.shape[1]
    times = [(START + STEP * step) * 1000 for step in range(steps - _LAST, steps)]
    for labels, values in zip(LABELS, world.client.values[:, -_LAST:].tolist(), strict=True):
        store.extend(labels, times, values)
    server = BackgroundServer(standin_app(store))
    file = tmp_path_factory.mktemp("mcp") / "causal.yaml"
    file.write_text(SETTINGS.read_text(encoding="utf-8").replace("http://127.0.0.1:9090", server.url), encoding="utf-8")
    yield file
    server.stop()


@pytest.fixture(scope="session")
def start() -> Iterator[Callable[..., Ask]]:
    """Starts `causal-datasource mcp` with options, and gives what asks its tools."""
    with start_blocking_portal() as portal:
        entered = []

        def begin(*options: str) -> Ask:
            command = StdioServerParameters(command=sys.executable, args=["-m", "datasource.cli", "mcp", *options])
            context = portal.wrap_async_context_manager(Client(stdio_client(command), read_timeout_seconds=_SECONDS))
            client = context.__enter__()
            entered.append(context)

            def ask(tool: str, **arguments: object) -> Told:
                answer = portal.call(client.call_tool, tool, arguments)
                (content,) = answer.content
                return Told(content.text, answer.is_error)

            ask.client, ask.portal = client, portal  # type: ignore[attr-defined]
            return ask

        yield begin
        for context in reversed(entered):
            context.__exit__(None, None, None)


@pytest.fixture(scope="session")
def ask(start: Callable[..., Ask], service: Running, config: Path) -> Ask:
    """Asks a tool of the shop's service, with a token that may write."""
    return start("--url", service.url, "--token-file", str(service.token_file), "--config", str(config))
