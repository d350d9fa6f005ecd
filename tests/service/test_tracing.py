"""The service's own traces, sent to a collector as OpenTelemetry's environment variables say."""

import importlib.util
import os
from pathlib import Path

import pytest
import requests
from running import FAST, TwoServices, serving
from serving import Answer, serve

SDK = "opentelemetry.exporter.otlp.proto.http"
TRACE = "0af7651916cd43dd8448eb211c80319c"


def has_sdk() -> bool:
    try:
        return importlib.util.find_spec(SDK) is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.skipif(not has_sdk(), reason="the extra 'traces' is not installed")
def test_stages_and_requests_are_spans_and_a_request_belongs_to_the_trace_of_who_asks(tmp_path: Path) -> None:
    bodies: list[bytes] = []
    services, file = TwoServices(), tmp_path / "causal.yaml"
    file.write_text(FAST.format(url=services.server.url, store=tmp_path / "store"))
    with serve(Answer(200, b"", {"Content-Type": "application/x-protobuf"}), keep=bodies) as collector:
        to = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }
        with serving(file, "traced", env=to) as service:
            service.wait(service.scores)
            asked = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
            assert requests.get(f"{service.url}/api/v1/incidents", headers=asked, timeout=10).ok
            for name in (b"evaluate", b"read", b"judge", b"GET /api/v1/incidents", bytes.fromhex(TRACE)):
                service.wait(lambda name=name: any(name in body for body in bodies))
        assert {one.path for one in collector.asked} == {"/v1/traces"}
    services.stop()


def test_without_the_extra_a_sentence_says_what_to_install(tmp_path: Path) -> None:
    if has_sdk():
        pytest.skip("the extra 'traces' is installed")
    services, file = TwoServices(), tmp_path / "causal.yaml"
    file.write_text(FAST.format(url=services.server.url, store=tmp_path / "store"))
    to = os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    with serving(file, "untraced", env=to) as service:
        service.wait(service.scores)
        assert "traces need 'pip install causal-datasource[traces]'" in service.process.log.read_text()
    services.stop()
