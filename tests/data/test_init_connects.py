"""`init` reaches a Prometheus as it is guarded; its file says so too, the secrets in files of their own."""

import base64
import stat

import pytest
from click.testing import CliRunner
from dotted import prometheus
from serving import Answer, serve

from datasource.cli import main
from datasource.settings import load_settings

BASIC = "Basic " + base64.b64encode(b"me:hunter2").decode()


def guarded(wanted):
    """A Prometheus that answers whoever sends these headers."""

    def answer(asked):
        sent = {name.lower(): value for name, value in asked.headers.items()}
        if any(sent.get(name.lower()) != value for name, value in wanted.items()):
            return Answer(401, b"no org id" if "X-Scope-OrgID" in wanted else b"who are you?")
        return prometheus(asked)

    return serve(answer)


@pytest.fixture
def run(tmp_path):
    """`init` with these options, in a folder with files of secrets; exit code, output, and the file."""
    (tmp_path / "password").write_text("hunter2\n")
    (tmp_path / "token").write_text("t0ken\n")

    def init(url, *options):
        output = tmp_path / "causal.yaml"
        arguments = [one.format(folder=tmp_path) for one in options]
        result = CliRunner().invoke(main, ["init", "--prometheus", url, "--output", str(output), *arguments, "--force"])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result.exit_code, result.output, output.read_text() if output.exists() else ""

    return init


@pytest.mark.parametrize(
    ("wanted", "options", "written"),
    [
        ({"X-Scope-OrgID": "1"}, ["--tenant", "1"], "http_headers: {X-Scope-OrgID: {values: ['1']}}"),
        ({"X-Scope-OrgID": "shop"}, ["--header", "X-Scope-OrgID: shop"], "{X-Scope-OrgID: {values: [shop]}}"),
        ({"X-Api-Key": "t0ken"}, ["--header", "X-Api-Key=t0ken"], "{X-Api-Key: {files: [causal.x-api-key]}}"),
        (
            {"Authorization": BASIC},
            ["--username", "me", "--password-file", "{folder}/password"],
            "password_file: password",
        ),
        ({"Authorization": "Bearer t0ken"}, ["--bearer-token-file", "{folder}/token"], "credentials_file: token}"),
        ({"Authorization": "Bearer t0ken"}, ["--bearer-token", "t0ken"], "credentials_file: causal.token}"),
        (
            {"Authorization": "Bearer t0ken"},
            ["--header", "Authorization: Bearer t0ken"],
            "credentials_file: causal.token",
        ),
        ({"Authorization": "Splunk t0ken"}, ["--header", "Authorization: Splunk t0ken"], "type: Splunk"),
    ],
)
def test_what_a_prometheus_wants_is_sent_and_kept(run, tmp_path, wanted, options, written):
    with guarded(wanted) as server:
        code, output, text = run(server.url, *options)
        assert code == 0, output
        assert written in text
        assert "hunter2" not in text + output
        assert "t0ken" not in text + output
        result = CliRunner().invoke(main, ["check", "--config", str(tmp_path / "causal.yaml")])
        assert result.exit_code == 0, result.output
    for secret in tmp_path.glob("causal.*[!l]"):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
        assert f"wrote {secret}, a secret that only you can read" in output


def test_a_user_in_the_address_is_kept_outside_of_the_file(run, tmp_path):
    with guarded({"Authorization": BASIC}) as server:
        code, output, text = run(server.url.replace("://", "://me:hunter2@"))
        assert code == 0, output
        assert "hunter2" not in text + output
        settings = load_settings(tmp_path / "causal.yaml").settings
        assert settings.prometheus.basic_auth.password_file.read_text() == "hunter2"


def test_parameters_and_the_timeout_are_kept(run):
    with serve(prometheus) as server:
        code, output, text = run(server.url, "--param", "dedup=true", "--timeout", "20s")
        assert code == 0, output
        assert all(asked.params["dedup"] == ["true"] for asked in server.asked)
        assert "  params: {dedup: 'true'}\n  timeout: 20s\n" in text


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"X-Scope-OrgID": "shop"}, "wants a tenant (HTTP 401: no org id); set --tenant"),
        ({"Authorization": BASIC}, "wants credentials (HTTP 401: who are you?); set --username or --bearer-token-file"),
    ],
)
def test_what_is_missing_is_said_in_the_words_of_the_command_line(run, wanted, says):
    with guarded(wanted) as server:
        code, output, _ = run(server.url)
    assert code == 1
    assert says in output


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--username", "me"], "--username and --password-file belong together; give both"),
        (["--bearer-token", "a", "--bearer-token-file", "b"], "exclude each other; keep one of them"),
        (["--header", "Authorization: Basic x"], "is what --username and --password-file are for"),
        (["--header", "X-Scope-OrgID"], "'X-Scope-OrgID' has no value; write it as 'Name: value'"),
        (["--header", "Host: x"], "the header Host is set from other keys"),
        (["--key-file", "k"], "key_file without cert_file"),
        (["--proxy-url", "proxy"], "not the address of an HTTP proxy; write it as http://proxy:3128"),
        (["--param", "dedup"], "'dedup' has no value; write it as dedup=true"),
        (["--param", "query=up"], "'query' is set with every query"),
        (["--timeout", "soon"], "is not a duration; write it as 30s"),
        (["--output", "-", "--bearer-token", "a"], "a secret is kept in a file beside the settings"),
    ],
)
def test_options_that_cannot_be_say_what_to_change(run, options, says):
    code, output, _ = run("http://127.0.0.1:9", *options)
    assert code == 2, output
    assert says in output
