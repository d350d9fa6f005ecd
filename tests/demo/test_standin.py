"""The stand-in answers what a real Prometheus answers, for the same samples and the same requests."""

import math
import re
import time

import pytest
import requests
from prometheus_api_client import PrometheusConnect

from datasource.demo.exposition import write_openmetrics
from datasource.demo.live import LiveShop
from datasource.demo.processes import start_prometheus
from datasource.demo.samples import SampleStore
from datasource.demo.selectors import parse_selector
from datasource.demo.serving import BackgroundServer
from datasource.demo.shop import Shop
from datasource.demo.standin import standin_app
from datasource.demo.standin_server import stored

END = 1_780_000_200
"""A fixed end of the samples, on the 30 s grid."""
STEPS = 240
START = END - (STEPS - 1) * 30

ODD_VALUES = [0.1 + 0.2, 1e-5, 1e-7, -2.5e-9, 1e16, 123456789012345680.0, 1e21, 1.5e300, -0.0, 0.0, 3.0, -17.25]
ODD_VALUES += [math.inf, -math.inf, 5e-324, 1 / 3]


def odd_samples() -> str:
    """Series with gaps, odd values, odd labels, odd times; grouped by family."""
    lines = ["# TYPE gappy gauge"]
    kinds = {"short": lambda n: n % 20 < 12, "long": lambda n: not 40 < n < 160, "late": lambda n: n > 200}
    for kind, present in kinds.items():
        lines += [f'gappy{{kind="{kind}"}} {n} {START + 30 * n}' for n in range(STEPS) if present(n)]
    lines.append("# TYPE odd gauge")
    lines += [f'odd{{case="values"}} {value!r} {START + 30 * n}' for n, value in enumerate(ODD_VALUES)]
    lines += [f'odd{{case="between"}} {n} {START + 30 * n + 0.257}' for n in range(STEPS)]
    lines += [f'odd{{case="a\\"b\\\\c",Upper="x",_under="ä"}} {n} {START + 30 * n}' for n in range(STEPS)]
    return "\n".join(lines) + "\n# EOF\n"


def loaded(text: str) -> SampleStore:
    """The samples of an OpenMetrics text."""
    store = SampleStore()
    columns: dict[tuple[tuple[str, str], ...], tuple[list[int], list[float]]] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, labels, value, timestamp = re.fullmatch(r"([^{]+)\{(.*)\} (\S+) (\S+)", line).groups()
        pairs = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels)
        key = (("__name__", name), *((label, re.sub(r"\\(.)", r"\1", text)) for label, text in pairs))
        times, values = columns.setdefault(key, ([], []))
        times.append(round(float(timestamp) * 1000))
        values.append(float(value))
    for key, (times, values) in columns.items():
        store.extend(dict(key), times, values)
    return store


@pytest.fixture(scope="module")
def servers(prometheus, tmp_path_factory):
    """The urls of a real Prometheus and of the stand-in, holding the same samples."""
    directory = tmp_path_factory.mktemp("standin")
    history = directory / "history.om"
    live = LiveShop(Shop(), END, STEPS)
    with history.open("w") as out:
        write_openmetrics(out, live.history, live.origin)
    text = history.read_text().removesuffix("# EOF\n") + odd_samples()
    history.write_text(text)
    real = start_prometheus(prometheus, directory / "prometheus", backfill=history)
    standin = BackgroundServer(standin_app(loaded(text)))
    yield real.url, standin.url
    standin.stop()
    real.stop()


def answers(servers, path, parameters, method="GET"):
    """Status, decoded body, of both."""
    where = "params" if method == "GET" else "data"
    replies = [requests.request(method, url + "/api/v1/" + path, timeout=10, **{where: parameters}) for url in servers]
    return [(reply.status_code, reply.json()) for reply in replies]


def version(url):
    """Major and minor."""
    build = requests.get(url + "/api/v1/status/buildinfo", timeout=10).json()["data"]
    return build["version"].split("+")[0].split(".")[:2]


def assert_same(servers, path, parameters, method="GET"):
    (real_status, real), (status, standin) = answers(servers, path, parameters, method)
    assert status == real_status
    assert standin == real
    return standin


