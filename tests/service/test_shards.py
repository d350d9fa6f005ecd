"""Shards of a fit: each has all that it needs, and neighbours stand together."""

import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from worlds import SETTINGS as WORLD
from worlds import World, half_a_day

from datasource.anomaly import fit_mechanisms
from datasource.anomaly.fitting import Fitting, Row
from datasource.data import Entity, Roles, Variable
from datasource.graph import CausalGraph, Edge
from datasource.service import Snapshot
from datasource.settings import SettingsError, load_settings, parse_settings

SETTINGS = """
prometheus: {{url: 'http://prometheus:9090'}}
evaluation: {{workers: {}}}
entities: {{service: {{labels: [service]}}}}
signals: {{requests: {{entity: service, query: q, window: 60s}}}}
"""


def fitting_of(read: Snapshot) -> Fitting:
    """What a fit of the snapshot is spread with."""
    found: list[Fitting] = []

    def spread(fitting: Fitting, variables: tuple[Variable, ...]) -> list[list[Row]]:
        found.append(fitting)
        return [[] for _ in variables]

    fit_mechanisms(read.matrix, read.graph, Roles(read.settings.signals), older=read.older, spread=spread)
    return found[0]


def test_every_variable_is_in_one_shard_and_an_entity_is_not_parted(read: Snapshot) -> None:
    shards = fitting_of(read).shards(read.matrix.variables, 12)
    assert sorted(v for shard in shards for v in shard) == sorted(read.matrix.variables)
    where = {(v.entity, number) for number, shard in enumerate(shards) for v in shard}
    assert len(where) == len({entity for entity, _ in where})
    assert len(shards) > 3


def test_those_that_call_each_other_share_a_shard(read: Snapshot) -> None:
    chains = [[Entity("service", (("service", f"{chain}{place}"),)) for place in range(4)] for chain in "abcdef"]
    variables = [Variable(chain[place], "latency") for place in range(4) for chain in chains]
    calls = [(Variable(a, "latency"), Variable(b, "latency")) for chain in chains for a, b in pairwise(chain)]
    graph = CausalGraph(tuple(variables), tuple(Edge(*ends, 0, "calls") for ends in calls))
    shards = replace(fitting_of(read), graph=graph).shards(variables, 4)
    assert sorted(sorted({v.entity.name[0] for v in shard}) for shard in shards) == [[chain] for chain in "abcdef"]


def test_a_shard_fits_alone_what_the_whole_fits(read: Snapshot) -> None:
    fitting = fitting_of(read)
    for shard in fitting.shards(read.matrix.variables, 12):
        alone = fitting.only(shard)
        assert len(alone.matrix.variables) < len(read.matrix.variables)
        for variable in shard:
            for one, other in zip(alone(variable), fitting(variable), strict=True):
                np.testing.assert_equal(vars(one.mechanism), vars(other.mechanism))
                np.testing.assert_equal(one[1:], other[1:])


@pytest.mark.parametrize("good", ["1", "16", "'2'", "dask://scheduler:8786", "'dask://[::1]:8786'"])
def test_workers_are_processes_or_a_cluster(good: str) -> None:
    evaluation = parse_settings(SETTINGS.format(good)).evaluation
    assert evaluation.processes >= 1
    assert bool(evaluation.cluster) == ("dask" in good)
    assert evaluation.cluster in ("", "tcp://scheduler:8786", "tcp://[::1]:8786")


@pytest.mark.parametrize(
    "bad", ["0", "17", "-1", "2.5", "true", "many", "dask://", "dask://host", "dask://host:0", "dask://host:99999",
            "tcp://host:8786", "dask://user@host:1", "dask://host:8786/x", "[]"]
)  # fmt: skip
def test_what_is_neither_is_refused_with_what_to_write(bad: str) -> None:
    with pytest.raises(SettingsError, match=r"from 1 to 16, or the scheduler of a Dask cluster, as dask://"):
        parse_settings(SETTINGS.format(bad))


def test_without_the_package_the_fit_is_done_here_and_the_snapshot_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    loaded = half_a_day(load_settings(WORLD))
    evaluation = loaded.settings.evaluation.model_copy(update={"workers": "dask://127.0.0.1:8786"})
    world = World(400, loaded._replace(settings=loaded.settings.model_copy(update={"evaluation": evaluation})))
    world.clock.tick()
    snapshot = world.clock.snapshot
    assert snapshot
    assert snapshot.mechanisms
    assert snapshot.mechanisms.causal
    (notice,) = (one for one in snapshot.notices if "Dask" in one)
    assert notice.startswith("evaluation.workers: the fit was done here")
    assert notice.endswith("pip install 'causal-datasource[dask]'")
