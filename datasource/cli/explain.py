"""`causal-datasource explain`: which label values carry a change of a PromQL query."""

import click

from datasource.cli.file_options import report_option
from datasource.cli.printing import print_result, told_errors


@click.command()
@click.option("--query", required=True, help="A sum, rate, ratio or mean in PromQL.")
@click.option("--from", "since", default=None, help="As 2026-11-01T00:00Z, seconds since 1970, or -2h.  [default: -1h]")
@click.option("--to", "until", default=None, help="As --from.  [default: now]")
@click.option("--over", default=None, help="What is averaged up to each time.  [default: a quarter of what is between]")
@click.option("--depth", default=3, show_default=True, type=click.IntRange(1, 3), help="Labels that a story combines.")
@click.option("--config", default=None, help="The settings file, for its prometheus block.  [default: causal.yaml]")
@click.option("--prometheus", "url", envvar="CAUSAL_PROMETHEUS_URL", help="Ask this one instead of the file's.")
@report_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else.")
def explain(
    query: str,
    since: str | None,
    until: str | None,
    over: str | None,
    depth: int,
    config: str | None,
    url: str | None,
    report: str | None,
    as_json: bool,
) -> None:
    """Which label values carry a change of any PromQL sum, rate, ratio or mean between two times."""
    from datasource import library
    from datasource.settings import load_settings

    with told_errors():
        if url and config is None:
            found = library.explain(url, query, start=since, end=until, over=over, depth=depth)
        else:
            loaded = load_settings(config or "causal.yaml")
            settings = (loaded.reading_from(url) if url else loaded).settings
            found = library.explain(settings, query, start=since, end=until, over=over, depth=depth)
    print_result(found, as_json, report)
