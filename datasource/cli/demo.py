"""`causal-datasource demo`: a shop with an incident going on, or a story told from simulated data."""

import sys
from collections.abc import Iterator

import click

from datasource.cli.printing import refuse


@click.command()
@click.option("--port", default=8321, show_default=True, help="Where the demo's datasource listens.")
@click.option(
    "--story", type=click.Choice(["query-service", "three-shops"]), help="Tell a story instead, from simulated data."
)
@click.option(
    "--serve", "served", is_flag=True, help="With --story query-service: then show it on the page, until Ctrl-C."
)
def demo(port: int, story: str | None, served: bool) -> None:
    """Start a simulated shop, a Prometheus and this service, and explain the current incident."""
    if served and story != "query-service":
        refuse("--serve goes with --story query-service; without a story the demo serves by itself")
    if story == "query-service":
        _query_service(port, served)
    elif story:
        for line in _three_shops():
            click.echo(line)
    else:
        from datasource.demo.run import run

        sys.exit(run(port))


def _query_service(port: int, served: bool) -> None:
    from datasource.demo.query_service import tell_story, told

    found = tell_story()
    for line in told(found):
        click.echo(line)
    if served:
        from datasource.demo.story_server import serve_story

        serve_story(found, port)


def _three_shops() -> Iterator[str]:
    """Three services on loopback, asked by this process."""
    from datasource import library
    from datasource.demo.three_shops import CLUSTERS, three_shops

    asked = "--treatment web.cpu --outcome web.latency --adjust web.requests"
    with three_shops() as shops:
        yield f"$ causal-datasource federate {' '.join(f'--site {name}=URL' for name in shops.urls)} {asked}"
        yield ""
        yield from library.federate(
            shops.urls, "web.cpu", "web.latency", adjust=["web.requests"], token_file=shops.token_file
        ).lines()
    yield ""
    truth = ", ".join(f"{cluster.slope:g} in {name}" for name, cluster in CLUSTERS.items())
    yield f"The truth, which the simulation knows: {truth}"
