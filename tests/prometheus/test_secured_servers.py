"""Real servers that let in only who may: Prometheus' own web configuration, and VictoriaMetrics' flags."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
import trustme
import yaml

from datasource.demo.child import ChildProcess
from datasource.demo.processes import free_port
from datasource.prometheus import PrometheusClient, PrometheusError
from datasource.settings.prometheus import Prometheus

Find = Callable[[str], str]
PASSWORD = "open sesame"
BCRYPT = "$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy"
"""bcrypt of the password, as `htpasswd -nbBC 4` makes it."""


class Secured:
    """A server's address, and the files to be let in."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder

    def config(self, **changes: object) -> dict[str, object]:
        tls = {name: self.folder / f"{name}.pem" for name in ("ca_file", "cert_file", "key_file")}
        basic_auth = {"username": "me", "password_file": self.folder / "password"}
        return {"url": self.url, "timeout": 10, "retries": 0, "tls_config": tls, "basic_auth": basic_auth, **changes}

    def client(self, **changes: object) -> PrometheusClient:
        return PrometheusClient.from_settings(Prometheus.model_validate(self.config(**changes)))


def certificates(folder: Path) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "ca_file.pem"))
    for cert, name, key in (
        (ca.issue_cert("me@client.test"), "cert_file", "key_file"),
        (ca.issue_cert("127.0.0.1"), "server", "server_key"),
    ):
        cert.cert_chain_pems[0].write_to_path(str(folder / f"{name}.pem"))
        cert.private_key_pem.write_to_path(str(folder / f"{key}.pem"))
    (folder / "password").write_text(f"{PASSWORD}\n")


def start(command: list[str], folder: Path, ready: Secured) -> ChildProcess:
    child = ChildProcess(command, folder / "log")
    try:
        child.wait_ready(lambda: _knocks(ready), 30)
    except BaseException:
        child.stop()
        raise
    return child


def _knocks(server: Secured) -> bool:
    try:
        return server.client().query("vector(1)")[0].values[0] == 1
    except PrometheusError:
        return False


@pytest.fixture(scope="module")
def prometheus(server_binary: Find, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """Prometheus under a path prefix, with TLS, client certificates and basic_auth."""
    folder = tmp_path_factory.mktemp("secured")
    binary, port = server_binary("prometheus"), free_port()
    certificates(folder)
    tls = {
        "cert_file": "server.pem",
        "key_file": "server_key.pem",
        "client_auth_type": "RequireAndVerifyClientCert",
        "client_ca_file": "ca_file.pem",
    }
    web = {"tls_server_config": tls, "basic_auth_users": {"me": BCRYPT}}
    (folder / "web.yml").write_text(yaml.safe_dump(web))
    (folder / "prometheus.yml").write_text("{}")
    server = Secured(f"https://127.0.0.1:{port}/metrics/here", folder)
    command = [
        binary,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--web.config.file={folder / 'web.yml'}",
        f"--web.external-url={server.url}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    child = start(command, folder, server)
    yield server
    child.stop()


@pytest.fixture(scope="module")
def victoria(server_binary: Find, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """VictoriaMetrics under a path prefix, with TLS and basic_auth."""
    folder = tmp_path_factory.mktemp("victoria")
    binary, port = server_binary("victoria-metrics"), free_port()
    certificates(folder)
    server = Secured(f"https://127.0.0.1:{port}/vm", folder)
    command = [
        binary,
        f"-storageDataPath={folder / 'data'}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-http.pathPrefix=/vm",
        "-httpAuth.username=me",
        f"-httpAuth.password={PASSWORD}",
        "-tls",
        f"-tlsCertFile={folder / 'server.pem'}",
        f"-tlsKeyFile={folder / 'server_key.pem'}",
    ]
    child = start(command, folder, server)
    yield server
    child.stop()


@pytest.fixture(params=["prometheus", "victoria"])
def server(request: pytest.FixtureRequest) -> Secured:
    one: Secured = request.getfixturevalue(request.param)
    return one


def refused(server: Secured, **changes: object) -> PrometheusError:
    with pytest.raises(PrometheusError) as error:
        server.client(**changes).query("vector(1)")
    assert PASSWORD not in str(error.value)
    return error.value


def test_who_has_everything_is_let_in(server: Secured) -> None:
    one = server.client()
    windows = list(one.query_range("vector(7)", 0, 300, 30))
    assert [list(series.values) for window in windows for series in window] == [[7.0] * 11]
    assert isinstance(one.get("label/__name__/values", {}).data, list)


def test_a_wrong_password_is_unauthorised(server: Secured) -> None:
    error = refused(server, basic_auth={"username": "me", "password": "wrong one"})
    assert error.kind == "unauthorised"
    assert "prometheus.basic_auth" in str(error)
    assert "set prometheus.basic_auth" in str(refused(server, basic_auth=None))


def test_a_rotated_password_file_is_read_again(server: Secured, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("the old one")
    one = server.client(basic_auth={"username": "me", "password_file": file})
    with pytest.raises(PrometheusError):
        one.query("vector(1)")
    file.write_text(PASSWORD)
    assert one.query("vector(1)")


def test_an_unknown_authority_is_told(server: Secured) -> None:
    error = refused(server, tls_config={"insecure_skip_verify": False})
    assert error.kind == "tls"
    assert "prometheus.tls_config.ca_file" in str(error)


def test_without_a_client_certificate_prometheus_says_no(prometheus: Secured) -> None:
    error = refused(prometheus, tls_config={"ca_file": prometheus.folder / "ca_file.pem"})
    assert error.kind == "tls"
    assert "prometheus.tls_config.cert_file" in str(error)


def test_http_for_https_is_told(prometheus: Secured) -> None:
    error = refused(prometheus, url=prometheus.url.replace("https:", "http:"))
    assert error.kind == "tls"
    assert "with https://" in str(error)


def test_a_wrong_path_prefix_is_told(prometheus: Secured) -> None:
    error = refused(prometheus, url=prometheus.url.replace("/here", "/there"))
    assert error.kind == "not_json"
    assert "path prefix" in str(error)


def test_prometheus_api_client_is_let_in_over_the_same_session(prometheus: Secured) -> None:
    assert prometheus.client().connection.check_prometheus_connection()
    with pytest.raises(requests.RequestException):
        requests.get(prometheus.url, timeout=5)
