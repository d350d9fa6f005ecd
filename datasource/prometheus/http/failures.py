"""What requests and urllib3 raise, as errors that say which setting to look at."""

from typing import NamedTuple

import requests
from urllib3.exceptions import NewConnectionError, TimeoutError

from datasource.prometheus.errors import PrometheusError
from datasource.prometheus.http.proxies import proxy_for
from datasource.prometheus.http.tls import Tls, find_ssl_error
from datasource.settings.http import Proxying
from datasource.settings.secret import hide_userinfo


class Server(NamedTuple):
    """Whom we ask: its address without secrets, the settings' block, the key of the address in it, and seconds."""

    url: str
    block: str
    key: str
    timeout: float
    tls: Tls
    proxying: Proxying

    def timed_out(self) -> PrometheusError:
        """The error for an answer that did not come in time."""
        raised = f"raise {self.block}.timeout"
        advice = f"{raised}, shorten the baseline, or record the query as a rule"
        return PrometheusError(
            "timeout",
            f"{self.url} did not answer within {self.timeout:g} s; {advice if self.block == 'prometheus' else raised}",
        )

    def failed(self, error: Exception) -> PrometheusError:
        """The error for what requests or urllib3 raised."""
        if isinstance(error, (requests.Timeout, TimeoutError)):
            return self.timed_out()
        if (tls := find_ssl_error(error)) is not None:
            return PrometheusError("tls", self.tls.explain(tls, self.url))
        if isinstance(error, requests.exceptions.ProxyError):
            return self._by_proxy(error)
        if isinstance(error, requests.TooManyRedirects):
            return PrometheusError("unreachable", f"{self.url} redirects in a circle; check {self.key}")
        return PrometheusError(
            "unreachable", f"{self.url} cannot be reached ({_reason(error)}); check {self.key} and that it runs"
        )

    def _by_proxy(self, error: Exception) -> PrometheusError:
        proxy = hide_userinfo(proxy_for(self.url, self.proxying))
        setting = "HTTP_PROXY" if self.proxying.proxy_from_environment else f"{self.block}.proxy_url"
        if "407" in str(error):
            return PrometheusError(
                "unauthorised",
                f"the proxy {proxy} wants other credentials; write {setting} as http://user:password@host:port",
            )
        return PrometheusError(
            "unreachable",
            f"{self.url} cannot be reached through the proxy {proxy} ({_reason(error)}); check {setting}",
        )


def never_connected(error: requests.RequestException) -> bool:
    """Whether nothing was sent, so that trying again costs the server nothing."""
    inner = error.args[0] if error.args else None
    return isinstance(getattr(inner, "reason", inner), NewConnectionError)


def _reason(error: Exception) -> str:
    text = str(error)
    for sign, reason in (
        ("Connection refused", "connection refused"),
        ("Name or service not known", "unknown host name"),
        ("Temporary failure in name resolution", "the host name does not resolve"),
        ("Failed to resolve", "the host name does not resolve"),
        ("No route to host", "no route to host"),
        ("RemoteDisconnected", "it closed the connection without an answer"),
        ("ConnectionResetError", "it reset the connection"),
        ("IncompleteRead", "it closed the connection in the middle of the answer"),
        ("Tunnel connection failed", "it does not let us through"),
    ):
        if sign in text:
            return reason
    return type(error).__name__
