"""Cases of RCAEval's layout are read, and the peers' own code gets what we get."""

import sys

import numpy as np
import pandas as pd

from benchmarks.incidents.rcaeval import read_rcaeval
from benchmarks.incidents.scenarios import simulate_incident
from benchmarks.ranking_report import judge_all
from benchmarks.their_code import judged_by, write_case

AT = 1_700_000_600


def test_a_run_of_rcaeval_is_an_incident_with_its_cause(tmp_path):
    rng = np.random.default_rng(0)
    columns = {"time": AT - 600 + np.arange(1200)}
    columns |= {
        f"{s}_{m}": rng.normal(10, 1, 1200) for s in ("cart", "web", "db") for m in ("cpu", "latency-90", "load")
    }
    frame = pd.DataFrame(columns)
    frame.loc[600:, "cart_cpu"] += 9
    run = tmp_path / "RE1-OB" / "cart_cpu" / "1"
    run.mkdir(parents=True)
    frame.to_csv(run / "data.csv", index=False)
    (run / "inject_time.txt").write_text(f"{AT}\n")
    (incident,) = read_rcaeval(tmp_path)
    assert (incident.name, incident.group) == ("RE1-OB/cart_cpu/1", "RE1-OB cpu")
    assert incident.causes == (frozenset({"cart"}),)
    assert incident.services == ("cart", "db", "web")
    assert (incident.baseline.values.shape[1], incident.incident.start) == (600, AT)
    assert judge_all([incident])["ours"].found[0, 0] == 1


def test_a_case_is_written_with_its_normal_time_first_and_the_usual_graph(tmp_path):
    incident = simulate_incident("one fault", 2)
    variables = write_case(incident, tmp_path / "0000")
    data = pd.read_csv(tmp_path / "0000" / "data.csv")
    at = float((tmp_path / "0000" / "inject_time.txt").read_text())
    before, now = data[data["time"] < at], data[data["time"] >= at]
    assert len(before) == incident.baseline.values.shape[1]
    assert len(now) == incident.incident.values.shape[1]
    column = data.columns[1 + variables.index(incident.baseline.variables[0])]
    np.testing.assert_allclose(before[column], incident.baseline.values[0], rtol=1e-6)
    edges = pd.read_csv(tmp_path / "0000" / "graph.csv")
    assert set(edges["cause"]) | set(edges["effect"]) <= set(data.columns)
    assert len(edges) > len(incident.calls)


def test_what_is_not_installed_is_left_out_and_said(capfd):
    assert judged_by(sys.executable, [simulate_incident("one fault", 2)], 5) == {}
    assert "left out: BARO (fse-baro): ModuleNotFoundError" in capfd.readouterr().err
