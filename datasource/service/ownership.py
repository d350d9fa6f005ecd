"""Whose a store is: that of another installation is left alone, so that nobody's incidents become somebody else's."""

import logging

from datasource.settings import Settings
from datasource.store import StoreError, open_database

log = logging.getLogger(__name__)

_NAME = "installation"
_TENANT = "x-scope-orgid"


class AnotherInstallationError(Exception):
    """The store belongs to another installation. Its text says to which, and what to change."""


def installation(settings: Settings) -> str:
    """What tells installations apart: the Prometheus that the settings file names, and whose series there."""
    headers = settings.prometheus.http_headers.items()
    tenants = [value for name, header in headers if name.lower() == _TENANT for value in header.values]
    return " ".join((settings.prometheus.url.rstrip("/"), *(f"as tenant {one}" for one in tenants)))


def claim(settings: Settings, *, adopt: bool = False) -> None:
    """Write down that the store is ours, where nobody has yet, or whoever it was, where we are to `adopt` it. Raises
    AnotherInstallationError where it is another's. A store that cannot be used now is told in the log."""
    ours, theirs = installation(settings), ""

    def take(payload: str | None, _now: float) -> str | None:
        nonlocal theirs
        theirs = "" if adopt else payload or ""
        return None if theirs else ours

    try:
        database = open_database(settings.store)
        try:
            database.change(_NAME, take)
        finally:
            database.close()
    except StoreError as error:
        log.warning("whose the store is cannot be told: %s", error)
        return
    if theirs and theirs != ours:
        raise AnotherInstallationError(
            f"the store ({_place(settings)}) belongs to the installation that reads {theirs}; this one reads {ours}. "
            "Name another store.directory or store.url; or, where it is the same one and its Prometheus has moved, "
            "start it once with --adopt-store"
        )


def _place(settings: Settings) -> str:
    store = settings.store
    return "store.url" if store.url or store.url_file else f"store.directory {store.directory}"
