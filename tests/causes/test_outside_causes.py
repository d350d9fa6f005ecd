"""A cause that nobody measures is said to be outside; a neighbour on the node is found, who calls nobody."""

import pytest
from small_shop import Shop, node, service

from datasource.causes import Outside, Verdict
from datasource.data import Entity
from datasource.store import from_json, to_json

CHAIN = Shop([("web", "shop"), ("shop", "db")])
PEERS = ["a", "b", "c", "d"]


def told(verdict: Verdict) -> str:
    """The largest cause outside."""
    return verdict.causes.outside[0].where if verdict.causes.outside else ""


def kind(verdict: Verdict) -> tuple[str, Entity | None]:
    """What kind of thing it is, and which."""
    largest = verdict.causes.outside[0]
    return largest.kind, largest.entity


def test_a_surge_is_demand_and_nobody_is_the_root_cause() -> None:
    busy = Shop([("web", "shop"), ("shop", "db")], queue=0.5)
    judgement = busy.judge(busy.simulate(traffic=1.6))
    web = next(v for v in judgement.verdicts if v.entity == service("web"))
    assert told(web) == "demand at web"
    assert kind(web) == ("demand", service("web"))
    assert web.causes.outside[0].share > 0.6
    assert [v for v in judgement.verdicts if v.root_cause] == []
    assert web.demand == service("web")


def test_a_fault_during_a_surge_is_still_found() -> None:
    busy = Shop([("web", "shop"), ("shop", "db")], queue=0.3)
    web = busy.verdict("web", busy.simulate(slow={"db": 0.2}, traffic=1.3))
    assert web.root_cause == service("db")
    assert web.demand is None


def test_seconds_of_calls_to_a_server_nobody_measures_are_that_servers() -> None:
    shop = Shop([("web", "pay"), ("pay", "bank")], unmeasured=frozenset({"bank"}), weighed=frozenset({("pay", "bank")}))
    web = shop.verdict("web", shop.simulate(slow={"bank": 0.2}))
    assert web.root_cause == service("bank")
    assert 0.9 < web.confidence < 1, "as likely as pay would be, were it not for bank"
    assert told(web) == "bank, which pay calls and nobody measures"
    assert kind(web) == ("call", service("bank"))
    assert web.causes.outside[0].share > 0.9
    own = shop.verdict("web", shop.simulate(slow={"pay": 0.2}))
    assert own.root_cause == service("pay")


def test_who_calls_something_unmeasured_is_named_as_the_place_to_look_and_so_is_whom_it_calls() -> None:
    """Nothing tells the two apart, unless a resource of the caller is unusual too."""
    shop = Shop([("web", "pay"), ("pay", "bank")], unmeasured=frozenset({"bank"}))
    web = shop.verdict("web", shop.simulate(slow={"bank": 0.2}))
    assert web.root_cause == service("pay")
    assert told(web) == "pay itself or bank, which it calls and nobody measures"
    hog = shop.verdict("web", shop.simulate(slow={"pay": 0.2}, cpu={"pay": 2.0}))
    assert hog.root_cause == service("pay")


def test_several_callers_of_something_unmeasured_that_are_slow_at_once_point_at_it() -> None:
    calls = [*(("web", peer) for peer in PEERS), ("a", "bank"), ("b", "bank")]
    shop = Shop(calls, unmeasured=frozenset({"bank"}))
    web = shop.verdict("web", shop.simulate(slow={"bank": 0.2}))
    assert web.root_cause == service("bank")
    assert told(web) == "bank, which nobody measures and a and b call"
    assert kind(web) == ("call", service("bank"))


def test_several_that_are_slow_at_once_and_share_nothing_known_have_a_common_cause_outside() -> None:
    shop = Shop([("web", peer) for peer in PEERS])
    web = shop.verdict("web", shop.simulate(slow=dict.fromkeys("abc", 0.2)))
    assert web.root_cause is None
    assert told(web) == "something that a, b and c share"
    assert kind(web) == ("several", None)


