"""The `web` and `writes` blocks: who may ask this service, and over what."""

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from datasource.settings.block import Block
from datasource.settings.name import Name
from datasource.settings.secret import FilePath

Scope = Literal["read", "write", "sums"]
"""Whoever may write may read, and whoever may read may have the sums of `federation`; `sums` is these alone."""


class Token(Block):
    """A file of tokens, one a line, and what whoever shows one may do. Whoever may write may read."""

    file: FilePath
    scope: Scope = "read"


class TlsServerConfig(Block):
    """The certificate chain and the key of this service, in PEM."""

    cert_file: FilePath
    key_file: FilePath


class Web(Block):
    """Who may ask. Reading is open to everybody until a token for it is named."""

    tokens: dict[Name, Token] = Field(default={})
    tls_server_config: TlsServerConfig | None = None
    grafana_url: str = ""
    """Where Grafana is, for links of the page; empty where there is none."""

    @field_validator("grafana_url")
    @classmethod
    def _an_address(cls, url: str) -> str:
        if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc):
            raise ValueError(f"'{url}' is not an address; write it as https://grafana.example.com")
        return url.rstrip("/")


class Writes(Block):
    """Who may write: whoever shows the token in `token_file`, as a token of `web.tokens` with the scope write."""

    token_file: FilePath


def token_files(web: Web, writes: Writes | None) -> dict[str, tuple[Path, Scope]]:
    """Where the tokens are and what each may do, by the name of the setting that says so."""
    files: dict[str, tuple[Path, Scope]] = {
        f"web.tokens.{name}.file": (token.file, token.scope) for name, token in web.tokens.items()
    }
    if writes is not None:
        files["writes.token_file"] = writes.token_file, "write"
    return files
