"""A requests session that keeps its secrets to the server they are for."""

from collections.abc import Callable
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import version
from typing import Any

import requests
from requests import PreparedRequest, Response

from datasource.prometheus.http.adapter import Adapter
from datasource.prometheus.http.proxies import proxy_for
from datasource.prometheus.http.tls import Tls
from datasource.settings.http import Proxying

_LONGEST_REDIRECT = 64 * 1024
_PART = 256 * 1024
"""Bytes that are handed on at once."""


class Session(requests.Session):
    """For the server at `url`.

    A redirect to another one carries none of `private`'s headers (in lower case), no Authorization and no client
    certificate. Nothing comes from the environment: no .netrc, no proxies; and no cookie is kept.
    """

    def __init__(self, url: str, tls: Tls, proxying: Proxying, private: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self.trust_env = False
        self.max_redirects = 10
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        # Identity, because decompressing costs more than a local network does.
        self.headers["Accept-Encoding"] = "identity"
        self.headers["User-Agent"] = f"causal-datasource/{version('causal-datasource')}"
        self._url = url
        self._tls = tls
        self._proxying = proxying
        self._private = private
        self._adapter = Adapter(lambda asked: tls.options(self.is_own(asked)) if asked.startswith("https:") else {})

    def is_own(self, url: str) -> bool:
        """Whether a URL is the server's that the secrets are for."""
        return not self.should_strip_auth(self._url, url)  # type: ignore[no-untyped-call]

    def get_redirect_target(self, resp: Response) -> str | None:
        """Where it redirects to; what else it says is not kept, however long that is."""
        target: str | None = super().get_redirect_target(resp)
        if target is not None and not resp._content:
            read_at_most(resp, _LONGEST_REDIRECT)
            resp._content = b""
        return target

    def get_adapter(self, url: str | bytes) -> Any:
        """One for all, whoever mounts others."""
        return self._adapter

    def send(self, request: PreparedRequest, **options: Any) -> Response:
        proxy = proxy_for(request.url or "", self._proxying)
        options["proxies"] = {"http": proxy, "https": proxy} if proxy else {}
        return super().send(request, **options)

    def rebuild_auth(self, prepared_request: PreparedRequest, response: Response) -> None:
        if not self.is_own(prepared_request.url or ""):
            for name in [*prepared_request.headers]:
                if name.lower() in self._private or name.lower() == "authorization":
                    del prepared_request.headers[name]
        super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        self._adapter.close()
        super().close()


def read_at_most(response: Response, most: int, take: Callable[[bytes], None] | None = None) -> bytes | None:
    """The body of a streamed answer, decompressed; None, and the connection closed, where it has more than `most`
    bytes. `take` is given its parts while they come."""
    parts: list[bytes] = []
    if (response.raw.length_remaining or 0) <= most:
        left = most
        while part := response.raw.read(_PART if take else left + 1, decode_content=True):
            left -= len(part)
            if left < 0:
                break
            parts.append(part)
            if take:
                take(part)
        else:
            return b"".join(parts)
    response.raw.close()
    return None
