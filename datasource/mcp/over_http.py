"""The tools over stateless HTTP, on loopback: each request is whole, and shows the token of whoever asks."""

import socket

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings

from datasource.mcp.server import AgentDoor
from datasource.mcp.service import RefusedError
from datasource.web.app import is_loopback

_NAMES = ["127.0.0.1:*", "localhost:*", "[::1]:*"]
"""Hosts that are answered; a stranger's page, whose name was made to resolve to this machine, gets nothing."""


def bound(listen: str) -> socket.socket:
    """A socket that listens on host:port. Raises RefusedError."""
    host, _, port = listen.rpartition(":")
    if not (host and port.isdigit() and int(port) < 65536):
        raise RefusedError(f"--listen: '{listen}' is not host:port; write it as 127.0.0.1:8322")
    if not is_loopback(listen):
        raise RefusedError(f"--listen: {host} is not loopback; listen on 127.0.0.1, behind a proxy with TLS")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), int(port)), family=family)
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise RefusedError(f"--listen: {listen} cannot be used ({why}); choose another") from None


def serve(door: AgentDoor, listener: socket.socket) -> None:
    """Answer POST /mcp until the process is told to end."""
    names = TransportSecuritySettings(allowed_hosts=_NAMES)
    app = door.streamable_http_app(json_response=True, stateless_http=True, transport_security=names)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])
