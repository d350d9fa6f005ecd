"""Pairs that the settings list."""

from datasource.settings import Source
from datasource.topology.sighting import Sighting


def read_list(source: Source) -> list[Sighting]:
    """Every pair as it is written; a list knows no times and no calls."""
    return [Sighting((source.rename(pair.cause), source.rename(pair.effect))) for pair in source.pairs]
