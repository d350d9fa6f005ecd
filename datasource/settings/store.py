"""The `store` block: what outlives the process, and where."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, model_validator

from datasource.settings.block import Block
from datasource.settings.duration import Duration
from datasource.settings.secret import FilePath, Secret

_SCHEMES = ("sqlite", "postgresql")


def check_database(url: str) -> str:
    """The same address of a database. Raises ValueError, without repeating it: it may hold a password."""
    scheme, separator, _ = url.partition("://")
    if not separator or scheme.partition("+")[0] not in _SCHEMES:
        raise ValueError("not the address of a database; write it as postgresql://user:password@host:5432/name")
    return url


def _check(url: SecretStr) -> SecretStr:
    check_database(url.get_secret_value())
    return url


class Store(Block):
    """Incidents are kept in SQLite in `directory`, relative to where the service is started, or in the database at
    `url`, which may be read from `url_file`; for so long as `keep` after they ended. The log of interventions lies
    there, too, and is never shortened."""

    directory: Path = Path("causal-data")
    url: Annotated[Secret, AfterValidator(_check)] | None = None
    url_file: FilePath | None = None
    keep: Duration = Field(default=90 * 86400.0, ge=3600)

    @model_validator(mode="after")
    def _one_url(self) -> "Store":
        if self.url and self.url_file:
            raise ValueError("both url and url_file; keep one of them")
        return self