SELECTORS = [
    "service:requests:rate30s",
    'service:requests:rate30s{namespace="shop"}',
    "service:requests:rate30s{namespace='shop', service!=\"web\",}",
    'service:latency_seconds:mean30s{service=~"c.*"}',
    'service:latency_seconds:mean30s{service=~"c"}',
    'service:latency_seconds:mean30s{service!~"c.*|web"}',
    '{__name__=~"service:.*:rate30s", service="web"}',
    '{__name__="call:requests:rate30s",connection_type=""}',
    'call:seconds:rate30s{connection_type!=""}',
    '{client=~".+"}',
    "  gappy { kind = `short` }  # a comment",
    "gappy{}",
    "odd",
    r'odd{case="a\"b\\c"}',
    r"""odd{case='\x61"b\\c'}""",
    'odd{_under="\\u00e4"}',
    "no_such_metric",
    'service:requests:rate30s{no_such_label="x"}',
    'service:requests:rate30s{service=~"(?i)WEB"}',
]


@pytest.mark.parametrize("selector", SELECTORS)
@pytest.mark.parametrize("at", [END, END - 17, END - 3600, f"{END - 100}.4567", END + 299, END + 301, START - 1, 0])
def test_instant_queries(servers, selector, at):
    assert_same(servers, "query", {"query": selector, "time": at})


@pytest.mark.parametrize("selector", SELECTORS)
def test_range_queries(servers, selector):
    for start, end, step in (
        (START, END, 30),
        (START - 600, END + 900, 30),
        (START + 7, END - 11, 45),
        (START + 0.5, END, "15s"),
        (END - 600, END, "1m30s"),
        (END - 5, END, 0.25),
        (END, END, 30),
        (END + 4000, END + 5000, 30),
    ):
        assert_same(servers, "query_range", {"query": selector, "start": start, "end": end, "step": step})


def test_times_in_rfc_3339(servers):
    for start, end in (("2026-05-28T20:00:00Z", "2026-05-28T22:30:00.5+02:00"), ("2026-05-28T20:00:00.1234Z", END)):
        body = {"query": "gappy", "start": start, "end": end, "step": "1m"}
        found = assert_same(servers, "query_range", body)
        assert found["data"]["result"]


def test_queries_sent_as_forms(servers):
    assert_same(servers, "query", {"query": "gappy", "time": END}, "POST")
    assert_same(servers, "query_range", {"query": "gappy", "start": START, "end": END, "step": 30}, "POST")
    assert_same(servers, "series", {"match[]": ["gappy", "odd"]}, "POST")
    assert_same(servers, "labels", {"match[]": "odd"}, "POST")


def test_a_query_without_time_is_about_now(servers):
    found = assert_same(servers, "query", {"query": "gappy"})
    assert found["data"] == {"resultType": "vector", "result": []}


def test_the_lookback_ends_five_minutes_after_the_last_sample(servers):
    if version(servers[0])[0] == "2":  # from 3.0 on a sample exactly five minutes old is too old
        found = assert_same(servers, "query", {"query": "gappy", "time": END + 300})
        assert [series["metric"]["kind"] for series in found["data"]["result"]] == ["late", "long"]


@pytest.mark.parametrize(
    "path", ["series", "labels", "label/service/values", "label/__name__/values", "label/nope/values"]
)
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"match[]": "gappy"},
        {"match[]": ["service:requests:rate30s", 'call:requests:rate30s{client="web"}']},
        {"match[]": 'gappy{kind!="late"}', "start": START + 60, "end": END - 60},
        {"match[]": "odd", "start": START, "end": END},
        {"match[]": 'service:requests:rate30s{service=~"c.*"}', "start": f"{START}.5"},
        {"match[]": "service:requests:rate30s", "start": END + 86400 * 3, "end": END + 86400 * 4},
        {"match[]": "no_such_metric"},
        {"match[]": "sum("},
        {"match[]": ["gappy", "{}"]},
        {"match[]": "gappy", "start": "noon"},
        {"match[]": "gappy", "end": "noon"},
    ],
)
def test_series_labels_and_values(servers, path, parameters):
    (real_status, real), (status, standin) = answers(servers, path, parameters)
    assert (status, standin["status"], standin.get("errorType")) == (real_status, real["status"], real.get("errorType"))
    assert standin.get("data") == real.get("data")


