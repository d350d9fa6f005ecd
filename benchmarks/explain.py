"""How often `explain` names the label values that were broken, and how often it names some where nothing was.

Requests of many series (version, zone, path, pod, status) with the counts and the over-dispersion that services have;
one combination of one to three labels fails, slows down or loses its requests. The figures are told per kind and size.

    python benchmarks/explain.py --seeds 100
"""

import argparse
import sys
from collections import Counter
from typing import NamedTuple

import numpy as np

from datasource.attribution.cells import Rows, lay_out
from datasource.attribution.explanation import Explanation, Measured, explain_change
from datasource.attribution.question import read_question

QUERIES = {
    "sum": "sum(rate(requests_total[5m]))",
    "ratio": "sum(rate(errors_total[5m])) / sum(rate(requests_total[5m]))",
    "mean": "sum(rate(seconds_sum[5m])) / sum(rate(seconds_count[5m]))",
}
WINDOWS, OVER = 14, 900
VALUES = {"version": 3, "zone": 3, "path": 12, "method": 3}
PODS = 5
"""Of every zone and version; each serves everything."""


class World(NamedTuple):
    """Series, the combination that was broken, and what is asked of them."""

    measured: Measured
    broken: tuple[tuple[str, str], ...]
    kind: str


def simulate(kind: str, depth: int, seed: int, *, per_second: float = 200.0, strength: float = 1.0) -> World:
    """A world in which `depth` labels (0: none) say who is broken; `strength` scales how much."""
    rng = np.random.default_rng(seed)
    popular = {name: rng.dirichlet(np.full(count, 1.5)) for name, count in VALUES.items()}
    labels: list[dict[str, str]] = []
    weights: list[float] = []
    for version in range(VALUES["version"]):
        for zone in range(VALUES["zone"]):
            for pod in range(PODS):
                for path in range(VALUES["path"]):
                    for method in range(VALUES["method"]):
                        chosen = {"version": version, "zone": zone, "path": path, "method": method}
                        labels.append(
                            {name: f"{name[0]}{code}" for name, code in chosen.items()}
                            | {"pod": f"{version}-{zone}-{pod}"}
                        )
                        weights.append(float(np.prod([popular[name][code] for name, code in chosen.items()])) / PODS)
    share = np.array(weights) / sum(weights)
    broken, hit = _break(rng, labels, share, depth, 0.1 if kind == "sum" else 0.02)
    season = 1 + 0.1 * np.sin(np.arange(WINDOWS) / 3) + 0.05 * rng.normal(size=WINDOWS)
    own = {
        name: {f"{name[0]}{code}": 1 + 0.05 * rng.normal(size=WINDOWS) for code in range(count)}
        for name, count in VALUES.items()
    }
    sway = np.array([np.prod([own[name][one[name]] for name in own], axis=0) for one in labels])
    intensity = per_second * share[:, None] * season * sway
    if kind == "sum" and depth:
        intensity[hit, -1] *= 1 - 0.6 * strength
    requests = rng.poisson(np.maximum(intensity, 0) * OVER) / OVER
    base = {f"p{code}": float(np.exp(rng.normal(0, 0.7))) for code in range(VALUES["path"])}
    of_path = np.array([base[one["path"]] for one in labels])[:, None]
    wobble = np.exp(0.1 * rng.normal(size=(1, WINDOWS)))
    if kind == "ratio":
        chance = np.clip(0.004 * of_path * wobble, 0, 1) * np.ones_like(requests)
        if depth:
            chance[hit, -1] = np.clip(chance[hit, -1] + 0.08 * strength, 0, 1)
        above = rng.binomial(np.rint(requests * OVER).astype(int), chance) / OVER
    else:
        each = 0.1 * of_path * wobble * np.ones_like(requests)
        if depth and kind == "mean":
            each[hit, -1] *= 1 + 2.0 * strength
        counts = np.rint(requests * OVER)
        above = np.where(counts > 0, rng.gamma(np.maximum(counts, 1), each), 0) / OVER
    there = np.ones((len(labels), 2), dtype=bool)
    rows = Rows(labels, requests, there)
    cells = lay_out(rows, None) if kind == "sum" else lay_out(Rows(labels, above, there), rows)
    return World(Measured(cells, {}, 0, 3600, OVER, len(labels)), broken, kind)


def _break(
    rng: np.random.Generator, labels: list[dict[str, str]], share: np.ndarray, depth: int, least: float
) -> tuple[tuple[tuple[str, str], ...], np.ndarray]:
    """A combination of `depth` labels that has at least a share of the requests, or nearly, and at most half."""
    best: tuple[tuple[str, str], ...] = ()
    hit = np.zeros(len(labels), dtype=bool)
    for _ in range(30 if depth else 0):
        names = rng.permutation(list(VALUES))[:depth]
        like = labels[rng.choice(len(labels), p=share)]
        chosen = tuple(sorted((str(name), like[name]) for name in names))
        cells = np.array([all(one[name] == value for name, value in chosen) for one in labels])
        if share[hit].sum() < share[cells].sum() < 0.5:
            best, hit = chosen, cells
        if share[hit].sum() >= least:
            break
    return best, hit


def judge(found: Explanation, broken: tuple[tuple[str, str], ...]) -> str:
    """Whether the first story is what was broken: exact, part (a piece or a superset of it), wrong, or none."""
    if not found.parts:
        return "none"
    first = found.parts[0].labels
    if tuple(sorted(first)) == broken:
        return "exact"
    related = set(first) <= set(broken) or set(first) >= set(broken)
    return "part" if broken and related else "wrong"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--rates", type=float, nargs="+", default=[20.0, 200.0], help="Requests per second.")
    options = parser.parse_args()
    print(f"{'kind':6} {'requests/s':>10} {'labels':>6}  exact  part  wrong  none  further  share of the change")
    missed = False
    for kind, query in QUERIES.items():
        question = read_question(query)
        for per_second in options.rates:
            for depth in (0, 1, 2, 3):
                told: Counter[str] = Counter()
                further, shares = 0, []
                for seed in range(options.seeds):
                    world = simulate(kind, depth, seed, per_second=per_second)
                    found = explain_change(question, world.measured)
                    verdict = judge(found, world.broken)
                    told[verdict] += 1
                    further += max(0, len(found.parts) - 1)
                    if verdict == "exact":
                        shares.append(found.parts[0].effect / found.change)
                rates = [told[one] / options.seeds for one in ("exact", "part", "wrong", "none")]
                carried = f"{np.median(shares):.0%}" if shares else ""
                print(
                    f"{kind:6} {per_second:10.0f} {depth:6d}  "
                    + "  ".join(f"{rate:5.0%}" for rate in rates)
                    + f"  {further / options.seeds:7.2f}  {carried}"
                )
                if per_second > 100:
                    missed |= rates[0] < 0.9 if depth else rates[3] < 0.95
    sys.exit(int(missed))


if __name__ == "__main__":
    main()
