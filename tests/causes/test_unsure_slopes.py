"""What explains a gap: a slope as far as it is sure, and along calls what is known of them beside it."""

from dataclasses import replace

import pytest
from small_shop import ROLES, Shop, node, service

from datasource.anomaly import Mechanisms
from datasource.causes import Recent
from datasource.causes.parent_contributions import ParentContribution, contributions_of_parents
from datasource.data import Matrix, Variable

SHOP = Shop([("web", "db")], runs_on={"web": "n", "db": "k"}, per_core=0.05)
LATENCY = Variable(service("web"), "latency")
CALLEE, MACHINE = Variable(service("db"), "latency"), Variable(node("n"), "node_cpu")


def with_slope(parent: Variable, slope: float, error: float) -> Mechanisms:
    """The shop's mechanisms, but for one slope of web's latency and its standard error."""
    one = SHOP.mechanisms.causal[LATENCY]
    place = len(one.coefficients) - len(one.parents) + [own.variable for own in one.parents].index(parent)
    coefficients, covariance = one.coefficients.copy(), one.covariance.copy()
    coefficients[place] = slope
    residuals = (one.above + one.below) / 2 / 4  # an interval reaches about four standard deviations to each side
    covariance[place, place] = (error / residuals) ** 2
    changed = replace(one, coefficients=coefficients, covariance=covariance)
    return replace(SHOP.mechanisms, causal=SHOP.mechanisms.causal | {LATENCY: changed})


def explains(matrix: Matrix, mechanisms: Mechanisms, parent: Variable) -> list[ParentContribution]:
    recent = Recent(matrix.between(matrix.end - 4 * 60, matrix.end), mechanisms, ROLES, SHOP.topology)
    return [flow for kind in contributions_of_parents(recent, LATENCY) for flow in kind if flow.parent == parent]


@pytest.mark.parametrize("error", [0.05, 0.1, 5.0])
def test_a_slope_that_is_not_larger_than_its_error_explains_nothing(error: float) -> None:
    assert explains(SHOP.simulate(cpu={"web": 3.0}), with_slope(MACHINE, 0.05, error), MACHINE) == []


@pytest.mark.parametrize(("error", "share"), [(0.025, 0.75), (0.005, 0.99), (0.0, 1.0)])
def test_a_slope_explains_the_more_the_surer_it_is(error: float, share: float) -> None:
    (flow,) = explains(SHOP.simulate(cpu={"web": 3.0}), with_slope(MACHINE, 0.05, error), MACHINE)
    assert flow.slope == pytest.approx(0.05 * share)


@pytest.mark.parametrize(("error", "slope"), [(0.0, 0.2), (0.25, 0.6), (100.0, 1.0)])
def test_a_callee_explains_by_the_calls_where_the_fitted_slope_is_unsure(error: float, slope: float) -> None:
    """Each request makes one call, which is known to about a quarter; 0.2 was fitted."""
    (flow,) = explains(SHOP.simulate(slow={"db": 0.2}), with_slope(CALLEE, 0.2, error), CALLEE)
    assert flow.slope == pytest.approx(slope, abs=0.02)
