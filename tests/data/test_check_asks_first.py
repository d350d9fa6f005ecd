"""`check` says of a Prometheus that hangs that it does, once, and shows what it is doing."""

from click.testing import CliRunner
from dotted import METRICS, prometheus
from serving import Answer, serve

from datasource.cli import main


def settings(url, path, timeout):
    query = f'sum by ("service.name") (rate({{"{METRICS[0]}"}}[2m]))'
    signals = "".join(f"  s{n}: {{entity: service, query: '{query}', window: 2m}}\n" for n in range(20))
    path.write_text(
        f"prometheus: {{url: '{url}', timeout: {timeout}, retries: 0}}\n"
        f"entities: {{service: {{labels: [service.name]}}}}\nsignals:\n{signals}"
    )
    return str(path)


def test_a_prometheus_that_hangs_is_asked_once_and_not_for_every_signal(tmp_path):
    with serve(Answer(200, b"{}", drip=0.5, slow="headers")) as server:
        result = CliRunner().invoke(main, ["check", "--config", settings(server.url, tmp_path / "causal.yaml", "1s")])
        assert len(server.asked) == 1
    assert result.exit_code == 3
    assert "did not answer within 1 s" in result.output


def test_what_goes_on_is_shown(tmp_path):
    with serve(prometheus) as server:
        result = CliRunner().invoke(main, ["check", "--config", settings(server.url, tmp_path / "causal.yaml", "60s")])
    assert result.exit_code == 0, result.output
    assert "reading 20 signals, each within 1m" in result.output
