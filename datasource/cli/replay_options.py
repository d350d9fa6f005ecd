"""The options that `backtest` and `tune` share: which past, from where, and what people recorded of it."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from datasource.cli.file_options import READING, take_reading

if TYPE_CHECKING:
    from datasource.data.csv.options import CsvOptions

INTERRUPTED = 130
"""Exit code."""
_SINCE = "As 2026-11-01T00:00Z, seconds since 1970, or -7d.  [default: -7d; with --data what the baseline leaves]"
_OPTIONS = (
    click.option("--config", default=None, help="The settings file.  [default: causal.yaml; with --data none]"),
    click.option("--from", "since", default=None, help=_SINCE),
    click.option("--to", "until", default="now", help="As --from, or now.  [default: now; with --data its end]"),
    click.option("--incidents", default=None, help="Recorded incidents, CSV or YAML: start, end, service, signal."),
    click.option("--refit", default="6h", show_default=True, help="How often mechanisms are fitted anew."),
    click.option("--prometheus", "url", envvar="CAUSAL_PROMETHEUS_URL", help="Read this one instead of the file's."),
    click.option("--data", multiple=True, help="A CSV file instead of Prometheus; repeat it to join several."),
    click.option("--calls", default=None, help="With --data: who calls whom, a CSV file."),
    click.option("--graph", default=None, help="With --data: a causal graph in YAML."),
    *READING,
    click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else."),
)


def replay_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a command that replays the past; it gets them as one `Asked`, and `as_json`.

    Ctrl-C ends it with 130, which is none of the answers to what was asked.
    """

    def asked(as_json: bool, **given: Any) -> None:
        given["reading"] = take_reading(given)
        own = {name: given.pop(name) for name in Asked._fields}
        try:
            command(asked=Asked(**own), as_json=as_json, **given)
        except KeyboardInterrupt:
            click.echo("\ninterrupted", err=True)
            sys.exit(INTERRUPTED)

    asked.__doc__, asked.__name__ = command.__doc__, command.__name__
    asked.__click_params__ = list(getattr(command, "__click_params__", ()))  # type: ignore[attr-defined]
    for option in reversed(_OPTIONS):
        option(asked)
    return asked


class Asked(NamedTuple):
    """What the user wrote."""

    config: str | None
    since: str | None
    until: str
    incidents: str | None
    refit: str
    url: str | None
    data: tuple[str, ...]
    calls: str | None
    graph: str | None
    reading: "CsvOptions"

    @property
    def settings_file(self) -> str | None:
        """The path of the settings, None for files that come alone."""
        return self.config or (None if self.data else "causal.yaml")
