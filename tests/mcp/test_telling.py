"""An answer is bounded, whatever is told, and says what was cut."""

from hypothesis import given
from hypothesis import strategies as some

from datasource.mcp.telling import MOST, Part, told

TEXTS = some.integers(0, 3000).map(lambda length: "word " * (length // 5))


@given(
    some.lists(TEXTS, max_size=8), some.lists(some.builds(Part, TEXTS, some.lists(TEXTS, max_size=60), TEXTS)), TEXTS
)
def test_no_answer_is_longer_than_the_most(head: list[str], parts: list[Part], narrower: str) -> None:
    assert len(told(head, parts, narrower)) <= MOST


def test_what_was_cut_is_counted() -> None:
    lines = [f"{number} {'x' * 95}" for number in range(100)]
    text = told(["head"], [Part("Largest first", lines, "panel a"), Part("Then", ["b"])], "name one")
    shown = [line for line in text.splitlines() if line.startswith("- ")]
    assert shown[-1] == f"- cut: {100 - (len(shown) - 1)} of 100, the smallest; name one"
    assert shown[0] == f"- {lines[0]}"


def test_a_long_part_leaves_room_for_those_after_it() -> None:
    long = Part("First", ["x" * 99] * 200)
    text = told([], [long, Part("Not known", ["who broke"]), Part("Last", ["z"])])
    assert text.endswith("Not known\n- who broke\n\nLast\n- z")
    assert len(text) > MOST - 400


def test_what_fits_is_whole() -> None:
    assert told([], [Part("One", ["a", "b"], "panel c"), Part("None", [])]) == "One (shown by panel c)\n- a\n- b"
