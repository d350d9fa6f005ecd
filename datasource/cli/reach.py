"""How commands reach a running service, or the store that settings name, and how they end where they cannot."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from datasource.cli.printing import refuse

if TYPE_CHECKING:
    from datasource.mcp.service import Service
    from datasource.settings.store import Store

_Command = TypeVar("_Command", bound=Callable[..., Any])

REFUSED, UNREACHABLE = 1, 3
"""Exit codes beside 0 and, for options that cannot be meant, 2."""


def service_at(url: str, token_file: str | None) -> "Service":
    """The running service at a URL. Ends the command where the URL or the token cannot be used."""
    from datasource.mcp.service import RefusedError, Service

    try:
        return Service(url, Path(token_file) if token_file else None, hint="give --token-file")
    except RefusedError as error:
        refuse(str(error))


def store_of(config: str) -> "Store":
    """The store that a settings file names. Ends the command where that cannot be read."""
    from datasource.settings import SettingsError, load_settings

    try:
        return load_settings(config).settings.store
    except SettingsError as error:
        refuse(f"{error}\nor name a running service with --url")


def reaching(command: _Command) -> _Command:
    """The options that say which service, or which store, is meant."""
    for decorate in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else."),
        click.option(
            "--token-file",
            default=None,
            envvar="CAUSAL_TOKEN_FILE",
            help="With --url: the file of a token; writing needs one that may write.",
        ),
        click.option("--url", default=None, envvar="CAUSAL_URL", help="A running service.  [default: the store]"),
        click.option(
            "--config",
            default="causal.yaml",
            show_default=True,
            help="The settings; without --url, those whose store is read and written.",
        ),
    ):
        command = decorate(command)
    return command


@contextmanager
def told_failures(but: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """What a service or a store cannot do ends the command with its text; what it may be (`but`) is raised."""
    from datasource.interventions import InterventionError
    from datasource.mcp.service import NotKnownError, RefusedError, UnreachableError
    from datasource.store import StoreError

    try:
        yield
    except but:
        raise
    except (UnreachableError, StoreError) as error:
        refuse(str(error), UNREACHABLE)
    except (InterventionError, RefusedError, NotKnownError) as error:
        refuse(str(error), REFUSED)
