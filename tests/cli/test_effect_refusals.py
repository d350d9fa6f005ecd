"""What `effect` cannot answer it says on standard error, with what to change, and never with a stack trace."""

import asking_effects as asking
import numpy as np
import pytest

N = 120


@pytest.fixture
def columns():
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, N))
    return {"x": x, "y": x + z + rng.normal(size=N), "z": z, "words": ["abc", "def"] * (N // 2)}


@pytest.fixture
def ask(tmp_path, columns):
    """The refusal for changed columns."""

    def refused(*options, treatment="x", outcome="y", **changes):
        return asking.refusal(asking.write(tmp_path / "d.csv", **columns | changes), treatment, outcome, *options)

    return refused


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("x,y\n", "has a header and no rows"),
        ("x,y\n1,2\n", "only 1 complete rows"),
        ("x,x,y\n1,2,3\n", "column 'x' stands twice"),
        ("1,2\n3,4\n", "names, not"),
        ("x,y\n1,2,3\n", "fields"),
    ],
)
def test_a_file_that_holds_no_rows_and_columns(tmp_path, text, said):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    told = asking.refusal(path, "x", "y")
    assert said.replace("names, not", "holds numbers, not names") in told


def test_a_file_that_is_not_there(tmp_path):
    assert "cannot be read" in asking.refusal(tmp_path / "nowhere.csv", "x", "y")


@pytest.mark.parametrize("end", ["x", "y"])
def test_a_constant_column(ask, end):
    assert f"{end} is constant (3)" in ask(**{end: np.full(N, 3.0)})
    rounded = 3.0 + np.spacing(3.0) * (np.arange(N) % 3)
    assert f"{end} is constant (3)" in ask(**{end: rounded})


@pytest.mark.parametrize("end", ["x", "y", "z"])
@pytest.mark.parametrize("way", ["--adjust", "--instrument", "--mediator"])
def test_a_column_without_a_number(ask, end, way):
    assert f"'{end}' holds no number" in ask(way, "z", **{end: np.full(N, np.nan)})


def test_columns_that_are_never_there_together(ask, columns):
    first = np.arange(N) < N // 2
    gaps = {"x": np.where(first, columns["x"], np.nan), "y": np.where(first, np.nan, columns["y"])}
    assert "0 complete rows" in ask(**gaps)


def test_a_treatment_that_only_copies_what_is_adjusted_for(ask, columns):
    assert "x does not move on its own" in ask("--adjust", "z", z=columns["x"])


def test_texts_where_numbers_are_needed(ask):
    assert "'words' holds text ('abc' and 'def'); write 1 for the one" in ask(treatment="words")
    assert "'words' holds text (as 'abc'); an effect needs numbers" in ask(
        treatment="words", words=["abc", "d", "e"] * 40
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--adjust", "zz"), "no column 'zz'; did you mean 'z'?"),
        (("--adjust", "Z"), "no column 'Z'; did you mean 'z'?"),
        (("--instrument", "zet"), "no column 'zet'"),
        (("--unit", "word"), "no column 'word'; did you mean 'words'?"),
        (("--time", "when"), "no column 'when'; known are: words, x, y, z"),
    ],
)
def test_a_column_that_is_not_there(ask, options, said):
    assert said in ask(*options)


def test_the_treatment_is_not_its_own_outcome(ask):
    assert "both treatment and outcome" in ask(outcome="x")


@pytest.mark.parametrize("way", ["--adjust", "--instrument", "--mediator", "--modifiers", "--strata"])
@pytest.mark.parametrize(("end", "part"), [("x", "the treatment"), ("y", "the outcome")])
def test_neither_end_plays_a_second_part(ask, way, end, part):
    assert f"'{end}' is {part}" in ask(way, end)


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("iv.instrumental_variable", "--instrument"),
        ("frontdoor.two_stage_regression", "--mediator"),
        ("backdoor.distributed_lag", "needs times"),
        ("synthetic_control", "times"),
        ("difference_in_means", "two values"),
        ("propensity_score_weighting", "two values"),
    ],
)
def test_a_method_that_these_columns_do_not_feed(ask, method, said):
    assert said in ask("--method", method, "--adjust", "z")


@pytest.mark.parametrize(("way", "part"), [("--unit", "unit"), ("--time", "time")])
@pytest.mark.parametrize("end", ["x", "y"])
def test_neither_end_says_where_a_row_stands(ask, way, part, end):
    assert f"'{end}' is treatment, outcome, instrument or mediator; name another column as the {part}" in ask(way, end)


