"""CSV files come out as the matrix that they were written from, with their dirt counted and told."""

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasource.data import Entity, Matrix, Variable
from datasource.data.csv.calls import read_calls
from datasource.data.csv.files import read_csv
from datasource.data.csv.join import join_csv
from datasource.data.csv.options import CsvOptions
from datasource.data.csv.table import CsvError
from datasource.data.guess import guess_signal

START = 1_700_000_040
ANY = CsvOptions(accept_loss=True)


@pytest.fixture
def read(tmp_path):
    """Reads a text as a file."""

    def run(text, name="data.csv", encoding="utf-8", **options):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return read_csv(path, **options)

    return run


def values(data):
    return {str(v): [None if np.isnan(x) else x for x in data.matrix.row(v)] for v in data.matrix.variables}


def told(data, text):
    return any(text in notice for notice in data.notices)


# A matrix that is written and read again

names = st.text("abcXYZ019_-.:éß /,;\"'", min_size=1, max_size=8).filter(
    lambda text: text == text.strip() and text.strip("/ .") == text and text.count("/") == 0
)
signals = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: name.lower().replace("_", "") not in RESERVED
)
RESERVED = {"time", "date", "ts", "timestamp", "datetime", "epoch", "unixtime", "unixtimestamp", "timestampms", ""}
RESERVED |= {"service", "serviceid", "servicename", "microservice", "app", "appname", "application", "component", "pod"}
RESERVED |= {
    "workload",
    "deployment",
    "podname",
    "podid",
    "container",
    "containername",
    "instance",
    "instanceid",
    "node",
}
RESERVED |= {"nodename", "host", "hostname", "device", "unit", "unitid", "entity", "entityid", "cmdbid", "cluster"}
RESERVED |= {"clustername", "namespace", "servicenamespace", "client", "server", "clientnamespace", "servernamespace"}


