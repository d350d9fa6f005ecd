"""Incidents made by hand, in the shop of `worlds`: one that goes on, and one that ended."""

from copy import copy
from dataclasses import replace

from datasource.causes import Contribution, Outside, RootCauses
from datasource.data import Entity, Variable
from datasource.incidents import Incident
from datasource.incidents.seen_before import Seen, seen_before
from datasource.interventions import Intervention
from datasource.service import Clock, Snapshot


def service(namespace: str, name: str) -> Entity:
    return Entity("service", (("namespace", namespace), ("service", name)))


WEB, CART, INVENTORY, PAYMENT = (
    service(*pair) for pair in (("shop", "web"), ("shop", "cart"), ("platform", "inventory"), ("platform", "payment"))
)


def going_on(now: int) -> Incident:
    """Inventory is slow, so cart and web are: 180 ms, of which 150 + 20 + 6 are known and 4 are not."""
    causes = RootCauses(
        Variable(WEB, "latency"),
        0.180,
        (
            Contribution(Variable(INVENTORY, "latency"), 0.150, 0.150 / 0.180, 0.9),
            Contribution(Variable(CART, "latency"), 0.020, 0.020 / 0.180, 0.2),
        ),
        (Outside("whom platform/inventory calls", 0.006, 0.006 / 0.180),),
        0.004,
    )
    return Incident(
        "shop-web-1",
        now - 720,
        None,
        now,
        causes,
        (INVENTORY,),
        (INVENTORY, CART, WEB),
        "shop/web is 180 ms slower: 150 ms from platform/inventory.",
        ("roll platform/inventory back", "runbook: https://wiki/slow"),
    )


def ended(now: int) -> Incident:
    """Payment failed by itself two hours ago, for ten minutes; nobody wrote a summary."""
    failing = Variable(PAYMENT, "errors")
    causes = RootCauses(failing, 3.2, (), (), 3.2)
    return Incident("platform-payment-1", now - 7200, now - 6600, now - 6600, causes, (), (PAYMENT,))


def seen_by_then(now: int) -> tuple[Seen, ...]:
    """The same three days ago, for forty minutes, until ann rolled inventory back."""
    start = now - 3 * 86400
    end = start + 2400
    earlier = replace(going_on(now), id="shop-web-0", start=start, end=end, updated=end)
    rollback = Intervention(7, start, "ann", "rollback", (str(INVENTORY),), start + 2040)
    return seen_before(going_on(now), [earlier], [rollback])


def with_incidents(clock: Clock, *incidents: Incident) -> Clock:
    """The same clock, whose newest snapshot has these incidents: unless told otherwise one open, one ended."""
    assert clock.snapshot is not None
    changed = copy(clock)
    changed.snapshot = holding(clock.snapshot, *incidents)
    return changed


def holding(snapshot: Snapshot, *incidents: Incident) -> Snapshot:
    """The snapshot with these incidents: unless told otherwise one open, one ended."""
    return replace(snapshot, incidents=incidents or (going_on(snapshot.time), ended(snapshot.time)))
