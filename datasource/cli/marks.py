"""`causal-datasource accept` and `causal-datasource incident`: what people say of an incident."""

import getpass
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

import click

ACCEPTED, REFUSED, CANNOT, UNREACHABLE = 0, 1, 2, 3
"""Exit codes."""
_TIMEOUT = 10.0


def _shared(command: Callable[..., None]) -> Callable[..., None]:
    """The incident, and the options that every one of these commands has."""
    for decorate in (
        click.option("--config", default="causal.yaml", show_default=True, help="The settings file."),
        click.option(
            "--token-file",
            default=None,
            envvar="CAUSAL_TOKEN_FILE",
            help="The file of a token that may write.  [default: that of --config]",
        ),
        click.option("--url", default="http://127.0.0.1:8321", show_default=True, help="Where the service is."),
        click.option("--by", default=None, help="Who says so.  [default: who runs this command]"),
        click.argument("incident"),
    ):
        command = decorate(command)
    return command


def _said(command: Callable[..., None]) -> Any:
    """A command of `incident`, which takes a reason that may be left out."""
    reason = click.option("--reason", default="", help="Why: people read it in the incident.")
    return incident.command()(_shared(reason(command)))


@click.command()
@_shared
@click.option("--reason", required=True, help="Why it is normal from now on: people read it in the incident.")
def accept(**given: Any) -> None:
    """Accept what an incident brought as the new normal, as after a deploy or a resize.

    Its entities do not alarm any more at the level that they have since it began; a further change does. Ends with 0
    when the service has taken it, with 1 when it refuses, with 2 when there is no token to show, and with 3 when it
    cannot be reached.
    """
    _send("accept", **given)


@click.group()
def incident() -> None:
    """Close an incident, say that it is none or expected, or merge it. Exit codes are those of accept."""


@_said
def close(**given: Any) -> None:
    """The incident ends now; it opens no other one while the same entities do not recover."""
    _send("close", **given)


@_said
def dismiss(**given: Any) -> None:
    """It is no incident but a false alarm."""
    _send("dismiss", **given)


@_said
def expect(**given: Any) -> None:
    """It is known and harmless, and usual at this time of day from tomorrow on."""
    _send("expect", **given)


@_said
@click.option("--into", required=True, help="The incident that goes on.")
def merge(**given: Any) -> None:
    """It is a part of another incident."""
    _send("merge", **given)


def _send(
    action: str, incident: str, by: str | None, url: str, token_file: str | None, config: str, **said: str
) -> None:
    """Say it to the service, and tell what that answers."""
    import requests

    token = _token(token_file, config)
    if not url.startswith(("http://", "https://")):
        _end(CANNOT, f"--url: {url!r} is not an address; write it as http://127.0.0.1:8321")
    place = f"{url.rstrip('/')}/api/v1/incidents/{quote(incident, safe='')}/{action}"
    said["by"] = _me() if by is None else by
    session = requests.Session()
    session.trust_env = False  # a .netrc would take the token's place
    try:
        answer = session.post(
            place, json=said, headers={"Authorization": b"Bearer " + token}, timeout=_TIMEOUT, allow_redirects=False
        )
    except requests.RequestException as error:
        _end(UNREACHABLE, f"{url} cannot be reached ({type(error).__name__}); is the service there, and --url right?")
    message = _message(answer)
    if not answer.ok or answer.is_redirect:
        _end(REFUSED, f"refused ({answer.status_code}): {message or 'this is not a causal-datasource'}")
    click.echo(f"{incident}: {message}")


def _token(token_file: str | None, config: str) -> bytes:
    """The token as it stands in its file."""
    from datasource.settings import SettingsError, load_settings
    from datasource.settings.web import token_files

    path = Path(token_file) if token_file else None
    if path is None:
        try:
            settings = load_settings(config).settings
        except SettingsError as error:
            _end(CANNOT, f"{error}\nor name the token's file with --token-file")
        files = [file for file, scope in token_files(settings.web, settings.writes).values() if scope == "write"]
        if not files:
            _end(CANNOT, f"{config} has no writes block; add writes: {{token_file: ...}}, or give --token-file")
        path = files[-1]
    try:
        token = path.read_bytes().strip().partition(b"\n")[0].strip()
    except OSError as error:
        _end(CANNOT, f"--token-file: {path} cannot be read: {(error.strerror or type(error).__name__).lower()}")
    if not token or len(token.split()) > 1:
        _end(CANNOT, f"--token-file: {path} {'holds more than one word' if token else 'is empty'}; a token is one word")
    return token


def _me() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def _message(answer: Any) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return ""


def _end(code: int, text: str) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(code)