@st.composite
def matrices(draw):
    step = draw(st.sampled_from([1, 15, 30, 60, 300, 3600]))
    columns = draw(st.integers(2, 6))
    entities = draw(st.lists(st.tuples(names, names), min_size=1, max_size=3, unique=True))
    kinds = draw(st.lists(signals, min_size=1, max_size=3, unique=True))
    variables = [
        Variable(Entity("service", (("namespace", one), ("service", two))), kind)
        for one, two in entities
        for kind in kinds
    ]
    cell = st.one_of(st.floats(allow_infinity=False, width=64), st.just(float("nan")))
    table = np.array(
        draw(
            st.lists(
                st.lists(cell, min_size=columns, max_size=columns), min_size=len(variables), max_size=len(variables)
            )
        )
    )
    kept = [row for row in range(len(variables)) if np.isfinite(table[row]).any()]
    if not kept:
        table[0, 0], kept = 1.0, [0]
    start = draw(st.integers(1_000_000_000 // step, 2_000_000_000 // step)) * step
    return Matrix(tuple(variables[row] for row in kept), start, step, table[kept])


def number(value):
    return "" if np.isnan(value) else repr(float(value))


def write_wide(matrix, separator=","):
    out = io.StringIO()
    rows = csv.writer(out, delimiter=separator)
    rows.writerow(["time", *map(str, matrix.variables)])
    rows.writerows([time, *map(number, cells)] for time, cells in zip(matrix.times, matrix.values.T, strict=True))
    return out.getvalue()


def write_long(matrix, separator=","):
    kinds = list(dict.fromkeys(variable.signal for variable in matrix.variables))
    out = io.StringIO()
    rows = csv.writer(out, delimiter=separator)
    rows.writerow(["time", "namespace", "service", *kinds])
    for entity in dict.fromkeys(variable.entity for variable in matrix.variables):
        for column, time in enumerate(matrix.times):
            cells = [matrix.row(v)[column] if (v := Variable(entity, kind)) in matrix else np.nan for kind in kinds]
            rows.writerow([time, *(value for _, value in entity.labels), *map(number, cells)])
    return out.getvalue()


@settings(max_examples=150, deadline=None)
@given(matrix=matrices(), separator=st.sampled_from([",", ";", "\t"]), write=st.sampled_from([write_wide, write_long]))
def test_any_matrix_comes_back_wide_and_long(matrix, separator, write, tmp_path_factory):
    path = tmp_path_factory.mktemp("round") / "data.csv"
    path.write_text(write(matrix, separator), encoding="utf-8", newline="")
    read = read_csv(path).matrix
    assert (read.start, read.step) == (matrix.start, matrix.step)
    assert set(read.variables) == set(matrix.variables)
    np.testing.assert_array_equal(read.select(matrix.variables).values, matrix.values)


# Which column is what


def test_a_wide_file_with_plain_services(read):
    data = read("time,web.latency,db.v2.latency\n60,0.1,0.2\n120,0.3,\n")
    assert values(data) == {"web.latency": [0.1, 0.3], "db.v2.latency": [0.2, None]}
    assert data.matrix.variables[1].entity == Entity("service", (("service", "db.v2"),))
    assert told(data, "wide: 'time' is the time")


def test_one_slash_in_every_name_is_a_namespace(read):
    data = read("time,shop/web.latency,shop/db.latency\n60,1,2\n120,3,4\n")
    assert data.matrix.variables[0].entity.labels == (("namespace", "shop"), ("service", "web"))
    data = read("time,shop/web.latency,db.latency\n60,1,2\n120,3,4\n")
    assert data.matrix.variables[0].entity.labels == (("service", "shop/web"),)


@pytest.mark.parametrize("name", ["service_id", "PodName", "instance", "App", "host", "unit"])
def test_a_long_file_names_its_entity_in_many_ways(read, name):
    data = read(f"Timestamp,{name},cpu\n60,007,1\n60,NA,2\n120,007,3\n")
    assert values(data) == {"007.cpu": [1, 3], "NA.cpu": [2, None]}
    assert told(data, f"'{name}' names the entity")


def test_more_columns_join_the_name_only_where_rows_would_collide(read):
    data = read("ts,pod,service,cpu\n60,a,web,1\n60,b,web,2\n120,a,web,3\n120,b,web,4\n")
    assert values(data) == {"web/a.cpu": [1, 3], "web/b.cpu": [2, 4]}
    data = read("ts,pod,service,cpu\n60,a,web,1\n120,b,web,2\n")
    assert values(data) == {"web.cpu": [1, 2]}


def test_an_entity_is_found_from_its_values(read):
    data = read("date,who,cpu\n2024-01-01,a,1\n2024-01-01,b,2\n2024-01-02,a,3\n2024-01-02,b,4\n")
    assert values(data) == {"a.cpu": [1, 3], "b.cpu": [2, 4]}
    assert data.matrix.step == 86400


def test_a_time_is_found_from_its_values(read):
    assert read(f",web.cpu\n{START},1\n{START + 60},2\n").matrix.start == START
    assert read("web.cpu,when\n1,2024-01-01T00:00Z\n2,2024-01-01T00:01Z\n").matrix.step == 60


def test_the_user_may_know_better(read):
    text = "time,t2,a,b,cpu\n1,60,x,p,1\n2,120,x,p,2\n"
    data = read(text, time="t2", entity=["a", "b"])
    assert values(data) == {"x/p.cpu": [1, 2], "x/p.time": [1, 2]} or values(data) == {"x/p.cpu": [1, 2]}
    assert data.matrix.step == 60
    with pytest.raises(CsvError, match=r"data.csv: no column 't3'; it has 'time', 't2'"):
        read(text, time="t3")
    with pytest.raises(CsvError, match=r"column 'a' holds no times"):
        read(text, time="a")


def test_columns_without_an_entity_belong_to_the_file(read):
    data = read("time,cpu,request.latency\n60,1,2\n120,3,4\n", "web.csv", entity=None)
    assert told(data, "no entity is named: 'cpu'")
    assert values(read("time,cpu\n60,1\n120,3\n", "web.csv")) == {"web.cpu": [1, 3]}


def test_without_a_time_rows_are_independent(read):
    data = read("service,cpu\na,1\na,2\nb,3\n")
    assert not data.has_time
    assert values(data) == {"a.cpu": [1, 2], "b.cpu": [3, None]}
    assert told(data, "the rows are independent")
    assert read("time,service,cpu\n60,a,1\n120,a,1\n").has_time


# Times


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (str(START), str(START + 60)),
        (f"{START}.25", f"{START + 60}.25"),
        (f"{START}000", f"{START + 60}000"),
        (f"{START}000000", f"{START + 60}000000"),
        (f"{START}000000000", f"{START + 60}000000000"),
        ("2023-11-14T22:14:00Z", "2023-11-14T22:15:00Z"),
        ("2023-11-14 22:14:00", "2023-11-14 22:15:00.000001"),
        ("2023-11-14T23:14:00+01:00", "2023-11-14T23:15:00+01:00"),
        ("2023-11-14 22:14:00.7 +0000 UTC", "2023-11-14 22:15:00.7 +0000 UTC"),
        ("2023-11-14 22:13:59.607158889 +0000 UTC m=+0.113", "2023-11-14 22:14:59.58 +0000 UTC m=+60.1"),
        ('"2023-11-14 22:14:00 UTC"', '"2023-11-14 22:15:00 UTC"'),
    ],
)
def test_times_in_every_spelling(read, first, second):
    matrix = read(f"time,web.cpu\n{first},1\n{second},2\n").matrix
    assert (matrix.start, matrix.step, matrix.values.tolist()) == (START, 60, [[1, 2]])


