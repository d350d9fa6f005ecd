"""Logs: one format for all processes, text or JSON, with the id of the request that a line is about."""

import json
import logging
import os
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal, get_args

Format = Literal["text", "json"]
FORMATS: tuple[Format, ...] = get_args(Format)
LEVELS = ("debug", "info", "warning", "error")
LEVEL_VARIABLE, FORMAT_VARIABLE = "CAUSAL_LOG_LEVEL", "CAUSAL_LOG_FORMAT"
"""Environment variables by which the other processes of the service know."""

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""That of the request that is being answered; empty outside of one."""


def begin_logging(level: str | None = None, form: str | None = None, process: str = "") -> None:
    """Log to standard error from now on, as the options say or the environment does, and let child processes do so."""
    chosen = (level or os.environ.get(LEVEL_VARIABLE) or "info").lower()
    shape = (form or os.environ.get(FORMAT_VARIABLE) or "text").lower()
    os.environ[LEVEL_VARIABLE], os.environ[FORMAT_VARIABLE] = chosen, shape
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json(process) if shape == "json" else _Text())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("datasource").setLevel(chosen.upper() if chosen in LEVELS else "INFO")


class _Text(logging.Formatter):
    """A line for people."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        line, asked = super().format(record), request_id.get()
        return f"{line} [request {asked}]" if asked else line


class _Json(logging.Formatter):
    """A line for machines: one JSON object, whatever the message holds."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "process": self._process or record.processName,
            "pid": record.process,
            "thread": record.threadName,
        }
        if asked := request_id.get():
            told["request_id"] = asked
        told |= getattr(record, "fields", {})
        if record.exc_info:
            told["exception"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(told, ensure_ascii=False, default=str)
