"""`causal-datasource mcp`: what a running service knows, as tools for agents."""

import logging
from pathlib import Path

import click

from datasource.cli.printing import refuse


@click.command()
@click.option("--url", default="http://127.0.0.1:8321", show_default=True, help="Where the service is.")
@click.option(
    "--token-file",
    default=None,
    type=click.Path(path_type=Path),
    envvar="CAUSAL_TOKEN_FILE",
    help="The file of a token for the service; marks need one that may write.",
)
@click.option(
    "--config",
    default="causal.yaml",
    show_default=True,
    type=click.Path(path_type=Path),
    help="The settings file, for what is read from Prometheus itself.",
)
@click.option("--listen", default=None, help="Answer HTTP at host:port of loopback, instead of standard input.")
def mcp(url: str, token_file: Path | None, config: Path, listen: str | None) -> None:
    """Offer a running service to agents: the Model Context Protocol over standard input and output, or HTTP."""
    if listen and token_file:
        refuse("--token-file: over HTTP each client sends its own token as 'Authorization: Bearer ...'; leave it out")
    try:
        from datasource.mcp.over_http import bound, serve
        from datasource.mcp.server import AgentDoor
    except ModuleNotFoundError as error:
        refuse(f"{error.name} is not installed; pip install 'causal-datasource[mcp]'")
    from datasource.mcp.service import RefusedError, Service

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        door = AgentDoor(Service(url, token_file), config)
        listener = bound(listen) if listen else None
    except RefusedError as error:
        refuse(str(error))
    if listener is None:
        door.run()
        return
    host = str(listen).rpartition(":")[0]
    click.echo(f"causal-datasource mcp answers at http://{host}:{listener.getsockname()[1]}/mcp, asking {url}")
    serve(door, listener)
