"""docker-compose.yml, the image, and what Grafana is provisioned with; no daemon is needed."""

import subprocess
from collections.abc import Callable

import yaml
from shipped import DASHBOARDS, ROOT, SHIPPED, Json, read

COMPOSE: Json = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Json] = COMPOSE["services"]


def test_docker_compose_accepts_the_file(server_binary: Callable[[str], str]) -> None:
    command = [server_binary("docker-compose"), "--file", str(ROOT / "docker-compose.yml"), "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_nothing_listens_beyond_this_machine() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_what_others_wait_for_can_say_that_it_is_well() -> None:
    for service in SERVICES.values():
        for needed, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[needed] or SERVICES[needed].get("build") == "."


def test_what_is_mounted_is_there() -> None:
    mounted = [volume.split(":") for service in SERVICES.values() for volume in service.get("volumes", [])]
    for source, *_ in mounted:
        assert (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]


def test_the_datasource_reads_the_prometheus_beside_it() -> None:
    url = SERVICES["datasource"]["environment"]["CAUSAL_PROMETHEUS_URL"]
    assert url.removeprefix("http://").partition(":")[0] in SERVICES


def test_prometheus_keeps_the_labels_of_results() -> None:
    jobs = {job["job_name"]: job for job in read("prometheus/prometheus.yml")["scrape_configs"]}
    assert jobs["causal-datasource"]["honor_labels"] is True
    assert jobs["shop"]["honor_labels"] is True
    assert jobs["shop"]["honor_timestamps"] is True


def test_grafana_gets_a_data_source_for_each_dashboard() -> None:
    types = {source["type"]: source for source in read("grafana/datasources/causal.yml")["datasources"]}
    for dashboard in DASHBOARDS.values():
        chosen = next(one["query"] for one in dashboard["templating"]["list"] if one["type"] == "datasource")
        host = types[chosen]["url"].removeprefix("http://").partition(":")[0]
        assert host in SERVICES


def test_grafana_finds_the_dashboards_where_they_are_mounted() -> None:
    providers = read("grafana/dashboards/causal.yml")["providers"]
    places = dict(volume.split(":")[:2] for volume in SERVICES["grafana"]["volumes"])
    assert [one["options"]["path"] for one in providers] == [f"{places['./dashboards']}/{kind}" for kind in SHIPPED]
    assert len({one["name"] for one in providers} | {one["folder"] for one in providers}) == 2 * len(providers)


def test_home_needs_no_plugin_and_grafana_starts_without_one() -> None:
    environment = SERVICES["grafana"]["environment"]
    home = environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == "/etc/grafana/dashboards/prometheus/causal-overview.json"
    assert home.rpartition("/")[2].removesuffix(".json") in SHIPPED["prometheus"]
    assert environment["GF_PLUGINS_PREINSTALL"] == "${CAUSAL_GRAFANA_PLUGINS-simpod-json-datasource}"
    assert not any("SYNC" in name for name in environment)


def test_there_is_room_in_memory_for_three_snapshots() -> None:
    """Docker gives 64 MiB where nothing is said, which is one snapshot of a thousand services."""
    assert int(SERVICES["datasource"]["shm_size"].removesuffix("m")) >= 3 * 70


def test_only_the_demo_says_that_everybody_who_reaches_it_may_read() -> None:
    said = {name for name, one in SERVICES.items() if "CAUSAL_INSECURE_LISTEN" in one.get("environment", {})}
    assert said == {"datasource"}
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["datasource"]["ports"])
    assert "insecure" not in (ROOT / "Dockerfile").read_text()
