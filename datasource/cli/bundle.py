"""`causal-datasource bundle`: what somebody who helps has to see, in one file, without secrets."""

import contextlib
import io
import json
import os
import platform
import shutil
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, NamedTuple

import click

from datasource.cli.printing import refuse
from datasource.settings import Settings, SettingsError, load_settings

_PAGES = ("/healthz", "/readyz", "/metrics", "/api/v1/snapshot", "/api/v1/incidents", "/api/v1/interventions")
_TIMEOUT = 20.0
_LOG_BYTES = 2 * 1024 * 1024
"""Of a log, its end."""
_HIDDEN = "<hidden>"
_SHORTEST = 4
"""Letters of a secret; a shorter one is found everywhere."""
_HELD = {"params", "values"}
"""Keys below which anything may be a secret, though it is none to the settings."""


class Part(NamedTuple):
    """A file of the bundle."""

    name: str
    text: str


@click.command()
@click.option("--config", default="causal.yaml", show_default=True, help="The settings file.")
@click.option("--url", default="http://127.0.0.1:8321", show_default=True, help="Where the service is.")
@click.option("--token-file", default=None, envvar="CAUSAL_TOKEN_FILE", help="The file of a token that may read.")
@click.option(
    "--log", "logs", multiple=True, type=click.Path(path_type=Path), help="A log of the service; its end is taken."
)
@click.option("--output", default="causal-bundle.tar.gz", show_default=True, help="The file to write.")
@click.option("--offline", is_flag=True, help="Leave out what 'check' says, which asks Prometheus.")
@click.option("--force", is_flag=True, help="Overwrite the file if it is there.")
def bundle(
    config: str, url: str, token_file: str | None, logs: tuple[Path, ...], output: str, offline: bool, force: bool
) -> None:
    """Collect settings, state, metrics and logs in one file, for whoever helps. Secrets are left out, names stay."""
    target = Path(output)
    if target.exists() and not force:
        refuse(f"{output} is there already; choose another --output, or --force to overwrite it")
    try:
        settings = load_settings(config).settings
    except SettingsError as error:
        settings, wrong = None, str(error)
    hide = hider(settings, token_file)
    parts = [Part("environment.json", _json(_environment(settings)))]
    if settings is None:
        parts.append(Part("settings-error.txt", wrong))
    else:
        parts.append(Part("settings.json", _json(_masked(settings.model_dump(mode="json")))))
        parts.append(Part("store.json", _json(_store(settings))))
        if not offline:
            parts.append(Part("check.txt", _checked(settings)))
    parts += _asked(url.rstrip("/"), token_file)
    parts += [Part(f"logs/{path.name}", _end_of(path)) for path in logs]
    try:
        _write(target, [Part(name, hide(text)) for name, text in parts])
    except OSError as error:
        refuse(f"{output}: cannot be written: {error.strerror or error}")
    click.echo(f"wrote {output}: {', '.join(part.name for part in parts)}", err=True)
    click.echo("it holds names of services and queries; look through it before you hand it on", err=True)


def hider(settings: Settings | None, token_file: str | None = None) -> Callable[[str], str]:
    """What leaves every secret out of a text that the settings, or a file that they name, hold."""
    known = set(_secrets(settings)) if settings else set()
    known |= set(_lines(Path(token_file))) if token_file else set()
    ordered = sorted((one for one in known if len(one) >= _SHORTEST), key=len, reverse=True)

    def hide(text: str) -> str:
        for secret in ordered:
            for form in {secret, json.dumps(secret)[1:-1]}:
                text = text.replace(form, _HIDDEN)
        return text

    return hide


def _secrets(value: Any) -> Iterator[str]:
    """Every secret within, and the lines of every file named, certificates apart."""
    from pydantic import BaseModel, SecretStr

    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            one = getattr(value, name)
            if isinstance(one, Path) and name.endswith("file") and name not in ("ca_file", "cert_file"):
                yield from _lines(one)
            elif name == "files":
                yield from (line for path in one for line in _lines(path))
            else:
                yield from _secrets(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _secrets(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _secrets(one)


def _lines(path: Path) -> Iterator[str]:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        yield from (line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())


def _masked(value: Any, key: str = "") -> Any:
    if key in _HELD and value:
        return {name: _HIDDEN for name in value} if isinstance(value, dict) else [_HIDDEN] * len(value)
    if isinstance(value, dict):
        return {name: _masked(one, name) for name, one in value.items()}
    return [_masked(one) for one in value] if isinstance(value, list) else value


def _environment(settings: Settings | None) -> dict[str, Any]:
    places = {"memory": Path("/dev/shm")} | ({"store": settings.store.directory} if settings else {})
    free = {}
    for name, place in places.items():
        with contextlib.suppress(OSError):
            free[name] = shutil.disk_usage(place)._asdict()
    limits: dict[str, Any] = {}
    with contextlib.suppress(ImportError):
        import resource

        limits["open files"] = resource.getrlimit(resource.RLIMIT_NOFILE)
    return {
        "time": time.time(),
        "platform": platform.platform(),
        "python": sys.version,
        "processors": os.cpu_count(),
        "load": os.getloadavg(),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "limits": limits,
        "disks": free,
        "packages": dict(sorted((one.metadata["Name"], one.version) for one in distributions())),
    }


def _store(settings: Settings) -> dict[str, Any]:
    from datasource.store import StoreError, open_database

    try:
        database = open_database(settings.store)
        try:
            records, entries = database.records(0), database.logged()
            lease, whose = database.state("lease"), database.state("installation")
        finally:
            database.close()
    except StoreError as error:
        return {"error": str(error)}
    return {"incidents": len(records), "interventions": len(entries), "lease": lease, "installation": whose}


def _checked(settings: Settings) -> str:
    from datasource.cli.check import check_telemetry

    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            code = check_telemetry(settings)
        except Exception as error:  # a bundle of what went wrong is what is wanted
            return f"{said.getvalue()}\n{type(error).__name__}: {error}"
    return f"{said.getvalue()}\nexit code {code}\n"


def _asked(url: str, token_file: str | None) -> Iterator[Part]:
    """What the running service says of itself."""
    import requests

    token = next(_lines(Path(token_file)), "") if token_file else ""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    for page in _PAGES:
        name = f"service{page.replace('/api/v1', '')}.txt"
        try:
            answer = requests.get(url + page, headers=headers, timeout=_TIMEOUT)
        except requests.RequestException as error:
            yield Part(name, f"{url}{page} cannot be reached: {type(error).__name__}\n")
            continue
        yield Part(name, f"HTTP {answer.status_code}\n\n{answer.text}")


def _end_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LOG_BYTES))
            return file.read().decode(errors="replace")
    except OSError as error:
        return f"{path}: cannot be read: {error.strerror or error}\n"


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, default=str)


def _write(target: Path, parts: list[Part]) -> None:
    opened = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(opened, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, text in parts:
            data, entry = text.encode(errors="replace"), tarfile.TarInfo(f"causal-bundle/{name}")
            entry.size, entry.mtime, entry.mode = len(data), int(time.time()), 0o600
            archive.addfile(entry, io.BytesIO(data))