@pytest.mark.parametrize(("way", "part"), [("--instrument", "the instrument"), ("--mediator", "a mediator")])
def test_what_is_used_otherwise_is_not_adjusted_for(ask, way, part):
    assert f"'z' is {part}; take it out of --adjust" in ask(way, "z", "--adjust", "z")


def test_a_unit_that_is_empty(ask):
    assert "'words' is empty in every row" in ask("--unit", "words", words=[""] * N)


@pytest.mark.parametrize(
    ("method", "said"),
    [("did", "--unit and --time, or --group and --post"), ("synthetic_control", "--time")],
)
def test_a_comparison_without_a_before(ask, method, said):
    assert said in ask("--method", method)


def test_lags_without_times(ask):
    assert "--time" in ask("--lags", "2")


def test_groups_that_are_no_groups(ask):
    assert "'z' should be 0 and 1" in ask("--group", "z", "--post", "z")


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("- z -> y\n", "the graph says nothing of 'x'"),
        ("- x -> y\n- y -> x\n", "goes round"),
        ("- x -> y along calls from server to client\n", "ties entities"),
        ("nothing", "holds no graph"),
        ("- x to y\n", "'x to y'"),
        ("- x -> y\n- u -> x\n- u -> y\n", "does not identify"),
        ("- x -> y\n- Z -> x\n- Z -> y\n", "'Z' is no column, and 'z' is"),
        ("- x -> y\n- word -> x\n- word -> y\n", "taken as unmeasured: 'word' (did you mean 'words'?)"),
        ("- x -> y (lag 1)\n", "--time"),
    ],
)
def test_a_graph_that_does_not_fit(ask, tmp_path, rules, said):
    path = tmp_path / "graph.yaml"
    path.write_text(rules)
    assert said in ask("--graph", path)


def test_a_method_that_the_graph_does_not_support(ask, tmp_path):
    path = tmp_path / "graph.yaml"
    path.write_text("- z -> x\n- z -> y\n- x -> y\n")
    assert "needs instrument" in ask("--graph", path, "--method", "2sls")


def test_rows_that_share_their_time_have_no_lags(ask):
    time = np.repeat(1_700_000_000 + 60 * np.arange(N // 2), 2)
    assert "--unit" in ask("--lags", "1", time=time, words=np.zeros(N))


@pytest.mark.parametrize(
    "options",
    [
        ("--method", "magic"),
        ("--group", "z"),
        ("--post", "z"),
        ("--lags", "-1"),
        ("--lags", "many"),
    ],
)
def test_options_that_make_no_sense_are_a_matter_of_usage(tmp_path, columns, options):
    result = asking.ask(asking.write(tmp_path / "d.csv", **columns), "x", "y", *options)
    assert result.exit_code == 2
    assert "Usage:" in result.stderr
    assert not result.stdout


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_the_unit_of_a_column_changes_nothing(tmp_path, columns, scale):
    plain = asking.effect(asking.write(tmp_path / "a.csv", **columns), "x", "y", "--adjust", "z")
    scaled = columns | {name: columns[name] * scale for name in "xyz"}
    other = asking.effect(asking.write(tmp_path / "b.csv", **scaled), "x", "y", "--adjust", "z")
    for key in ("association", "effect", "lower", "upper", "p_value"):
        assert other[key] == pytest.approx(plain[key], rel=1e-6)


def test_part_of_the_rows_is_no_answer_until_that_is_accepted(tmp_path, columns, ask):
    broken = [f"{value:.3f}" if place % 2 else "broken" for place, value in enumerate(columns["y"])]
    assert "'y': 60 cells are no numbers, as 'broken'; taken as missing: 50.0% would be dropped" in ask(y=broken)
    assert "say --accept-loss" in ask(x=broken, y=columns["y"])
    answer = asking.effect(asking.write(tmp_path / "d.csv", **columns | {"y": broken}), "x", "y", "--accept-loss")
    assert answer["n"] == N // 2
    assert "'y': 60 cells are no numbers, as 'broken'; taken as missing" in answer["notices"]


def test_rows_without_a_time_or_a_unit_are_no_small_loss(columns, ask):
    times = [f"2026-01-01T00:{n // 2:02}:00Z" if n % 10 else "" for n in range(N)]
    units = [("a", "b")[n % 2] if n % 10 else "" for n in range(N)]
    assert "12 rows have no time that can be read: left out: 10.0% would be dropped" in ask(time=times)
    assert "12 rows name no 'pod': left out: 10.0% would be dropped" in ask(pod=units)