def test_everybody_slow_on_a_node_that_is_not_measured_is_that_nodes() -> None:
    on = {"a": "n1", "b": "n1", "c": "n2", "d": "n2"}
    shop = Shop([("web", peer) for peer in PEERS], runs_on=on, measured_nodes=False)
    web = shop.verdict("web", shop.simulate(slow={"a": 0.2, "b": 0.2}))
    assert web.root_cause == node("n1")
    assert told(web) == "n1, which nobody measures and a and b use"
    assert kind(web) == ("machine", node("n1"))


def test_who_is_slow_beside_somebody_who_uses_far_more_may_be_disturbed_and_is_not_named() -> None:
    """While nobody knows who runs where."""
    shop = Shop([("web", "pay"), ("batch", "store")])
    matrix = shop.simulate(slow={"pay": 0.2}, cpu={"batch": 3.0})
    pay = shop.verdict("pay", matrix)
    assert pay.root_cause is None
    assert told(pay) == "pay itself or batch, whose cpu rose, if they share a machine"
    assert kind(pay) == ("machine", service("batch"))
    assert shop.verdict("pay", shop.simulate(slow={"pay": 0.2}, cpu={"batch": 0.3})).root_cause == service("pay")
    both = shop.simulate(slow={"pay": 0.2}, cpu={"pay": 2.0, "batch": 3.0})
    assert shop.verdict("pay", both).root_cause == service("pay")
    apart = Shop([("web", "pay"), ("batch", "store")], runs_on={"pay": "n1", "web": "n1", "batch": "n2", "store": "n2"})
    matrix = apart.simulate(slow={"pay": 0.2}, cpu={"batch": 3.0})
    assert apart.verdict("pay", matrix).root_cause == service("pay")


def test_who_explains_less_than_demand_does_is_not_named() -> None:
    busy = Shop([("web", "shop"), ("shop", "db")], queue=0.5)
    web = busy.verdict("web", busy.simulate(slow={"db": 0.03}, traffic=1.6))
    assert kind(web)[0] == "demand"
    assert web.root_cause is None


def test_two_causes_at_once_are_both_roots() -> None:
    shop = Shop([("web", peer) for peer in PEERS])
    web = shop.verdict("web", shop.simulate(slow={"a": 0.3, "c": 0.2}))
    assert [root for root, _ in web.support] == [service("a"), service("c")]
    assert [part.share for part in web.causes.contributions] == pytest.approx([0.6, 0.4], abs=0.05)
    assert web.root_cause == service("a")


def test_a_noisy_neighbour_is_named_for_a_service_that_it_neither_calls_nor_answers() -> None:
    shop = Shop(
        [("web", "shop"), ("batch", "store")],
        runs_on={"shop": "n1", "batch": "n1", "web": "n2", "store": "n2"},
        per_core=0.02,
    )
    matrix = shop.simulate(cpu={"batch": 8.0})
    for victim in ("shop", "web"):
        verdict = shop.verdict(victim, matrix)
        assert verdict.root_cause == service("batch")
        assert verdict.causes.contributions[0].variable.signal == "cpu"
    assert node("n1") not in {v.entity for v in shop.judge(matrix).verdicts if v.root_cause == node("n1")}


def test_failures_of_a_callee_that_never_failed_before_are_the_callees() -> None:
    web = CHAIN.verdict("web", CHAIN.simulate(failing={"db": 0.2}))
    assert web.causes.symptom.signal == "errors"
    assert web.root_cause == service("db")


def test_what_earlier_versions_stored_of_outside_can_be_read() -> None:
    older = '{"where": "demand at web", "contribution": 0.1, "share": 0.5}'
    assert from_json(Outside, older) == Outside("demand at web", 0.1, 0.5, "", None)
    known = Outside("demand at web", 0.1, 0.5, "demand", service("web"))
    assert from_json(Outside, to_json(known)) == known
