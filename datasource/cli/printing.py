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


def refuse_inputs(path: str | None, option: str) -> None:
    """End the command where a file to write is one that its other options name."""
    context = click.get_current_context(silent=True)
    given = context.params.values() if context else ()
    inputs = [one for value in given for one in (value if isinstance(value, tuple) else (value,))]
    named = [one for one in inputs if isinstance(one, str) and Path(one).is_file()]
    if path and sum(Path(one).samefile(path) for one in named if Path(path).exists()) > 1:
        refuse(f"{path} is an input; choose another {option}")


def write_page(path: str, page: Callable[[], str]) -> None:
    """Write a page that is made only now. Ends the command where that cannot be done."""
    refuse_inputs(path, "--report")
    try:
        Path(path).write_text(page(), encoding="utf-8")
    except ModuleNotFoundError as error:
        refuse(f"--report: {error}")
    except OSError as error:
        refuse(f"--report: {path}: cannot be written: {error.strerror or error}")
