"""`causal-datasource demo --story three-shops`: the story is true, and every number of it comes from data."""

from click.testing import CliRunner

from datasource.cli import main


def test_the_edge_that_breaks_in_us_is_told_and_the_others_join_the_truth() -> None:
    done = CliRunner().invoke(main, ["demo", "--story", "three-shops"])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    effect = next(line for line in lines if line.startswith("  effect")).split()
    lower, upper = (float(one.strip("[],")) for one in effect[2:4])
    assert lower < 0.5 < upper < 0.55
    (us,) = [line for line in lines if line.startswith("  us  ")]
    assert us.endswith("breaks here, left out")
    assert lines[-1] == "The truth, which the simulation knows: 0.5 in eu, 0.5 in ap, 0 in us"