def test_gaps_disorder_doubles_and_jitter_are_counted(read):
    rows = [(0, 1), (61, 2), (119, 3), (300, 6), (241, 5), (300, 7), (359, 8)]
    data = read("time,web.cpu\n" + "".join(f"{START + t},{v}\n" for t, v in rows), options=ANY)
    assert values(data) == {"web.cpu": [1, 2, 3, None, 5, 7, 8]}
    assert told(data, "not in the order of time")
    assert told(data, "1 row has the time and entity of another row: the last one counts")
    assert told(data, "4 of 7 times moved onto the 1m grid, by at most 1 s")


def test_a_row_that_repeats_a_time_does_not_erase_with_empty_cells(read):
    assert values(read("time,web.a,web.b\n60,1,\n60,,2\n120,3,4\n")) == {"web.a": [1, 3], "web.b": [2, 4]}


def test_times_late_by_half_a_step_do_not_collide(read):
    rng = np.random.default_rng(1)
    late = START + 60 * np.arange(200) + 30 + rng.uniform(-4, 4, 200)
    matrix = read("time,web.cpu\n" + "".join(f"{time:.3f},{i}\n" for i, time in enumerate(late))).matrix
    assert matrix.values.tolist() == [list(range(200))]


def test_a_wrong_clock_is_an_error_that_names_the_line(read):
    rows = "".join(f"{START + 60 * i},{i}\n" for i in range(100))
    with pytest.raises(CsvError, match=r"data.csv:102: column 'time' says 2001-09-09T01:46:40, far from the others"):
        read(f"time,web.cpu\n{rows}1000000000,5\n")


def test_a_long_silence_is_no_mistake(read):
    rows = "".join(f"{time + 60 * i},{i}\n" for time in (START, START + 60_000_000) for i in range(100))
    assert read(f"time,web.cpu\n{rows}").matrix.values.shape == (1, 1_000_100)


def test_jitter_does_not_hide_the_step(read):
    rng = np.random.default_rng(2)
    times = START + 300 * np.arange(100) + rng.uniform(-20, 20, 100)
    assert read("time,web.cpu\n" + "".join(f"{time:.3f},1\n" for time in times)).matrix.step == 300


def test_rows_without_a_time_or_an_entity_are_left_out(read):
    data = read("time,pod,cpu\n60,a,1\n,a,9\n120,,8\n120,a,2\n", options=ANY)
    assert values(data) == {"a.cpu": [1, 2]}
    assert told(data, "1 row has no time that can be read (the first in line 3)")
    assert told(data, "1 row names no entity (the first in line 4)")


