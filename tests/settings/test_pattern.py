"""Regular expressions of users: RE2's, in linear time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasource.settings.pattern import PatternError, listed_names, matcher

HARMFUL = ["([a-z/]+)+X", "(a|a)*b", "(.*)*!", ".*" * 300 + "!", "(a*)*" * 20 + "b", "((a?){20}){20}x"]


@pytest.mark.parametrize("pattern", HARMFUL)
def test_what_stops_a_backtracking_engine_is_answered(pattern: str) -> None:
    matches = matcher(pattern)
    assert not any(matches(f"{'a' * 2000}/service-{number}") for number in range(100))


@pytest.mark.parametrize("pattern", ["(.?){1000}", "x" * 20_000 + ".", r"(?i)(\pL|\d){1,900}x"])
def test_a_pattern_that_would_cost_much_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError, match="too large") as error:
        matcher(pattern)
    assert len(str(error.value)) < 500


def test_patterns_that_are_too_large_together_are_refused() -> None:
    one = "(?:.?){100}"
    assert matcher(one)("a")
    with pytest.raises(PatternError, match="too large"):
        matcher(*(f"{one}{number}" for number in range(200)))


@pytest.mark.parametrize("pattern", ["(", "(?=a)b", r"(a)\1", "[", "*", "a{1001}", ".\ud800"])
def test_what_prometheus_would_refuse_is_refused_with_a_reason(pattern: str) -> None:
    with pytest.raises(PatternError, match=r"not a regular expression of RE2|no text in Unicode"):
        matcher(pattern)


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1), min_size=1), st.text())
def test_a_list_of_escaped_names_matches_these_and_no_others(names: list[str], other: str) -> None:
    special = ".^$*+?()[]{}|\\/"
    pattern = "|".join("".join(f"\\{letter}" if letter in special else letter for letter in name) for name in names)
    assert listed_names(pattern) == frozenset(names)
    matches = matcher(f"({pattern})")
    assert all(map(matches, names))
    assert matches(other) == (other in names)


def test_ten_thousand_names_are_no_pattern_at_all() -> None:
    names = [f"namespace-{number % 7}/service.{number}" for number in range(10_000)]
    matches = matcher("(" + "|".join(name.replace("/", r"\/").replace(".", r"\.") for name in names) + ")")
    assert all(map(matches, names))
    assert not matches("namespace-1/servicex1")
