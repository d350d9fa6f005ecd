"""One web process with threads, and the clock beside it."""

import errno
import socket
import threading
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from datasource.evaluation import Clock, Evaluator
from datasource.settings import Loaded
from datasource.web.app import create_app, is_loopback
from datasource.web.worker import Worker


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn with one worker process, in which the clock runs."""

    def __init__(self, loaded: Loaded, listen: str) -> None:
        self._loaded = loaded
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


def serve(loaded: Loaded, listen: str) -> None:
    """Serve until SIGINT or SIGTERM. `listen` is host:port."""
    threading.current_thread().name = "web"
    Server(loaded, listen).run()
