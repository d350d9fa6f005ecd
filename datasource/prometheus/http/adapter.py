"""Connections that keep a deadline and use the TLS context they are told to."""

import socket
from collections.abc import Callable
from typing import Any

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.response import HTTPResponse

from datasource.prometheus.http.deadline import current_deadline

_CONNECTIONS = 64
"""Connections kept open to a server, the largest concurrency that the settings allow."""


def _watch(one: socket.socket) -> None:
    if deadline := current_deadline():
        deadline.watch(one)


class _Plain(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        one = super()._new_conn()
        _watch(one)
        return one

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        _watch(self.sock)
        return super().getresponse()


class _Secure(_Plain, HTTPSConnection):
    """The same, over TLS."""


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


_POOLS = {"http": _PlainPool, "https": _SecurePool}


class Adapter(HTTPAdapter):
    """`tls_options(url)` are urllib3's keyword arguments for a connection to a URL."""

    def __init__(self, tls_options: Callable[[str], dict[str, Any]]) -> None:
        self._tls_options = tls_options
        super().__init__(pool_maxsize=_CONNECTIONS)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def build_connection_pool_key_attributes(
        self, request: PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, self._tls_options(request.url or "")

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """The context knows whom to trust; requests would add its own authorities."""
