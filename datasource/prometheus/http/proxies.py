"""Through which proxy a URL is reached."""

import ipaddress
from urllib.parse import urlsplit
from urllib.request import getproxies_environment

from datasource.settings.http import Proxying

_PORTS = {"http": 80, "https": 443}


def proxy_for(url: str, config: Proxying) -> str:
    """The address of the proxy for a URL, empty for none. The environment only counts where the settings say so."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or _PORTS.get(parts.scheme, 0)
    if config.proxy_from_environment:
        environment = getproxies_environment()
        local = host == "localhost" or _is_loopback(host)
        if local or bypasses(host, port, environment.get("no", "")):
            return ""
        return environment.get(parts.scheme, "")
    if config.proxy_url is None or bypasses(host, port, config.no_proxy):
        return ""
    return config.proxy_url.get_secret_value()


def bypasses(host: str, port: int, no_proxy: str) -> bool:
    """Whether a list like NO_PROXY's names a host: names with their subdomains, addresses, networks, `*`.

    >>> bypasses("prometheus.corp", 9090, "10.0.0.0/8, corp"), bypasses("10.1.2.3", 80, "10.0.0.0/8")
    (True, True)
    >>> bypasses("prometheus.corp", 9090, "corp:80")
    False
    """
    return any(_names(entry.strip().lower(), host.lower(), port) for entry in no_proxy.split(",") if entry.strip())


def _names(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        pass
    name, colon, wanted = entry.rpartition(":")
    if colon and wanted.isdigit():
        return int(wanted) == port and _names(name, host, port)
    suffix = entry.removeprefix("*")
    return host == suffix or host.endswith(suffix if suffix.startswith(".") else f".{suffix}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
