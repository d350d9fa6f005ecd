"""Runs in an environment of the peers' own: ranks exported cases by their implementations, a JSON line a case.

python their_code.py CASES SECONDS

A case is a folder with data.csv (time, then a column `service_metric` each), inject_time.txt and graph.csv (cause,
effect). Each line has the case, the method, its ranking of columns (none where it failed or did not end in so many
seconds), and the CPU seconds it took. A method whose package is not installed is left out, and said.
"""

import json
import signal
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")


class Late(Exception):
    """A method does not end."""


def stop(*_):
    raise Late


def baro(data, inject, _graph):
    from baro.root_cause_analysis import robust_scorer

    return robust_scorer(data, inject_time=inject)["ranks"]


def epsilon_diagnosis(data, inject, _graph):
    from pyrca.analyzers.epsilon_diagnosis import EpsilonDiagnosis

    before, now = parts(data, inject)
    before = before.tail(len(now))
    method = EpsilonDiagnosis(EpsilonDiagnosis.config_class(root_cause_top_k=data.shape[1]))
    method.train(before)
    return [name for name, _ in method.find_root_causes(now).root_cause_nodes]


def hypothesis_test(data, inject, graph):
    from pyrca.analyzers.ht import HT

    before, now = parts(data, inject)
    columns = list(before.columns)
    matrix = pd.DataFrame(np.zeros((len(columns), len(columns))), index=columns, columns=columns)
    for cause, effect in graph:
        if cause in matrix.index and effect in matrix.index:
            matrix.loc[cause, effect] = 1
    method = HT(HT.config_class(graph=matrix, root_cause_top_k=len(columns)))
    method.train(before)
    return [name for name, _ in method.find_root_causes(now).root_cause_nodes]


def circa(data, inject, _graph):
    from RCAEval.e2e.circa import circa as method

    return method(data, inject_time=inject, dataset="ob")["ranks"]


def microcause(data, inject, _graph):
    from RCAEval.e2e.microcause import microcause as method

    return method(data, inject_time=inject, dataset="ob")["ranks"]


def parts(data, inject):
    """Before and after, of what moves in both, without gaps."""
    filled = data.drop(columns="time").ffill().bfill().fillna(0.0)
    filled = filled.loc[:, filled.std() > 0]
    return filled[data["time"] < inject], filled[data["time"] >= inject]


METHODS = {
    "BARO (fse-baro)": baro,
    "epsilon-Diagnosis (sfr-pyrca)": epsilon_diagnosis,
    "HT, our graph (sfr-pyrca)": hypothesis_test,
    "CIRCA (RCAEval)": circa,
    "MicroCause (RCAEval)": microcause,
}


def rank(method, folder, seconds):
    data = pd.read_csv(folder / "data.csv")
    inject = float((folder / "inject_time.txt").read_text())
    graph = [tuple(row) for row in pd.read_csv(folder / "graph.csv").to_numpy().tolist()]
    np.random.seed(0)
    signal.alarm(seconds)
    try:
        ranks = list(method(data.ffill().bfill().fillna(0.0), inject, graph))
        return ranks, ""
    except Late:
        return [], f"did not end in {seconds} s"
    except Exception as error:
        return [], f"{type(error).__name__}: {error}"
    finally:
        signal.alarm(0)


def main():
    signal.signal(signal.SIGALRM, stop)
    folders = sorted(Path(sys.argv[1]).iterdir())
    for name, method in METHODS.items():
        for folder in folders:
            began = time.process_time()
            ranks, problem = rank(method, folder, int(sys.argv[2]))
            if problem.startswith(("ModuleNotFoundError", "ImportError")):
                print(json.dumps({"method": name, "missing": problem}), flush=True)
                break
            line = {"case": folder.name, "method": name, "ranks": ranks, "problem": problem}
            print(json.dumps({**line, "seconds": time.process_time() - began}), flush=True)


if __name__ == "__main__":
    main()
