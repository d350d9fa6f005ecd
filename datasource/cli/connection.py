"""How `init` reaches a Prometheus, and how the file that it writes says so: secrets stay in files of their own."""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
from pydantic import ValidationError

from datasource.settings.http import split_user
from datasource.settings.prometheus import Prometheus

TENANT = "X-Scope-OrgID"
_SECRET_HEADER = re.compile(r"token|key|secret|auth|cookie|password", re.IGNORECASE)
_OWNER_ONLY = 0o600


class ConnectionRefusedHere(Exception):
    """The options do not go together; the text says which and what to change."""


class Connection(NamedTuple):
    """A Prometheus to ask; the further keys of the `prometheus` block; texts of the files that these name, by path."""

    prometheus: Prometheus
    keys: Mapping[str, Any]
    secrets: Mapping[Path, str]

    def write_secrets(self) -> Iterator[str]:
        """Write the files of secrets, which only their owner may read, and say so."""
        for path, text in self.secrets.items():
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY), "w") as file:
                file.write(text)
            path.chmod(_OWNER_ONLY)
            yield f"wrote {path}, a secret that only you can read"


class Asked(NamedTuple):
    """What the user wrote."""

    url: str
    headers: Sequence[str] = ()
    tenant: str | None = None
    username: str | None = None
    password_file: str | None = None
    bearer_token: str | None = None
    bearer_token_file: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    server_name: str | None = None
    insecure_skip_verify: bool = False
    proxy_url: str | None = None
    params: Sequence[str] = ()
    timeout: str | None = None


OPTIONS = (
    click.option("--header", "headers", multiple=True, help="A header of every request, as 'Name: value'; repeat it."),
    click.option("--tenant", default=None, help=f"The tenant of Mimir, Cortex or Loki; the same as {TENANT}."),
    click.option("--username", default=None, help="Of basic authentication, with --password-file."),
    click.option("--password-file", default=None, help="The file that holds the password."),
    click.option("--bearer-token-file", default=None, help="The file that holds a bearer token."),
    click.option("--bearer-token", default=None, envvar="CAUSAL_BEARER_TOKEN", help="A bearer token; kept in a file."),
    click.option("--ca-file", default=None, help="Authorities to trust instead of the system's (PEM)."),
    click.option("--cert-file", default=None, help="A client certificate to show, with --key-file."),
    click.option("--key-file", default=None, help="The key of the client certificate."),
    click.option("--server-name", default=None, help="The name in the server's certificate, if not the address'."),
    click.option("--insecure-skip-verify", is_flag=True, help="Do not check the server's certificate."),
    click.option("--proxy-url", default=None, help="The HTTP proxy to go through."),
    click.option("--param", "params", multiple=True, help="A parameter of every request, as dedup=true; repeat it."),
    click.option("--timeout", default=None, help="Of one request, as 30s."),
)


def connection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command with all options of how to reach a Prometheus."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def connect(asked: Asked, output: str) -> Connection:
    """The connection, and how a settings file at `output` says it. Raises ConnectionRefusedHere."""
    folder = Path(output).parent if output != "-" else Path()
    stem = Path(output).stem if output != "-" else "causal"
    secrets: dict[Path, str] = {}

    def kept(name: str, text: str) -> str:
        """The name of a file beside the settings that holds a secret."""
        path = folder / f"{stem}.{name}"
        secrets[path] = text
        return path.name

    keys: dict[str, Any] = {}
    url, user = split_user(asked.url)
    headers = dict(_header(one) for one in asked.headers)
    if asked.tenant:
        headers[TENANT] = asked.tenant
    token = asked.bearer_token
    kind = "Bearer"
    if authorization := next((headers.pop(name) for name in list(headers) if name.lower() == "authorization"), ""):
        if asked.bearer_token:
            raise ConnectionRefusedHere("a bearer token and --header Authorization are given; give one of them")
        kind, _, token = authorization.partition(" ")
        if kind.lower() == "basic":
            raise ConnectionRefusedHere("--header Authorization: Basic is what --username and --password-file are for")
    ways = [
        name
        for name, given in (
            ("--username", asked.username),
            ("a user in the address", user),
            ("--bearer-token-file", asked.bearer_token_file),
            ("a bearer token", token),
        )
        if given
    ]
    if len(ways) > 1:
        raise ConnectionRefusedHere(f"{' and '.join(ways)} exclude each other; keep one of them")
    if bool(asked.username) != bool(asked.password_file):
        raise ConnectionRefusedHere("--username and --password-file belong together; give both")
    if user:
        password = user.password.get_secret_value() if user.password else ""
        keys["basic_auth"] = {"username": user.username, "password_file": kept("password", password)}
    if asked.username and asked.password_file:
        keys["basic_auth"] = {"username": asked.username, "password_file": _beside(asked.password_file, folder)}
    if asked.bearer_token_file:
        keys["authorization"] = {"credentials_file": _beside(asked.bearer_token_file, folder)}
    if token:
        keys["authorization"] = {"credentials_file": kept("token", token)} | (
            {"type": kind} if kind != "Bearer" else {}
        )
    if headers:
        keys["http_headers"] = {
            name: {"files": [kept(name.lower(), value)]} if _SECRET_HEADER.search(name) else {"values": [value]}
            for name, value in headers.items()
        }
    tls = {
        name: _beside(path, folder)
        for name, path in (("ca_file", asked.ca_file), ("cert_file", asked.cert_file), ("key_file", asked.key_file))
        if path
    }
    tls |= {"server_name": asked.server_name} if asked.server_name else {}
    if tls or asked.insecure_skip_verify:
        keys["tls_config"] = tls | ({"insecure_skip_verify": True} if asked.insecure_skip_verify else {})
    if asked.proxy_url:
        keys["proxy_url"] = asked.proxy_url
    if asked.params:
        keys["params"] = dict(_param(one) for one in asked.params)
    if asked.timeout:
        keys["timeout"] = asked.timeout
    if secrets and output == "-":
        raise ConnectionRefusedHere(
            "a secret is kept in a file beside the settings; choose an --output, or give --password-file or "
            "--bearer-token-file"
        )
    return Connection(_prometheus(url, keys, secrets, folder), keys, secrets)


