"""The headers that say who we are, from settings and files that are read again for every request."""

import base64
from pathlib import Path
from urllib.parse import quote

from pydantic import SecretStr
from requests import PreparedRequest
from requests.auth import AuthBase

from datasource.prometheus.errors import PrometheusError
from datasource.prometheus.http.oauth2 import TokenSource
from datasource.prometheus.http.secrets import read_secret
from datasource.settings.http import HttpConfig

_HIDDEN = "<secret>"
_SHORTEST = 4
"""A shorter secret is not looked for in texts: it would be found everywhere."""


class Credentials(AuthBase):
    """Puts the headers of an `http_config` on a request. `block` is where it stands in the settings."""

    def __init__(self, config: HttpConfig, block: str) -> None:
        self.config = config
        self.block = block
        self._tokens = TokenSource(config.oauth2, f"{block}.oauth2") if config.oauth2 else None
        self._known: set[str] = set()

    @property
    def setting(self) -> str:
        """The key to look at when the server does not accept us; empty when no credentials are configured."""
        config = self.config
        for name in ("basic_auth", "authorization", "oauth2"):
            if (block := getattr(config, name)) is not None:
                files = [key for key in type(block).model_fields if key.endswith("_file") and getattr(block, key)]
                return f"{self.block}.{name}" + (f".{files[-1]}" if files else "")
        secret = [name for name, header in config.http_headers.items() if header.secrets or header.files]
        return f"{self.block}.http_headers.{secret[0]}" if secret else ""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Raises PrometheusError ("unauthorised") where a secret cannot be had."""
        for name, value in self.headers().items():
            try:
                value.encode("latin-1")
            except UnicodeEncodeError:
                ascii_only = False
            else:
                ascii_only = not set(value) & {"\r", "\n", "\0"}
            if not ascii_only:
                raise PrometheusError(
                    "unauthorised",
                    f"{self.setting or self.block + '.http_headers'}: the header {name} would hold a line break, or "
                    "letters that headers cannot; look at what is written or in the file",
                )
            request.headers[name] = value
        return request

    def renewed(self, sent: str) -> bool:
        """Whether there are other credentials than the refused Authorization, which is not used again."""
        if self._tokens:
            self._tokens.forget(sent.removeprefix("Bearer "))
            return True
        return self._authorization() != sent

    def hide(self, text: str) -> str:
        """The same text without any secret that has been used."""
        tokens = self._tokens.known if self._tokens else set()
        for secret in sorted(self._known | tokens, key=len, reverse=True):
            if len(secret) >= _SHORTEST:
                text = text.replace(secret, _HIDDEN).replace(quote(secret, safe=""), _HIDDEN)
        return text

    def headers(self) -> dict[str, str]:
        """Every header, Authorization included. Raises PrometheusError ("unauthorised")."""
        headers = {}
        for name, header in self.config.http_headers.items():
            files = [self._read(None, file, f"http_headers.{name}.files") for file in header.files]
            secrets = [self._read(secret, None, "") for secret in header.secrets]
            headers[name] = ", ".join([*header.values, *secrets, *files])
        if authorization := self._authorization():
            headers["Authorization"] = authorization
        return headers

    def _authorization(self) -> str:
        config = self.config
        if self._tokens:
            return f"Bearer {self._tokens.token()}"
        if config.authorization:
            token = config.authorization
            secret = self._read(token.credentials, token.credentials_file, "authorization.credentials_file")
            return f"{token.type} {secret}"
        if config.basic_auth:
            user = config.basic_auth
            name = user.username
            if user.username_file:
                name = read_secret(None, user.username_file, f"{self.block}.basic_auth.username_file")
            password = self._read(user.password, user.password_file, "basic_auth.password_file")
            encoded = base64.b64encode(f"{name}:{password}".encode()).decode()
            self._known.add(encoded)
            return f"Basic {encoded}"
        return ""

    def _read(self, inline: SecretStr | None, file: Path | None, key: str) -> str:
        secret = read_secret(inline, file, f"{self.block}.{key}")
        self._known.add(secret)
        return secret
