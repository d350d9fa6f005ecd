"""TLS as in Prometheus' tls_config: whom we trust, what we show, and what is wrong in words."""

import datetime
import ssl
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import trustme
from serving import Answer, Server, serve, success

from datasource.prometheus import PrometheusClient, PrometheusError
from datasource.settings.prometheus import Prometheus

Start = Callable[..., AbstractContextManager[Server]]


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(ca: trustme.CA, tmp_path: Path) -> Path:
    file = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(str(file))
    return file


def context(cert: trustme.LeafCert, clients: trustme.CA | None = None) -> ssl.SSLContext:
    one = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    cert.configure_cert(one)
    if clients is not None:
        one.verify_mode = ssl.CERT_REQUIRED
        clients.configure_trust(one)
    return one


def write(cert: trustme.LeafCert, folder: Path) -> dict[str, Path]:
    cert.private_key_pem.write_to_path(str(folder / "key.pem"))
    cert.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    return {"cert_file": folder / "cert.pem", "key_file": folder / "key.pem"}


def client(url: str, **tls: object) -> PrometheusClient:
    config = {"url": url, "timeout": 5, "retries": 0, "tls_config": tls}
    return PrometheusClient.from_settings(Prometheus.model_validate(config))


def ask(url: str, **tls: object) -> None:
    client(url, **tls).get("query", {"query": "up"})


def refused(url: str, **tls: object) -> str:
    with pytest.raises(PrometheusError) as error:
        ask(url, **tls)
    assert error.value.kind == "tls", str(error.value)
    return str(error.value)


def test_a_private_authority_is_trusted_by_file_or_text(ca: trustme.CA, ca_file: Path) -> None:
    with serve(success(), context(ca.issue_cert("127.0.0.1"))) as server:
        ask(server.url, ca_file=ca_file)
        ask(server.url, ca=ca_file.read_text())
        ask(server.url, ca_file=ca_file, min_version="TLS13")


def test_without_the_authority_the_setting_is_named(ca: trustme.CA, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    with serve(success(), context(ca.issue_cert("127.0.0.1"))) as server:
        assert "set prometheus.tls_config.ca_file" in refused(server.url)
        assert "set prometheus.tls_config.ca_file" in refused(server.url, ca_file=tmp_path / "other.pem")


def test_verification_can_be_skipped(ca: trustme.CA) -> None:
    with serve(success(), context(ca.issue_cert("elsewhere.test"))) as server:
        ask(server.url, insecure_skip_verify=True)


def test_an_expired_certificate_is_told(ca: trustme.CA, ca_file: Path) -> None:
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    with serve(success(), context(ca.issue_cert("127.0.0.1", not_after=past))) as server:
        assert "has expired" in refused(server.url, ca_file=ca_file)


def test_a_certificate_for_another_name_is_told_and_server_name_helps(ca: trustme.CA, ca_file: Path) -> None:
    with serve(success(), context(ca.issue_cert("prometheus.test"))) as server:
        text = refused(server.url, ca_file=ca_file)
        assert "set prometheus.tls_config.server_name" in text
        ask(server.url, ca_file=ca_file, server_name="prometheus.test")
        assert "server_name" in refused(server.url, ca_file=ca_file, server_name="another.test")


def test_a_server_that_wants_a_client_certificate(ca: trustme.CA, ca_file: Path, tmp_path: Path) -> None:
    mine = write(ca.issue_cert("me@client.test"), tmp_path)
    with serve(success(), context(ca.issue_cert("127.0.0.1"), clients=ca)) as server:
        ask(server.url, ca_file=ca_file, **mine)
        text = refused(server.url, ca_file=ca_file)
        assert "wants a client certificate" in text
        assert "prometheus.tls_config.cert_file" in text
        foreign = write(trustme.CA().issue_cert("me@client.test"), tmp_path)
        assert "does not accept our client certificate" in refused(server.url, ca_file=ca_file, **foreign)


def test_a_renewed_client_certificate_is_used_without_a_restart(ca: trustme.CA, ca_file: Path, tmp_path: Path) -> None:
    files = write(trustme.CA().issue_cert("me@client.test"), tmp_path)
    with serve(success(), context(ca.issue_cert("127.0.0.1"), clients=ca)) as server:
        one = client(server.url, ca_file=ca_file, **files)
        with pytest.raises(PrometheusError):
            one.get("query", {"query": "up"})
        write(ca.issue_cert("me@client.test"), tmp_path)
        one.get("query", {"query": "up"})


def test_files_that_cannot_be_used_are_named(ca: trustme.CA, ca_file: Path, tmp_path: Path) -> None:
    with serve(success(), context(ca.issue_cert("127.0.0.1"))) as server:
        assert "tls_config.ca_file" in refused(server.url, ca_file=tmp_path / "nowhere.pem")
        (tmp_path / "strange.pem").write_text("no certificate")
        assert "tls_config.ca_file" in refused(server.url, ca_file=tmp_path / "strange.pem")
        pair = write(ca.issue_cert("me@client.test"), tmp_path)
        assert "tls_config.key_file" in refused(server.url, cert_file=pair["cert_file"], key_file=tmp_path / "no.pem")
        ca.issue_cert("you@client.test").private_key_pem.write_to_path(str(tmp_path / "key.pem"))
        assert "key values mismatch" in refused(server.url, ca_file=ca_file, **pair)


def test_http_for_https_and_the_other_way_round_are_told(ca: trustme.CA) -> None:
    with serve(success()) as server:
        assert "write the address with http://" in refused(server.url.replace("http:", "https:"))
    with serve(Answer(400, b"Client sent an HTTP request to an HTTPS server.\n")) as server:
        assert "with https://" in refused(server.url)


def test_a_redirect_to_a_stranger_shows_no_certificate(ca: trustme.CA, ca_file: Path, tmp_path: Path) -> None:
    mine = write(ca.issue_cert("me@client.test"), tmp_path)
    with serve(success(), context(ca.issue_cert("127.0.0.1"), clients=ca)) as stranger:
        moved = Answer(302, headers={"Location": f"{stranger.url}/x"})
        with serve(moved, context(ca.issue_cert("127.0.0.1"), clients=ca)) as server:
            with pytest.raises(PrometheusError, match="certificate"):
                ask(server.url, ca_file=ca_file, **mine)
            assert server.asked
            assert not stranger.asked
