"""A store as it was, kept before its tables are brought to a newer version."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from datasource.store.schema import INCIDENTS, INTERVENTIONS, STATES


def backup_file(file: Path, version: int) -> Path:
    """Where the backup of a SQLite file of that version of its tables lies."""
    return file.with_name(f"{file.name}.version-{version}")


def back_up_file(file: Path, version: int) -> None:
    """Copy a SQLite file whole, whoever uses it meanwhile; a backup that is there stays.

    Raises OSError, sqlite3.Error.
    """
    copy = backup_file(file, version)
    if copy.exists():
        return
    begun = copy.with_name(f".{copy.name}")
    begun.unlink(missing_ok=True)
    with closing(sqlite3.connect(file, timeout=10)) as source, closing(sqlite3.connect(begun)) as target:
        source.backup(target)
    begun.chmod(0o600)
    begun.replace(copy)


def back_up_tables(connection: Connection, version: int) -> None:
    """Copy the tables of a server beside themselves, within the transaction under way."""
    for table in (INCIDENTS, STATES, INTERVENTIONS):
        copy = f"{table.name}_version_{version}"
        if inspect(connection).has_table(table.name) and not inspect(connection).has_table(copy):
            connection.execute(text(f"CREATE TABLE {copy} AS TABLE {table.name}"))
