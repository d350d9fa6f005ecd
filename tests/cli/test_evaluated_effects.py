"""What `evaluate` prints of effects and impacts: how they were found, and whether they hold."""

import numpy as np
import pytest
import yaml
from asking_effects import write
from click.testing import CliRunner

from datasource.cli import main

POINTS, START = 400, 1_700_000_010


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What is said of three services, one of which a rollout made slower by 3 at its 300th point."""
    directory = tmp_path_factory.mktemp("evaluated")
    rng = np.random.default_rng(1)
    load = 10 + np.cumsum(rng.normal(0, 0.3, POINTS))
    columns = {"timestamp": START + 30 * np.arange(POINTS)}
    for name in ("web", "cart", "search"):
        columns[f"{name}.load"] = load + rng.normal(0, 1, POINTS)
        columns[f"{name}.latency"] = 2 * columns[f"{name}.load"] + rng.normal(0, 1, POINTS)
        columns[f"{name}.rollouts"] = np.zeros(POINTS)
    columns["web.rollouts"][300] = 1
    columns["web.latency"][300:] += 3
    data = write(directory / "shop.csv", **columns)
    signals = {
        "load": {"role": "load"},
        "latency": {"role": "latency"},
        "rollouts": {"kind": "event", "role": "event"},
    }
    settings = {
        "prometheus": {"url": "http://prometheus:9090"},
        "step": "30s",
        "entities": {"service": {"labels": ["service"]}},
        "signals": {
            name: {"entity": "service", "query": name, "window": "30s", **more} for name, more in signals.items()
        },
        "graph": {"templates": ["load -> latency", "rollouts -> latency"]},
        "effects": [{"treatment": "load", "outcome": "latency"}, {"treatment": "latency", "outcome": "load"}],
        "impacts": [
            {"outcome": "latency", "treated": "web", "at": "rollouts"},
            {"outcome": "latency", "treated": "cart", "at": "rollouts"},
        ],
    }
    config = directory / "causal.yaml"
    config.write_text(yaml.safe_dump(settings))
    result = CliRunner().invoke(main, ["evaluate", "--data", str(data), "--config", str(config)])
    assert result.exit_code == 0, result.output
    return result.stdout


def line(printed: str, *parts: str) -> str:
    return next(one for one in printed.splitlines() if all(part in one for part in parts))


def test_each_effect_says_by_which_method_and_whether_its_checks_hold(printed: str) -> None:
    assert {"checks", "method"} <= set(line(printed, "treatment", "association").split())
    assert line(printed, "cart.load", "cart.latency").split()[-1] == "backdoor.distributed_lag"
    assert line(printed, "cart.load", "cart.latency").split()[-2] in ("hold", "doubtful")
    assert line(printed, "cart.latency", "cart.load", "no path").split()[-3] == "made", "nothing was checked"
    assert "no directed path from cart.latency to cart.load" in printed


def test_each_impact_says_what_the_intervention_changed_or_why_that_is_not_known(printed: str) -> None:
    told = printed[printed.index("Impacts:") :]
    on_average = float(line(told, "web.latency", "difference_in_differences").split()[1])
    assert on_average == pytest.approx(3, abs=0.6)
    assert "cart.latency: no rollouts at cart in the baseline" in told
