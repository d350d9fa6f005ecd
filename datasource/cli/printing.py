"""How commands print what the library answers, and how they end where it cannot."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from datasource.library import Result


def refuse(text: str, code: int = 2) -> NoReturn:
    """End because of an input that cannot be used."""
    click.echo(text, err=True)
    sys.exit(code)


@contextmanager
def told_errors(code: int = 2) -> Iterator[None]:
    """What a question raises because of what it is given ends the command with its text."""
    from datasource import library

    try:
        yield
    except library.ERRORS as error:
        refuse(str(error), code)


def print_result(found: "Result", as_json: bool, report: str | None = None) -> None:
    """Print a result as text or as JSON, after its page was written where one is asked for."""
    write_report(found, report)
    if as_json:
        click.echo(found.to_json())
        return
    for line in found.lines():
        click.echo(line)


def write_report(found: "Result", report: str | None) -> None:
    """Write the page of a result, if one is asked for. Ends the command where that cannot be done."""
    if report is not None:
        write_page(report, found.page)


def write_page(path: str, page: Callable[[], str]) -> None:
    """Write a page that is made only now. Ends the command where that cannot be done."""
    try:
        Path(path).write_text(page(), encoding="utf-8")
    except ModuleNotFoundError as error:
        refuse(f"--report: {error}")
    except OSError as error:
        refuse(f"--report: {path}: cannot be written: {error.strerror or error}")