def test_no_series_is_between_an_end_and_a_start(servers):
    assert assert_same(servers, "series", {"match[]": "gappy", "start": END, "end": START})["data"] == []


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("query", {"query": "gappy", "time": "noon"}),
        ("query_range", {"query": "gappy", "start": "x", "end": END, "step": 30}),
        ("query_range", {"query": "gappy", "end": END, "step": 30}),
        ("query_range", {"query": "gappy", "start": START, "step": 30}),
        ("query_range", {"query": "gappy", "start": END, "end": START, "step": 30}),
        ("query_range", {"query": "gappy", "start": START, "end": END, "step": 0}),
        ("query_range", {"query": "gappy", "start": START, "end": END, "step": -1}),
        ("query_range", {"query": "gappy", "start": START, "end": END, "step": "0s"}),
        ("query_range", {"query": "gappy", "start": START, "end": END, "step": "x"}),
        ("query_range", {"query": "gappy", "start": START, "end": END}),
        ("query_range", {"query": "gappy", "start": START, "end": START + 11_001 * 30, "step": 30}),
        ("series", {}),
        ("label/a-b/values", {}),
    ],
)
def test_mistakes_get_the_same_message(servers, path, parameters):
    (real_status, real), (status, standin) = answers(servers, path, parameters)
    assert (status, standin["errorType"]) == (real_status, real["errorType"]) == (400, "bad_data")
    if version(servers[0]) == version(servers[1]):
        assert standin == real


def test_eleven_thousand_points_are_allowed(servers):
    body = {"query": "gappy", "start": START, "end": START + 11_000 * 30, "step": 30}
    assert assert_same(servers, "query_range", body)["status"] == "success"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "{}",
        r"gappy{kind='\"'}",
        r'gappy{kind="\q"}',
        '{a=~".*"}',
        "gappy{",
        "gappy{kind=short}",
        'gappy{kind=="short"}',
        'gappy{kind="short"',
        "gappy gappy",
        'gappy{__name__="odd"}',
        'gappy{kind=~"("}',
        'gappy{kind=~"(?=s)short"}',
        "gappy[5m",
        'gappy{1a="x"}',
        '"gappy"}',
    ],
)
def test_broken_queries_get_the_same_status_and_type(servers, query):
    for path, times in (("query", {}), ("query_range", {"start": START, "end": END, "step": 30})):
        (real_status, real), (status, standin) = answers(servers, path, {"query": query, **times})
        assert (status, standin["status"], standin["errorType"]) == (real_status, real["status"], real["errorType"])


@pytest.mark.parametrize("query", ["sum(gappy)", "gappy + 1", "gappy[5m]", "gappy offset 5m", "rate(gappy[5m])"])
def test_more_than_a_plain_selector_is_refused_in_words(servers, query):
    reply = requests.get(servers[1] + "/api/v1/query", params={"query": query}, timeout=10)
    assert reply.status_code == 400
    assert reply.json()["errorType"] == "bad_data"
    assert "stand-in" in reply.json()["error"]


def test_it_is_ready_and_says_which_version_it_speaks(servers):
    for url in servers:
        assert requests.get(url + "/-/ready", timeout=10).status_code == 200
        data = requests.get(url + "/api/v1/status/buildinfo", timeout=10).json()["data"]
        assert {"version", "revision", "goVersion"} <= set(data)


def test_it_keeps_up_with_the_shop():
    live = LiveShop(Shop(), END, 5)
    store = stored(live)
    live.catch_up(END + 65)
    (series,) = store.select(parse_selector('service:cpu_cores:rate30s{service="web"}').matches)
    assert list(series.times) == [1000 * (END + 30 * n) for n in range(-4, 3)]
    assert series.values[-1] in live.newest.values


def test_prometheus_api_client_reads_it(servers):
    client = PrometheusConnect(url=servers[1])
    assert client.check_prometheus_connection()
    assert "gappy" in client.all_metrics()
    assert len(client.custom_query("service:cpu_cores:rate30s", params={"time": END})) == 10


def test_a_store_forgets_what_is_older_than_it_keeps():
    store = SampleStore(keep_ms=60_000)
    now = int(time.time()) * 1000
    for second in range(0, 200, 5):
        store.extend({"__name__": "up"}, [now + second * 1000], [1.0])
    (series,) = store.select(lambda labels: True)
    assert 12 <= len(series.times) <= 15
    assert series.times[-1] == now + 195_000
