"""How entities are tied: who calls whom, who runs where, who shares what; one source a file."""

from datasource.topology.read import TopologyReader, read_topology
from datasource.topology.sources import call_labels, end_labels
from datasource.topology.tie import EntityRelation, Topology

__all__ = ["EntityRelation", "Topology", "TopologyReader", "call_labels", "end_labels", "read_topology"]