# Cells and separators


def test_cells_that_are_no_numbers(read):
    text = 'time,web.cpu,web.note,web.mem\n1,"1.5",x,-\n2,inf,y,1e3\n3,+Inf,z,NaN\n4,err,,null\n5,2,,4\n'
    data = read(text, options=ANY)
    assert values(data) == {"web.cpu": [1.5, None, None, None, 2], "web.mem": [None, 1000, None, None, 4]}
    assert told(data, "'web.cpu': 1 cell is no number, as 'err'")
    assert told(data, "left out, since they hold text: 'web.note'")


def test_flags_are_numbers(read):
    assert values(read("time,web.on\n1,True\n2,False\n")) == {"web.on": [1, 0]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings_and_line_ends(read, encoding, end):
    text = end.join(["time\tcafé.cpu", "60\t1", "120\t2", ""])
    assert values(read(text, encoding=encoding)) == {"café.cpu": [1, 2]}


def test_semicolons_with_decimal_commas_and_blank_ends(read):
    assert values(read("time; web.cpu; \n60; 1,5;\n120; 2;\n")) == {"web.cpu": [1.5, 2]}


def test_quoted_names_hold_separators_and_lines(read):
    data = read('time,"web, the first.latency","db\nold.latency"\n60,1,2\n120,3,4\n')
    assert values(data) == {"web, the first.latency": [1, 3], "db\nold.latency": [2, 4]}


def test_units_in_the_header_are_kept(read):
    data = read("time,pod,CpuUsage(m),latency(s),CpuUsage(%),http.server.errors,99th\n1,a,1,2,3,4,5\n2,a,1,2,3,4,5\n")
    assert list(data.signals) == ["CpuUsage", "latency", "CpuUsage_percent", "http_server_errors", "_99th"]
    assert [signal.unit for signal in data.signals.values()] == ["m", "s", "%", "short", "short"]
    assert data.signals["CpuUsage"].query == "CpuUsage(m)"
    assert data.signals["CpuUsage"].window == data.matrix.step


def test_thousands_of_columns(read):
    header = ",".join(f"ns/s{i}.cpu" for i in range(5000))
    matrix = read(f"time,{header}\n" + "".join(f"{60 * t},{','.join(['1'] * 5000)}\n" for t in range(1, 4))).matrix
    assert matrix.values.shape == (5000, 3)


# What cannot be read


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "data.csv: is empty"),
        ("\n \n", "data.csv: is empty"),
        ("time,web.cpu\n", "data.csv: has a header and no rows"),
        ("1,2,3\n4,5,6\n", "data.csv:1: holds numbers, not names"),
        ("time,a.b,a.b\n1,2,3\n", r"data.csv:1: column 'a.b' stands twice \(columns 2 and 3\); rename"),
        ("svc,web,web\nmetric,cpu,mem\n1,2,3\n", "2 lines hold names: join them into one"),
        ("time,a.b\n1,2\n2,3,4\n", "data.csv:3: 3 fields where the header has 2 columns"),
        ("time,a.b\n1,2,3\n", "data.csv:2: 3 fields under 2 column names"),
        ('time,a.b\n1,"2\n3,4\n', "data.csv:2: a quote is opened and never closed"),
        ("time,note\n1,x\n", "data.csv: no column holds numbers"),
        ("time,web.cpu\nyesterday,1\ntoday,2\n", "column 'time' holds no times that can be read .the first is 'yest"),
        ("time,a.b,\n1,2,3\n", "data.csv: a column has no name"),
    ],
)
def test_every_error_names_the_place_and_the_fix(read, text, message):
    with pytest.raises(CsvError, match=message):
        read(text)


def test_files_that_are_no_text_or_not_there(tmp_path, read):
    with pytest.raises(CsvError, match=r"none.csv: cannot be read: No such file"):
        read_csv(tmp_path / "none.csv")
    with pytest.raises(CsvError, match=r"data.csv: is not UTF-8 text .*; save it as UTF-8"):
        read("time,café.cpu\n1,2\n", encoding="latin-1")


