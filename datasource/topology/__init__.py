"""How entities are tied: who calls whom, who runs where, who shares what; one source a file."""

from datasource.topology.read import TopologyReader, read_topology
from datasource.topology.sources import call_labels, end_labels
from datasource.topology.tie import Tie, Topology

__all__ = ["Tie", "Topology", "TopologyReader", "call_labels", "end_labels", "read_topology"]
