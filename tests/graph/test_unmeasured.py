"""What nobody measures has its place in the graph."""

import pytest
from test_graph import CALL, CART, MUTUAL, QUEUE, TOPOLOGY, VARIABLES, WEB, settings

from datasource.data import Variable
from datasource.graph import EVERYWHERE, build_graph
from datasource.graph.unmeasured import common_cause, spoken
from datasource.settings import SettingsError


def built(unmeasured: str, templates: str = "", edges: str = "", topology=TOPOLOGY):
    return build_graph(settings(templates, edges, f"  unmeasured: {unmeasured}\n"), VARIABLES, topology).graph


def test_every_entity_of_the_type_has_its_own() -> None:
    graph = built("{demand: service}", "demand -> requests, demand -> latency (lag 0..1)")
    assert graph.unmeasured == {Variable(entity, "demand") for entity in (WEB, CART, QUEUE)}
    assert set(graph.variables) == set(VARIABLES) | graph.unmeasured
    assert len(graph.edges) == 9
    assert "shop/web.demand -> shop/web.latency (lag 1)" in map(str, graph.edges)


def test_one_for_the_whole_installation_moves_them_all() -> None:
    graph = built("{release: all}", "release -> latency", "release -> shop/web.cpu (lag 1)")
    assert graph.unmeasured == {Variable(EVERYWHERE, "release")}
    assert [str(edge) for edge in graph.edges] == [
        "release -> shop/cart.latency",
        "release -> shop/queue.latency",
        "release -> shop/web.cpu (lag 1)",
        "release -> shop/web.latency",
    ]


def test_it_may_last_and_follow_from_something() -> None:
    lasting = built("{release: all}", "release -> release (lag 1), cpu -> release")
    assert "release -> release (lag 1)" in map(str, lasting.edges)
    assert "shop/web.cpu -> release" in map(str, lasting.edges)


def test_it_flows_along_relations() -> None:
    graph = built("{demand: service}", "demand -> requests along calls from client to server")
    assert [str(edge) for edge in graph.edges] == [
        "shop/web.demand -> shop/cart.requests",
        "shop/web.demand -> shop/queue.requests",
    ]


def test_a_common_cause_without_a_name_is_a_variable_of_its_own() -> None:
    graph = built("{}", "cpu <-> latency (lag 1)")
    both = common_cause(Variable(WEB, "cpu"), Variable(WEB, "latency"))
    assert both in graph.unmeasured
    assert len(graph.unmeasured) == 3
    ways = {(edge.effect.signal, edge.lag) for edge in graph.edges if edge.cause == both}
    assert ways == {("cpu", 0), ("latency", 1)}
    assert spoken(both) == "what moves both shop/web.cpu and shop/web.latency"


def test_a_common_cause_of_two_entities() -> None:
    along = built("{}", "latency <-> latency along calls from server to client")
    single = built("{}", edges="shop/cart.latency <-> shop/web.latency")
    (both,) = single.unmeasured
    assert both in along.unmeasured
    assert spoken(both) == "what moves both shop/cart.latency and shop/web.latency"
    assert {str(edge.effect) for edge in single.edges} == {"shop/cart.latency", "shop/web.latency"}
    assert not built("{}", "latency <-> latency along calls from server to client", topology=MUTUAL).parents(both)


def test_the_version_knows_what_is_unmeasured() -> None:
    assert built("{}").version != built("{demand: service}").version


@pytest.mark.parametrize(
    ("unmeasured", "templates", "edges", "words"),
    [
        ("{cpu: service}", "", "", "'cpu' is a signal, which is measured"),
        ("{demand: servce}", "", "", "no entity type 'servce'; did you mean 'service'?"),
        ("{demand: service}", "demnd -> cpu", "", "no signal 'demnd'; did you mean 'demand'?"),
        ("{demand: call}", "demand -> cpu", "", "say along which relation"),
        ("{release: all}", "release -> cpu along calls from client to server", "", "is one for the whole installation"),
        ("{release: all}", "", "shop/web.release -> shop/web.cpu", "name it without an entity"),
        ("{demand: service}", "", "demand -> shop/web.cpu", "'demand' names no entity"),
        ("{}", "cpu <-> cpu", "", "cannot share a cause with itself"),
        ("{}", "cpu <- latency", "", "'a <-> b' where something unmeasured moves both"),
    ],
)
def test_what_cannot_be_meant_is_refused(unmeasured: str, templates: str, edges: str, words: str) -> None:
    with pytest.raises(SettingsError) as error:
        built(unmeasured, templates, edges)
    assert words in str(error.value)


def test_a_type_is_the_first_one_unless_given() -> None:
    assert built("[demand]").unmeasured == {Variable(entity, "demand") for entity in (WEB, CART, QUEUE)}
    assert CALL not in {variable.entity for variable in built("[demand]").unmeasured}