# Several files, and calls


def test_files_join_over_time_and_services(read):
    first = read("time,pod,cpu\n60,a,1\n120,a,2\n")
    second = read("time,pod,cpu\n180,a,3\n240,a,4\n180,b,5\n240,b,6\n")
    assert values(join_csv([first, second])) == {"a.cpu": [1, 2, 3, 4], "b.cpu": [None, None, 5, 6]}
    with pytest.raises(CsvError, match="steps of 1m and 2m"):
        join_csv([first, read("time,pod,cpu\n120,a,1\n240,a,2\n")])


@pytest.mark.parametrize(
    "text",
    [
        "caller,callee\nweb,db\nweb,cart/1\nweb,db\n",
        "Source;Target;Weight\nweb;db;1\nweb;cart/1;2\n",
        "who,whom\nweb,db\nweb,cart/1\n",
        ",web,db,cart/1\nweb,0,1,2.0\ndb,0,0,0\ncart/1,0,0,\n",
    ],
)
def test_calls_are_pairs_or_a_matrix(tmp_path, text):
    path = tmp_path / "calls.csv"
    path.write_text(text)
    assert read_calls(path) == (("web", "db"), ("web", "cart/1"))


@pytest.mark.parametrize("text", ["a,b,c\nx,1,y\n", "caller,callee\n,\n", ",a\na,0\n"])
def test_calls_that_are_none(tmp_path, text):
    path = tmp_path / "calls.csv"
    path.write_text(text)
    with pytest.raises(CsvError, match=r"calls.csv.*(no list of calls|holds no calls)"):
        read_calls(path)


# Guesses


@pytest.mark.parametrize(
    ("name", "role"),
    [
        *((name, "latency") for name in ("latency", "request_latency", "duration_seconds", "response_time", "rt_p99")),
        *((name, "load") for name in ("requests", "PodWorkload", "ops", "traffic", "qps", "request_rate", "rps")),
        *((name, "failure") for name in ("errors", "request_errors", "failed_requests", "http_5xx", "error_rate")),
        *((name, "saturation") for name in ("cpu", "CpuUsage", "memory_bytes", "DiskIO", "NetworkReceiveBytes")),
        *((name, "saturation") for name in ("SyscallRead", "cpu_throttled", "node_cpu_usage", "queue_length")),
        *((name, "event") for name in ("restarts", "pod_restarts", "oom_kills", "deploys")),
        *((name, "work") for name in ("busy", "work_seconds", "busy_seconds", "request_duration_seconds_sum")),
        *((name, "success") for name in ("success_rate", "PodSuccessRate", "availability", "http_2xx")),
        *((name, "saturation") for name in ("cache_hit_ratio", "buffer_hit_percent", "requests_share", "error_budget")),
        *((name, None) for name in ("temperature", "x", "replicas_available")),
    ],
)
def test_roles_are_guessed_from_names(name, role):
    assert guess_signal(name).role == role


def test_units_help(read):
    assert guess_signal("PodServer", "ms")[:2] == ("latency", "ms")
    assert guess_signal("latency_ms").unit == "ms"
    assert guess_signal("latency").unit == "s"
    assert guess_signal("LatencyP99", "s").kind == "quantile"
    assert guess_signal("cache_hits", "%")[:2] == ("saturation", "%")
    assert guess_signal("hit_rate", "reqps").role == "load"
    assert guess_signal("request_percentile_95").unit == "reqps", "a percentile is no percentage"


def test_a_share_has_the_unit_that_its_values_allow(read):
    def unit(name, *values):
        rows = "".join(f"{60 * n},{value}\n" for n, value in enumerate(values, 1))
        return read(f"time,web.{name}\n{rows}").signals[name].unit

    assert unit("success_rate", 99, 98) == unit("error_ratio", 2.5, 3) == "percent"
    assert unit("success_rate", 0.99, 1) == unit("error_ratio", 0, 0.5) == "percentunit"
    assert unit("failed_percent", 0.2, 0.3) == "percent"
    assert unit("errors", 0.2, 0.3) == "short"
