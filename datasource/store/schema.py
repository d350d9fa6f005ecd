"""The tables, and how a store of an older version becomes one of this."""

from collections.abc import Callable, Sequence

from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, Table, Text, inspect, text

from datasource.store.record import StoreError

METADATA = MetaData()
VERSION = Table("causal_schema", METADATA, Column("version", Integer, nullable=False))
INCIDENTS = Table(
    "causal_incidents",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("started", BigInteger, nullable=False),
    Column("ended", BigInteger),
    Column("payload", Text, nullable=False),
)
STATES = Table(
    "causal_states",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("payload", Text, nullable=False),
)
INTERVENTIONS = Table(
    "causal_interventions",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("key", Text, nullable=False, unique=True),
    Column("payload", Text, nullable=False),
    Column("digest", Text, nullable=False),
)

STEPS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE causal_incidents"
        " (id TEXT PRIMARY KEY, started BIGINT NOT NULL, ended BIGINT, payload TEXT NOT NULL)",
        "CREATE INDEX causal_incidents_started ON causal_incidents (started)",
        "CREATE INDEX causal_incidents_ended ON causal_incidents (ended)",
        "CREATE TABLE causal_states (name TEXT PRIMARY KEY, payload TEXT NOT NULL)",
    ),
    (
        "CREATE TABLE causal_interventions"
        " (number BIGINT PRIMARY KEY, key TEXT NOT NULL UNIQUE, payload TEXT NOT NULL, digest TEXT NOT NULL)",
    ),
)
"""What leads from each version to the next one, the first from an empty store; in SQL that both databases know."""


def migrate(
    connection: Connection,
    steps: Sequence[Sequence[str]] = STEPS,
    back_up: Callable[[int], None] = lambda version: None,
) -> None:
    """Bring the tables to the newest version, within the transaction under way; those of an older one are backed up
    before. Raises StoreError for a newer one."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('causal_schema'))"))
    if not inspect(connection).has_table(VERSION.name):
        VERSION.create(connection)
    version = connection.execute(VERSION.select()).scalar()
    if version is not None and version > len(steps):
        raise StoreError(
            f"it was written by a newer version (schema {version}, this one knows {len(steps)}); run the newer version,"
            " or name another store.directory or store.url"
        )
    if version is not None and version < len(steps):
        back_up(version)
    for step in steps[version or 0 :]:
        for statement in step:
            connection.execute(text(statement))
    if version is None:
        connection.execute(VERSION.insert().values(version=len(steps)))
    elif version < len(steps):
        connection.execute(VERSION.update().values(version=len(steps)))
