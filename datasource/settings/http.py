"""How to reach a server over HTTP, in the words of Prometheus' own `http_config`."""

from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from datasource.settings.block import Block
from datasource.settings.secret import FilePath, Secret, hide_userinfo

_RESERVED_HEADERS = {
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "proxy-authorization",
    "transfer-encoding",
}


def _check_url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError(f"{hide_userinfo(value)!r} is not an address; write it as http://prometheus:9090")
    return value.rstrip("/")


def _check_proxy(value: SecretStr) -> SecretStr:
    parts = urlsplit(value.get_secret_value())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not the address of an HTTP proxy; write it as http://proxy:3128")
    return value


Url = Annotated[str, AfterValidator(_check_url)]
"""An address, without the slash at its end."""


class TlsConfig(Block):
    """Whom to trust, and which certificate to show.

    `ca_file` or `ca` (PEM) replaces the system's authorities. `server_name` is the name that the server's certificate
    must be for, where that is not the URL's host.
    """

    ca_file: FilePath | None = None
    ca: str = ""
    cert_file: FilePath | None = None
    key_file: FilePath | None = None
    server_name: str = ""
    insecure_skip_verify: bool = False
    min_version: Literal["TLS10", "TLS11", "TLS12", "TLS13"] = "TLS12"

    @model_validator(mode="after")
    def _consistent(self) -> "TlsConfig":
        if self.ca_file and self.ca:
            raise ValueError("both ca_file and ca; keep one of them")
        if self.key_file and not self.cert_file:
            raise ValueError("key_file without cert_file; a client certificate needs both")
        return self


class Proxying(Block):
    """Through which HTTP proxy. Without these keys the environment's HTTP_PROXY is not looked at."""

    proxy_url: Annotated[Secret, AfterValidator(_check_proxy)] | None = None
    no_proxy: str = ""
    proxy_from_environment: bool = False

    @model_validator(mode="after")
    def _one_proxy(self) -> "Proxying":
        if self.proxy_url and self.proxy_from_environment:
            raise ValueError("both proxy_url and proxy_from_environment; keep one of them")
        if self.no_proxy and not self.proxy_url:
            raise ValueError("no_proxy without proxy_url; the environment has its own NO_PROXY")
        return self


class BasicAuth(Block):
    """A user name and a password, each written here or read from a file."""

    username: str = ""
    username_file: FilePath | None = None
    password: Secret | None = None
    password_file: FilePath | None = None

    @model_validator(mode="after")
    def _one_of_each(self) -> "BasicAuth":
        if self.username and self.username_file:
            raise ValueError("both username and username_file; keep one of them")
        if self.password and self.password_file:
            raise ValueError("both password and password_file; keep one of them")
        if not (self.username or self.username_file):
            raise ValueError("no username; give username or username_file")
        return self


class Authorization(Block):
    """An `Authorization` header: a type and a token."""

    type: str = "Bearer"
    credentials: Secret | None = None
    credentials_file: FilePath | None = None

    @field_validator("type")
    @classmethod
    def _not_basic(cls, value: str) -> str:
        if value.strip().lower() == "basic":
            raise ValueError("Basic is what basic_auth is for; use that block")
        return value.strip()

    @model_validator(mode="after")
    def _one(self) -> "Authorization":
        if (self.credentials is None) == (self.credentials_file is None):
            raise ValueError("give either credentials or credentials_file")
        return self


class OAuth2(Proxying):
    """Client credentials (RFC 6749, section 4.4) that a token server turns into a bearer token."""

    client_id: str = Field(min_length=1)
    client_secret: Secret | None = None
    client_secret_file: FilePath | None = None
    scopes: tuple[str, ...] = ()
    token_url: Url
    endpoint_params: dict[str, str] = Field(default={})
    tls_config: TlsConfig = TlsConfig()

    @model_validator(mode="after")
    def _one(self) -> "OAuth2":
        if (self.client_secret is None) == (self.client_secret_file is None):
            raise ValueError("give either client_secret or client_secret_file")
        return self


class Header(Block):
    """The values of one header, open, secret, or each from a file; several are joined by commas."""

    values: tuple[str, ...] = ()
    secrets: tuple[Secret, ...] = ()
    files: tuple[FilePath, ...] = ()

    @model_validator(mode="after")
    def _some(self) -> "Header":
        if not (self.values or self.secrets or self.files):
            raise ValueError("no value; give values, secrets or files, each a list")
        return self


class HttpConfig(Proxying):
    """Everything that Prometheus calls `http_config`."""

    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    oauth2: OAuth2 | None = None
    tls_config: TlsConfig = TlsConfig()
    http_headers: dict[str, Header] = Field(default={})
    follow_redirects: bool = True

    @field_validator("http_headers")
    @classmethod
    def _ours_are_reserved(cls, headers: dict[str, Header]) -> dict[str, Header]:
        for name in headers:
            if name.lower() in _RESERVED_HEADERS:
                raise ValueError(f"the header {name} is set from other keys; remove it here")
        return headers

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> "HttpConfig":
        given = [name for name in ("basic_auth", "authorization", "oauth2") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} exclude each other; keep one of them")
        return self


class HttpServer(HttpConfig):
    """A server at `url`."""

    url: Url

    @model_validator(mode="before")
    @classmethod
    def _user_out_of_the_url(cls, data: Any) -> Any:
        """A user:password@ in the URL becomes basic_auth, so that nobody shows it with the URL."""
        url = data.get("url") if isinstance(data, dict) else None
        clean, user = split_user(url) if isinstance(url, str) else (url, None)
        if user is None:
            return data
        for name in ("basic_auth", "authorization", "oauth2"):
            if data.get(name) is not None:
                raise ValueError(f"url holds a user, and {name} is there too; keep one of them")
        return {**data, "url": clean, "basic_auth": user}


def split_user(url: str) -> tuple[str, BasicAuth | None]:
    """A URL without its user:password@, and these.

    >>> split_user("http://me:hunter2@prometheus:9090")[0]
    'http://prometheus:9090'
    """
    if (clean := hide_userinfo(url)) == url:
        return url, None
    user, _, password = urlsplit(url).netloc.rpartition("@")[0].partition(":")
    return clean, BasicAuth(username=unquote(user), password=SecretStr(unquote(password)))
