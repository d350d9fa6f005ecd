"""A service with an incident going on, the Prometheus that it reads, and clients that speak to it over stdio."""

import copy
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from mcp import Client, StdioServerParameters, stdio_client
from scripted_agent import Agent, Running, settings_reading
from worlds import START, STEP, World

from datasource.demo.samples import SampleStore
from datasource.demo.serving import BackgroundServer
from datasource.demo.standin import standin_app
from datasource.demo.standin_server import LABELS
from datasource.interventions import InterventionLog
from datasource.settings.store import Store
from datasource.settings.web import Writes
from datasource.web.app import create_app

_SECONDS = 120
_LAST = 720
"""Steps of the shop that the Prometheus holds: six hours."""


@pytest.fixture(scope="session")
def service(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The shop's service, which takes writes."""
    token = tmp_path_factory.mktemp("mcp") / "token"
    token.write_text("s3cret-tök3n\n", encoding="utf-8")
    clock = copy.copy(world.clock)
    clock.evaluator = copy.copy(world.clock.evaluator)
    clock.evaluator.settings = clock.evaluator.settings.model_copy(update={"writes": Writes(token_file=token)})
    clock.evaluator.interventions = InterventionLog(Store(directory=token.parent))
    server = BackgroundServer(create_app(clock))
    yield Running(server.url, clock, token)
    server.stop()


@pytest.fixture(scope="session")
def config(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Settings that read the shop's last hours from a Prometheus."""
    store, steps = SampleStore(), world.client.values.shape[1]
    times = [(START + STEP * step) * 1000 for step in range(steps - _LAST, steps)]
    for labels, values in zip(LABELS, world.client.values[:, -_LAST:].tolist(), strict=True):
        store.extend(labels, times, values)
    server = BackgroundServer(standin_app(store))
    yield settings_reading(server.url, tmp_path_factory.mktemp("mcp") / "causal.yaml")
    server.stop()


@pytest.fixture(scope="session")
def connect() -> Iterator[Callable[..., Agent]]:
    """Connects an agent over a transport, until the tests end."""
    with start_blocking_portal() as portal, ExitStack() as ended:

        def begin(transport: Any) -> Agent:
            client = Client(transport, read_timeout_seconds=_SECONDS)
            ended.enter_context(portal.wrap_async_context_manager(client))
            return Agent(client, portal.call)

        yield begin


@pytest.fixture(scope="session")
def start(connect: Callable[..., Agent]) -> Callable[..., Agent]:
    """Starts `causal-datasource mcp` with options, over stdio."""

    def begin(*options: str) -> Agent:
        arguments = ["-m", "datasource.cli", "mcp", *options]
        return connect(
            stdio_client(StdioServerParameters(command=sys.executable, args=arguments, env=dict(os.environ)))
        )

    return begin


@pytest.fixture(scope="session")
def agent(start: Callable[..., Agent], service: Running, config: Path) -> Agent:
    """An agent with a token that may write."""
    return start("--url", service.url, "--token-file", str(service.token_file), "--config", str(config))
