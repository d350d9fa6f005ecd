"""One web process with threads, and the process that evaluates beside it."""

import errno
import logging
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from math import inf
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from datasource.service.asked_effects import AskedEffects
from datasource.service.logs import begin_logging
from datasource.service.process import SettingsFile, command
from datasource.service.publication import STATE, TROUBLE, Subscriber, new_folder
from datasource.service.publishing_clock import HUNG
from datasource.service.tracing import begin_tracing, end_tracing
from datasource.settings import Loaded, Settings
from datasource.settings.web import token_files
from datasource.web.access import Access
from datasource.web.app import create_app, is_loopback
from datasource.web.worker import Tls, Worker

log = logging.getLogger(__name__)

_BETWEEN_STARTS = 1.0
"""Seconds between two starts of it."""
_STOPPING = 25.0
"""Seconds in which it may end by itself: an experiment that goes on is rolled back, the lease given back."""


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn with one web process; beside it the process that evaluates, which is replaced when it dies or hangs."""

    def __init__(self, loaded: Loaded, file: SettingsFile, listen: str, tls: Tls | None = None) -> None:
        self._loaded, self._file = loaded, file
        self.tls = tls
        self._listen = listen
        self._folder = new_folder()
        self._evaluator: subprocess.Popen[bytes] | None = None
        self._starts = 0
        self._started = 0.0
        self._subscriber: Subscriber | None = None
        self._asked_effects: AskedEffects | None = None
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options().items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Called in the web process."""
        begin_logging(process="web")
        begin_tracing("web")
        self._subscriber = Subscriber(self._loaded.settings, self._folder)
        self._subscriber.start()
        app = create_app(self._subscriber, loopback=is_loopback(self._listen))
        self._asked_effects = app.extensions["asked_effects"]
        return app

    def run(self) -> None:
        first = os.getpid()
        try:
            _Arbiter(self).run()
        finally:
            if os.getpid() == first:  # the web process comes by here, too
                self.stop_evaluating()
                shutil.rmtree(self._folder, ignore_errors=True)

    def keep_evaluating(self) -> None:
        """Start the process that evaluates where there is none, or none that has said anything for long."""
        if self._evaluator is not None:
            if self._evaluator.poll() is None:
                if time.monotonic() - max(self._started, self._last_word()) < HUNG:
                    return
                log.error("the process that evaluates has said nothing for %.0f minutes; it is replaced", HUNG / 60)
                self._evaluator.kill()
            elif time.monotonic() - self._started < _BETWEEN_STARTS:
                return
            else:
                log.error("the process that evaluates was lost; it is replaced")
        self._evaluator = subprocess.Popen(command(self._file, self._folder, self._starts), stdin=subprocess.DEVNULL)
        self._starts, self._started = self._starts + 1, time.monotonic()

    def read_settings(self) -> None:
        """Let the process that evaluates read its settings anew."""
        if self._evaluator is not None:
            self._evaluator.send_signal(signal.SIGHUP)

    def stop_evaluating(self) -> None:
        """End it, gently at first."""
        if self._evaluator is not None:
            self._evaluator.terminate()
            try:
                self._evaluator.wait(_STOPPING)
            except subprocess.TimeoutExpired:
                self._evaluator.kill()
                self._evaluator.wait()

    def _last_word(self) -> float:
        """When it published last, or said why it cannot, in seconds of the monotonic clock."""
        said = [one.stat().st_mtime for one in (self._folder / STATE, self._folder / TROUBLE) if one.exists()]
        age = time.time() - max(said, default=-inf)
        return time.monotonic() - max(age, 0.0)

    def _options(self) -> dict[str, Any]:
        return {
            "bind": self._listen,
            "workers": 1,
            "worker_class": Worker,
            "timeout": 120,
            "graceful_timeout": 5,
            "loglevel": "warning",
            "logger_class": _Logger,
            "proc_name": "causal-datasource",
            "worker_exit": self._worker_exit,
        }

    def _worker_exit(self, _arbiter: object, _worker: object) -> None:
        if self._subscriber is not None:
            self._subscriber.stop()
        if self._asked_effects is not None:
            self._asked_effects.stop()
        end_tracing()


class _Logger(Logger):  # type: ignore[misc]
    """What gunicorn says, as everybody else says it."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class _Arbiter(Arbiter):  # type: ignore[misc]
    """The process that starts the others, and replaces what is lost, once a second."""

    app: Server

    def manage_workers(self) -> None:
        self.app.keep_evaluating()
        super().manage_workers()

    def handle_hup(self) -> None:
        self.app.read_settings()

    def stop(self, graceful: bool = True) -> None:
        self.app.stop_evaluating()
        super().stop(graceful)


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


def serve(loaded: Loaded, file: SettingsFile, listen: str, tls: Tls | None = None) -> None:
    """Serve until SIGINT or SIGTERM; SIGHUP reads the settings anew. `listen` is host:port."""
    threading.current_thread().name = "web"
    Server(loaded, file, listen, tls).run()
