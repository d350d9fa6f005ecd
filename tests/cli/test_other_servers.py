"""`init` finds the Loki and the Tempo that a Prometheus scrapes, and asks them about the services that it measures."""

import time

import histories
import pytest
from histories import Line
from serving import Answer, serve, success

from datasource.cli.init import propose
from datasource.demo.processes import start_prometheus
from datasource.settings import parse_settings


def logging(*services, label="app"):
    """A Loki in which these services log; nobody has error codes."""

    def answer(asked):
        if asked.path.endswith("/labels"):
            return success([label, "namespace", "pod"])
        query = asked.params["query"][0]
        if f"sum by ({label})" not in query or "error_code" in query:
            return success({"resultType": "matrix", "result": []})
        now = int(time.time())
        values = [[now - 60 * ago, "3"] for ago in range(30, 0, -1)]
        result = [{"metric": {label: service}, "values": values} for service in services]
        return success({"resultType": "matrix", "result": result})

    return answer


@pytest.fixture
def proposed(server_binary, tmp_path):
    """Runs `init` on a Prometheus that scrapes services and these servers, by metric and labels of their targets."""
    servers = []

    def run(*targets):
        lines = [*histories.http_by_job(), *(Line(metric, labels, lambda _: 1.0) for metric, labels in targets)]
        history = histories.openmetrics(tmp_path / f"om{len(servers)}", histories.samples(lines, 1))
        servers.append(
            start_prometheus(server_binary("prometheus"), tmp_path / f"prometheus{len(servers)}", backfill=history)
        )
        proposal = propose(servers[-1].url)
        return proposal.text, parse_settings(proposal.text), "\n".join(proposal.findings)

    yield run
    for server in servers:
        server.stop()


def test_a_loki_that_knows_the_services_is_read(proposed):
    with serve(logging("web", "cart")) as loki:
        instance = loki.url.removeprefix("http://")
        _, settings, findings = proposed(("loki_build_info", {"instance": instance, "job": "loki"}))
        assert settings.loki.url == loki.url
    assert {"lines", "error_lines", "warning_lines"} <= set(settings.signals)
    assert settings.signals["lines"].labels == {"job": "app"}
    assert "coded_errors" not in settings.signals, "nobody logs a code"
    assert "error_codes" not in settings.relations
    assert f"found Loki at {loki.url}: lines, error_lines, warning_lines" in findings


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (logging("mail"), "it knows none of these services by app"),
        (lambda _: Answer(401, b"no org id"), "it does not answer from here"),
    ],
)
def test_a_loki_that_does_not_is_proposed_with_the_reason(proposed, answer, says):
    with serve(answer) as loki:
        instance = loki.url.removeprefix("http://")
        text, settings, findings = proposed(("loki_build_info", {"instance": instance}))
    assert settings.loki is None
    assert f"found Loki at {loki.url}, proposed in the file and not used yet: {says}" in findings
    assert f"#loki: {{url: '{loki.url}'}}" in text
    uncommented = text.replace(f"#loki: {{url: '{loki.url}'}}", f"loki: {{url: '{loki.url}'}}\npacks: {{loki: {{}}}}")
    assert "lines" in parse_settings(uncommented).signals


def test_the_part_that_answers_is_asked_by_the_name_of_its_service(proposed):
    parts = [
        ("tempo_build_info", {"instance": f"10.0.0.{n}:3200", "namespace": "obs", "service": f"tempo-{part}"})
        for n, part in enumerate(("distributor", "query-frontend", "memberlist"))
    ]
    text, _, findings = proposed(*parts)
    assert "found Tempo at http://tempo-query-frontend.obs:3200, proposed in the file" in findings
    assert "it would only say again what is measured already" in findings
    assert "#  tempo: {stream: [resource.service.name]}" in text
