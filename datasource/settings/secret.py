"""Secrets in causal.yaml: what is read from it is never shown again."""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, SecretStr, ValidationInfo

_USERINFO = re.compile(r"(?<=//)[^/?#\s]*@")
_SECRET_BLOCKS = {"authorization", "basic_auth", "http_headers", "oauth2", "tls_config", "tokens", "writes"}
_SECRET_KEYS = {"proxy_url", "url"}


def hide_userinfo(text: str) -> str:
    """The same text without the user:password@ of any URL in it.

    >>> hide_userinfo("http://me:hunter2@prometheus:9090")
    'http://prometheus:9090'
    """
    return _USERINFO.sub("", text)


def may_be_secret(place: tuple[str | int, ...]) -> bool:
    """Whether what stands at a place of causal.yaml must not be repeated in a message."""
    return bool(_SECRET_BLOCKS & set(place)) or bool(place and place[-1] in _SECRET_KEYS)


def _as_text(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        raise ValueError("not a text; put it in quotes")
    return value


def _beside_the_file(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    return Path(folder) / path if folder else path


Secret = Annotated[SecretStr, BeforeValidator(_as_text)]
"""A text that neither repr nor JSON shows."""

FilePath = Annotated[Path, AfterValidator(_beside_the_file)]
"""A file, relative to the folder of the settings file."""