def _prometheus(url: str, keys: Mapping[str, Any], secrets: Mapping[Path, str], folder: Path) -> Prometheus:
    """The same as the file will say, with the secrets that are not yet in their files."""
    values: dict[str, Any] = {"url": url, **keys}
    by_name = {path.name: text for path, text in secrets.items()}
    if (auth := values.get("basic_auth")) and auth["password_file"] in by_name:
        values["basic_auth"] = {"username": auth["username"], "password": by_name[auth["password_file"]]}
    if (auth := values.get("authorization")) and auth["credentials_file"] in by_name:
        values["authorization"] = {"credentials": by_name[auth["credentials_file"]], "type": auth.get("type", "Bearer")}
    if "http_headers" in values:
        values["http_headers"] = {
            name: {"secrets": [by_name[header["files"][0]]]} if "files" in header else header
            for name, header in values["http_headers"].items()
        }
    try:
        return Prometheus.model_validate(values, context={"folder": folder})
    except ValidationError as error:
        detail = error.errors()[0]
        place = ".".join(map(str, detail["loc"]))
        said = str(detail["ctx"]["error"]) if "ctx" in detail and "error" in detail["ctx"] else detail["msg"]
        raise ConnectionRefusedHere(f"{place}: {said}" if place and place != "url" else said) from None


def as_options(text: str) -> str:
    """An error that names settings, in the words of the command line."""
    for setting, option in (
        ("prometheus.basic_auth, prometheus.authorization or prometheus.oauth2", "--username or --bearer-token-file"),
        (f"prometheus.http_headers.{TENANT}", "--tenant"),
        ("prometheus.basic_auth", "--username and --password-file"),
        ("prometheus.authorization", "--bearer-token-file"),
        ("prometheus.tls_config.ca_file", "--ca-file"),
        ("prometheus.tls_config.cert_file", "--cert-file"),
        ("prometheus.tls_config.server_name", "--server-name"),
        ("prometheus.tls_config.insecure_skip_verify", "--insecure-skip-verify"),
        ("prometheus.proxy_url", "--proxy-url"),
        ("prometheus.timeout", "--timeout"),
        ("prometheus.url", "--prometheus"),
    ):
        text = text.replace(setting, option)
    return text


def _header(text: str) -> tuple[str, str]:
    name, mark, value = text.partition(":") if ":" in text else text.partition("=")
    if not (name.strip() and mark):
        raise ConnectionRefusedHere(f"--header: '{name}' has no value; write it as 'Name: value'")
    return name.strip(), value.strip()


def _param(text: str) -> tuple[str, str]:
    name, mark, value = text.partition("=")
    if not (name and mark):
        raise ConnectionRefusedHere(f"--param: '{text}' has no value; write it as dedup=true")
    return name, value


def _beside(path: str, folder: Path) -> str:
    """A path as a settings file in a folder names it: relative where it lies there, else absolute."""
    whole, there = Path(path).resolve(), folder.resolve()
    return str(whole.relative_to(there)) if whole.is_relative_to(there) else str(whole)
