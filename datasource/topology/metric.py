"""Any query that returns one series per pair."""

from datasource.topology.family import Family

METRIC = Family(lambda source, _, __: source.query)
