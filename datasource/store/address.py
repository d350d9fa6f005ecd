"""Where the store is, as SQLAlchemy reaches it."""

from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from datasource.settings.store import Store, check_database
from datasource.store.record import StoreError

FILE = "causal.sqlite"
_LOCKED_SECONDS = 2
_ANSWER_SECONDS = 5


def address(settings: Store) -> URL:
    """The database's address; makes the directory of a file. Raises StoreError."""
    given = settings.url.get_secret_value() if settings.url else None
    if settings.url_file:
        given = _read(settings.url_file)
    if given is None:
        url = URL.create("sqlite", database=str(settings.directory / FILE))
    else:
        try:
            url = make_url(check_database(given))
        except (ArgumentError, ValueError):
            what = "store.url_file" if settings.url_file else "store.url"
            raise StoreError(
                f"{what} is not the address of a database; write it as postgresql://user:password@host:5432/name"
            ) from None
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.database:
        try:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"the directory {Path(url.database).parent} cannot be made ({error.strerror}); name one in"
                " store.directory that the service may write to"
            ) from None
    return url


def arguments(url: URL) -> dict[str, Any]:
    """What the driver is told, so that a database that does not answer holds nothing up for long."""
    if url.get_backend_name() == "sqlite":
        return {"timeout": _LOCKED_SECONDS}
    return {
        "connect_timeout": _ANSWER_SECONDS,
        "tcp_user_timeout": _ANSWER_SECONDS * 1000,
        "application_name": "causal-datasource",
        "options": f"-c statement_timeout={_ANSWER_SECONDS * 1000} -c lock_timeout={_LOCKED_SECONDS * 1000}",
    }


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"store.url_file {file} cannot be read: {error}") from None
