"""Prometheus' own http_config in causal.yaml: accepted as it is, refused in words, and never with a secret."""

import pytest

from datasource.settings import Settings, SettingsError, parse_settings

SECRET = "hunter2-never-show"


def parse(block: str) -> Settings:
    lines = "".join(f"  {line}\n" for line in block.strip().splitlines())
    return parse_settings(
        f"prometheus:\n  url: https://prometheus:9090\n{lines}"
        "entities: {service: {labels: [service]}}\nsignals: {up: {entity: service, query: up, window: 30s}}\n"
    )


def test_everything_that_http_config_may_say_is_accepted() -> None:
    settings = parse(f"""
authorization: {{type: Bearer, credentials: {SECRET}}}
tls_config: {{ca_file: ca.pem, cert_file: c.pem, key_file: k.pem, server_name: p, min_version: TLS13}}
proxy_url: http://me:{SECRET}@proxy:3128
no_proxy: localhost,10.0.0.0/8
http_headers:
  X-Scope-OrgID: {{values: [team]}}
  X-Key: {{secrets: [{SECRET}], files: [key]}}
follow_redirects: false
params: {{dedup: true, max_source_resolution: 5m, "engine": [thanos]}}
partial: fail
max_points: 5000
max_series: 200
""")
    assert settings.prometheus.params == {"dedup": ("true",), "max_source_resolution": ("5m",), "engine": ("thanos",)}
    assert SECRET not in repr(settings) + str(settings) + settings.model_dump_json()


def test_oauth2_as_prometheus_writes_it_is_accepted() -> None:
    settings = parse(f"""
oauth2:
  client_id: me
  client_secret: {SECRET}
  scopes: [read]
  token_url: https://idp/token
  endpoint_params: {{audience: prometheus}}
  tls_config: {{insecure_skip_verify: true}}
""")
    assert SECRET not in repr(settings) + settings.model_dump_json()


@pytest.mark.parametrize(
    ("block", "line", "says"),
    [
        (
            f"basic_auth: {{username: me, password: {SECRET}}}\nauthorization: {{credentials: {SECRET}}}",
            1,
            "basic_auth and authorization exclude each other; keep one of them",
        ),
        (f"basic_auth: {{username: me, pasword: {SECRET}}}", 3, "did you mean 'password'"),
        (f"basic_auth: {{password: {SECRET}}}", 3, "give username or username_file"),
        (f"basic_auth: {{username: a, password: {SECRET}, password_file: f}}", 3, "both password and password_file"),
        ("basic_auth: {username: me, password: 83512}", 3, "not a text; put it in quotes"),
        (f"basic_auth: me:{SECRET}", 3, "should be a block of keys and values; known are: username"),
        (f"authorization: {{type: Basic, credentials: {SECRET}}}", 3, "use that block"),
        ("authorization: {type: Bearer}", 3, "either credentials or credentials_file"),
        (f"authorization: {{credentials: *{SECRET}}}", 3, "needs quotes"),
        (f"authorization: {{credentials: !{SECRET} }}", 3, "needs quotes"),
        (f"authorization: {{credentials: [{SECRET}]}}", 3, "a list"),
        (f"oauth2: {{client_id: me, client_secret: {SECRET}}}", 3, "token_url: missing"),
        (f"oauth2: {{client_id: me, client_secret: {SECRET}, token_url: idp}}", 3, "is not an address"),
        ("tls_config: {key_file: k}", 3, "key_file without cert_file"),
        ("tls_config: {ca_file: k, ca: text}", 3, "both ca_file and ca"),
        ("tls_config: {min_version: TLS9}", 3, "none of 'TLS10', 'TLS11', 'TLS12' or 'TLS13'"),
        (f"http_headers: {{Authorization: {{secrets: [{SECRET}]}}}}", 3, "set from other keys"),
        (f"http_headers: {{X-Key: {SECRET}}}", 3, "known are: values, secrets, files"),
        ("http_headers: {X-Key: {}}", 3, "no value"),
        (f"proxy_url: socks5://me:{SECRET}@proxy", 3, "not the address of an HTTP proxy"),
        ("no_proxy: localhost", 1, "no_proxy without proxy_url"),
        ("params: {query: up}", 3, "'query' is set with every query"),
        ("partial: maybe", 3, "none of 'notice' or 'fail'"),
        ("max_series: 0", 3, "greater than or equal to 1"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_without_its_secret(block: str, line: int, says: str) -> None:
    with pytest.raises(SettingsError) as error:
        parse(block)
    assert says in str(error.value)
    assert f"causal.yaml:{line}: " in str(error.value)
    assert SECRET not in str(error.value)
    assert "83512" not in str(error.value)


def test_a_user_in_the_url_becomes_basic_auth_and_is_not_shown() -> None:
    text = """
prometheus: {url: 'http://me:hunter2-never-show@prometheus:9090'MORE}
entities: {service: {labels: [service]}}
signals: {up: {entity: service, query: up, window: 30s}}
"""
    settings = parse_settings(text.replace("MORE", ""))
    assert settings.prometheus.url == "http://prometheus:9090"
    assert settings.prometheus.basic_auth is not None
    assert settings.prometheus.basic_auth.username == "me"
    assert SECRET not in repr(settings)
    for change, says in (
        (("MORE", ", authorization: {credentials: x}"), "url holds a user, and authorization is there too"),
        (("'http:", "'htp:"), "is not an address"),
        (("{url: 'http:", "'http:"), "should be a block"),
    ):
        with pytest.raises(SettingsError, match=says) as error:
            parse_settings(text.replace(*change).replace("MORE}", "" if "should" in says else "}"))
        assert SECRET not in str(error.value)
