"""One web process with threads, and the clock beside it."""

import errno
import socket
import threading
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from datasource.service import Clock, Evaluator
from datasource.settings import Loaded, Settings
from datasource.settings.web import token_files
from datasource.web.access import Access
from datasource.web.app import create_app, is_loopback
from datasource.web.worker import Tls, Worker


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn with one worker process, in which the clock runs."""

    def __init__(self, loaded: Loaded, listen: str, tls: Tls | None = None) -> None:
        self._loaded = loaded
        self.tls = tls
        self._listen = listen
        self._clock: Clock | None = None
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options().items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Called in the worker process."""
        self._clock = Clock(Evaluator(self._loaded))
        self._clock.start()
        return create_app(self._clock, loopback=is_loopback(self._listen))

    def _options(self) -> dict[str, Any]:
        return {
            "bind": self._listen,
            "workers": 1,
            "worker_class": Worker,
            "timeout": 120,
            "graceful_timeout": 5,
            "loglevel": "warning",
            "proc_name": "causal-datasource",
            "worker_exit": self._worker_exit,
        }

    def _worker_exit(self, _arbiter: object, _worker: object) -> None:
        if self._clock is not None:
            self._clock.stop()


def in_use(listen: str) -> bool:
    """Whether somebody listens on host:port already."""
    host, _, port = listen.rpartition(":")
    try:
        with socket.create_server((host, int(port))):
            return False
    except OSError as error:
        return error.errno == errno.EADDRINUSE


def tls_of(settings: Settings) -> Tls | None:
    """The certificate that the settings name. Raises ValueError."""
    config = settings.web.tls_server_config
    if config is None:
        return None
    try:
        return Tls(config.cert_file, config.key_file)
    except OSError as error:
        why = error.strerror if error.filename else f"{error}; both files are PEM and belong together"
        path = error.filename or f"{config.cert_file} and {config.key_file}"
        raise ValueError(f"web.tls_server_config: {path} cannot be used: {why}") from None


def warnings_of(settings: Settings, listen: str, *, insecure: bool) -> list[str]:
    """What is to be said of who can reach this service. Raises ValueError where everybody could, and nobody said so."""
    if is_loopback(listen):
        return []
    said = []
    if Access(settings).reading_is_open:
        who = f"everybody who can reach {listen} may read what this service knows"
        if not insecure:
            raise ValueError(
                f"{who}; name a token, as web: {{tokens: {{grafana: {{file: /run/secrets/grafana-token}}}}}}, or "
                "say --insecure-listen where something else keeps strangers away"
            )
        said.append(f"{who}, for web.tokens names no token with the scope read and --insecure-listen is given")
    if settings.web.tls_server_config is None and token_files(settings.web, settings.writes):
        said.append("tokens travel in plain text: set web.tls_server_config, or let a proxy before this service do TLS")
    return said


def serve(loaded: Loaded, listen: str, tls: Tls | None = None) -> None:
    """Serve until SIGINT or SIGTERM. `listen` is host:port."""
    threading.current_thread().name = "web"
    Server(loaded, listen, tls).run()
