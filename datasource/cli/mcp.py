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
def mcp(url: str, token_file: Path | None, config: Path) -> None:
    """Offer a running service to agents: the Model Context Protocol over standard input and output."""
    try:
        from datasource.mcp.server import AgentDoor
    except ModuleNotFoundError as error:
        refuse(f"{error.name} is not installed; pip install 'causal-datasource[mcp]'")
    from datasource.mcp.service import RefusedError, Service

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        door = AgentDoor(Service(url, token_file), config)
    except RefusedError as error:
        refuse(str(error))
    door.run()
