"""What `check` says when Prometheus does not let us in, or answers in part or too much."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from click.testing import CliRunner

from datasource.cli import main

SECRET = "hunter2-never-show"
Check = Callable[..., tuple[int, str]]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        params = parse_qs(urlsplit(self.path).query)
        query = params.get("query", [""])[0]
        allowed = self.headers.get("Authorization") == f"Bearer {SECRET}"
        if "start" in params and query:
            start, step = int(params["start"][0]), int(params["step"][0])
            points = [[start + i * step, str(i % 7)] for i in range((int(params["end"][0]) - start) // step + 1)]
            names = [str(i) for i in range(30)] if query == "many" else ["web"]
            result = [{"metric": {"service": name}, "values": points} for name in names]
        else:
            result = []
        body = {"status": "success", "data": {"resultType": "matrix", "result": result}, "isPartial": query == "part"}
        text = orjson.dumps(body) if allowed else b"Unauthorized"
        self.send_response(200 if allowed else 401)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def check(tmp_path: Path) -> Iterator[Check]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def run(*queries: str, token: str = SECRET, more: str = "") -> tuple[int, str]:
        file = tmp_path / "causal.yaml"
        (tmp_path / "token").write_text(token)
        signals = "".join(f"  {query}: {{entity: service, query: {query}, window: 30s}}\n" for query in queries)
        file.write_text(
            f"prometheus: {{url: 'http://127.0.0.1:{server.server_port}', retries: 0, "
            f"authorization: {{credentials_file: token}}{more}}}\n"
            f"baseline: 2h\nentities: {{service: {{labels: [service]}}}}\nsignals:\n{signals}"
        )
        result = CliRunner().invoke(main, ["check", "--config", str(file)])
        assert SECRET not in result.output
        return result.exit_code, result.output

    yield run
    server.shutdown()
    server.server_close()


def test_who_is_let_in_sees_no_difference(check: Check) -> None:
    code, output = check("whole")
    assert (code, "all fine" in output) == (0, True)


def test_a_refused_token_names_the_setting_and_ends_with_3(check: Check) -> None:
    code, output = check("whole", token="wrong")
    assert code == 3
    assert "does not accept our credentials (HTTP 401: Unauthorized)" in output
    assert "check prometheus.authorization.credentials_file" in output


def test_a_partial_answer_is_noted_or_wrong(check: Check) -> None:
    code, output = check("whole", "part")
    assert code == 0
    assert "note: the answer is partial" in output
    code, output = check("whole", "part", more=", partial: fail")
    assert code == 1
    assert "WRONG" in output
    assert "prometheus.partial: fail refuses that" in output
    assert check("part", more=", partial: fail")[0] == 1


def test_too_many_series_are_wrong_with_both_numbers(check: Check) -> None:
    for queries in (("whole", "many"), ("many",)):
        code, output = check(*queries, more=", max_series: 20")
        assert code == 1
        assert "WRONG: 30 series, prometheus.max_series allows 20; aggregate the query or raise it" in output
