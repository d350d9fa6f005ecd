"""What names alone tell of cause and effect."""

import numpy as np
import pytest

from datasource.discovery.names import beliefs, by_size, read_names


def direction(cause: str, effect: str, *others: str) -> float:
    return float(beliefs(read_names([cause, effect, *others])).direction[0, 1])


def presence(one: str, other: str, *others: str) -> float:
    return float(beliefs(read_names([one, other, *others])).presence[0, 1])


@pytest.mark.parametrize(
    ("cause", "effect"),
    [
        ("requests", "cpu"),
        ("net_in", "http_processes"),
        ("NetIn", "CpuTotal"),
        ("cpu_usage", "response_time"),
        ("queue_length", "latency"),
        ("latency", "errors"),
        ("restarts", "dropped_messages"),
        ("cpu_php", "cpu_global"),
        ("processed_parser", "processed_writer"),
        ("latency_bolt", "latency_spout"),
        ("Anfragen", "Antwortzeit"),
        ("requêtes", "erreurs"),
        ("dbcpu", "dbtime"),
    ],
)
def test_work_flows_from_demand_to_failures_and_waits_come_back(cause: str, effect: str) -> None:
    assert direction(cause, effect, "something") > 0
    assert direction(effect, cause, "something") < 0


def test_metrics_of_one_component_are_likelier_tied_than_those_of_two() -> None:
    assert presence("cpu_web", "latency_web", "cpu_db", "latency_db") > presence("cpu_web", "latency_db", "cpu_db", "x")


def test_a_part_is_tied_to_the_whole() -> None:
    names = ("cpu_http", "cpu_total", "ram_php", "disk_io")
    told = beliefs(read_names(names)).presence
    assert told[0, 1] > max(told[0, 2], told[0, 3])


def test_names_that_tell_nothing_have_no_direction_and_about_as_many_edges_as_variables() -> None:
    told = beliefs(read_names([f"x{place}" for place in range(10)]))
    likely = 1 / (1 + np.exp(-told.presence[np.triu_indices(10, 1)]))
    assert 10 <= likely.sum() <= 16
    assert abs(told.direction).max() < 1


def test_the_spread_of_what_is_no_flow_decides_nothing() -> None:
    values = np.array([[1.0, 2.0, 3.0], [5.0, 6.0, 7.0]])
    assert (
        abs(by_size(read_names(["aussen", "ventil"]), values)[0, 1])
        < 0.4
        < by_size(read_names(["requests", "queries"]), values)[1, 0]
    )


def test_who_waits_takes_at_least_as_long_as_who_is_waited_for() -> None:
    names = read_names(["latency_a", "latency_b"])
    assert by_size(names, np.array([[1.0, 2.0, 3.0], [5.0, 6.0, 7.0]]))[0, 1] > 0
