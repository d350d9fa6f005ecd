"""Pages to open in a browser: of a clock, or of an application."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from browser import Page
from flask import Flask
from werkzeug.serving import make_server
from worlds import SETTINGS, World

from datasource.service import Clock, Snapshot
from datasource.settings import Loaded, load_settings
from datasource.web.app import create_app

HOSTILE = "<img src=x onerror=alert(1)>"


@contextmanager
def served(clock: Clock) -> Iterator[str]:
    """The address of an application serving a clock."""
    with served_app(create_app(clock)) as url:
        yield url


@contextmanager
def served_app(app: Flask) -> Iterator[str]:
    """The address of an application."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()


def without_effects() -> Loaded:
    settings, fingerprint = load_settings(SETTINGS)
    return Loaded(settings.model_copy(update={"effects": ()}), fingerprint)


def snapshot_of(world: World) -> Snapshot:
    assert world.clock.snapshot is not None
    return world.clock.snapshot


def in_page(page: Page, module: str, call: str) -> object:
    """What a function of one of the page's modules gives."""
    return page.run(f"import('/page/{module}.js').then((module) => module.{call})")
