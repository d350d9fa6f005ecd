"""Files as dashboards, spreadsheets and Prometheus write them, and what is said where part of one would be lost."""

import json
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from datasource.cli import main
from datasource.data import Entity
from datasource.data.csv.files import read_csv
from datasource.data.csv.join import join_csv
from datasource.data.csv.options import CsvOptions
from datasource.data.csv.table import CsvError

START = 1_700_000_040


@pytest.fixture
def read(tmp_path):
    """Reads a text as a file."""

    def run(text, name="export.csv", **options):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return read_csv(path, CsvOptions(**options))

    return run


def values(data):
    return {str(v): [None if np.isnan(x) else x for x in data.matrix.row(v)] for v in data.matrix.variables}


def rows(*cells, head="time,web.x"):
    return f"{head}\n" + "".join(f"{START + 60 * n},{cell}\n" for n, cell in enumerate(cells))


@pytest.mark.parametrize(
    ("cells", "expected", "unit"),
    [
        (("12.5 ms", "1.2 s"), [0.0125, 1.2], "s"),
        (("900 µs", "1.5 mins"), [0.0009, 90], "s"),
        (("1.2 K", "350"), [1200, 350], "short"),
        (("2.5 Mil", "1 Bil"), [2.5e6, 1e9], "short"),
        (("48.3%", "5 %"), [48.3, 5], "percent"),
        (('"1,234.5"', "987"), [1234.5, 987], "short"),
        (("1.5 GiB", "512 MiB"), [1.5 * 2**30, 2.0**29], "bytes"),
        (("3 kB/s", "20 B/s"), [3000, 20], "Bps"),
        (("1.2 K req/s", "30 req/s"), [1200, 30], "reqps"),
        (("250m", "1"), [0.25, 1], "short"),
        (("12.5 ms", "No data"), [0.0125, None], "s"),
    ],
)
def test_formatted_cells_are_numbers_in_their_base_unit(read, cells, expected, unit):
    data = read(rows(*cells))
    assert values(data) == {"web.x": expected}
    assert data.signals["x"].unit == unit


def test_thousands_and_decimals_with_a_comma(read):
    data = read("time;web.x\n60;1.234,5\n120;0,5\n180;2.000.000,25\n")
    assert values(data) == {"web.x": [1234.5, 0.5, 2000000.25]}


@pytest.mark.parametrize("texts", [("2b", "1b"), ("v1.2", "v1.3"), ("10.0.0.1:90", "10.0.0.2:90"), ("5xx", "4xx")])
def test_what_only_begins_with_a_number_is_text(read, texts):
    data = read(rows(*(f"{text},1" for text in texts), head="time,web.note,web.x"))
    assert values(data) == {"web.x": [1, 1]}


def test_a_cell_of_400_digits_is_no_number(read):
    with pytest.raises(CsvError, match=r"'web.x': 1 cell is no number, as '1{40}\.\.\.'"):
        read(rows("1" * 400, *"1234"))
    assert values(read(rows("1" * 400, *"1234"), accept_loss=True)) == {"web.x": [None, 1, 2, 3, 4]}


@pytest.mark.parametrize("cell", ["9" * 400, "1e999"])
def test_a_number_too_large_among_decimals_is_none_either(read, cell):
    with pytest.raises(CsvError, match=r"'web.x': 1 cell is no number, as '"):
        read(rows(cell, *("1.5", "2.5", "3.5")))
    assert not any("no number" in one for one in read(rows("inf", "-Inf", "1.5", "2.5")).notices), "it says so itself"


@pytest.mark.parametrize("write", ["{}-09-01T00:0{}:00Z", "{}-09-01 00:0{}", "01.09.{} 00:0{}"])
def test_a_year_of_another_millennium_is_no_time(read, write):
    years = ["2025"] * 3 + ["9025"] + ["2025"] * 2
    text = "time,web.x\n" + "".join(f"{write.format(year, n)},1\n" for n, year in enumerate(years))
    with pytest.raises(CsvError, match=r"1 row has no time that can be read \(the first in line 5\)"):
        read(text)
    with pytest.raises(CsvError, match="holds no times that can be read"):
        read(text.replace("2025", "0025").replace("9025", "0025"))


def test_a_column_of_units_names_nobody(read):
    text = "time,service,metric,value,unit\n" + "".join(
        f"{60 * n},{who},{metric},{value},{unit}\n"
        for n in range(1, 5)
        for who in ("web", "cart")
        for metric, value, unit in (("requests", 30, "Count/Second"), ("latency", 250, "ms"), ("latency_max", 2, "s"))
    )
    data = read(text)
    assert {variable.entity.labels for variable in data.matrix.variables} == {
        (("service", "web"),),
        (("service", "cart"),),
    }
    assert {name: signal.unit for name, signal in data.signals.items()} == {
        "requests": "reqps",
        "latency": "s",
        "latency_max": "s",
    }
    assert values(data)["web.latency"] == [0.25] * 4
    mixed = read(text.replace("3,250,ms", "3,0.25,s"))
    assert values(mixed)["web.latency"] == [0.25] * 4, "in one unit"


def test_a_column_of_one_unit_beside_one_of_numbers_is_its(read):
    data = read("time,service,latency,unit\n60,web,250,ms\n60,db,20,ms\n120,web,240,ms\n120,db,21,ms\n")
    assert data.signals["latency"].unit == "ms"
    plants = read("time,unit,power\n60,u1,250\n60,u2,20\n120,u1,240\n120,u2,21\n")
    assert len(plants.matrix.variables) == 2, "what is no unit of measurement names somebody"


def test_a_file_that_begins_with_a_row_has_no_header(read):
    with pytest.raises(CsvError, match="holds numbers, not names; write a header line above it"):
        read("2025-09-01 00:00:00,4.9\n2025-09-01 00:01:00,5.1\n")


def test_who_writes_am_and_pm_writes_the_month_first(read):
    hours = ("12:00:00 AM", "01:00:00 AM", "02:00:00 AM")
    data = read("time,web.x\n" + "".join(f"09/01/2025 {hour},1\n" for hour in hours))
    assert data.matrix.start == 1_756_684_800
    assert read("time,web.x\n" + "".join(f"01/09/2025 0{n}:00,1\n" for n in range(3))).matrix.start == 1_756_684_800


def test_series_that_end_with_the_same_signal_are_of_services(read):
    lines = [f'"{who} latency","2025-09-01T00:0{n}:00Z","0.{n}5"' for who in ("web", "cart") for n in range(4)]
    data = read("\n".join(['"Series","Time","Value"', *lines]))
    assert sorted(map(str, data.matrix.variables)) == ["cart.latency", "web.latency"]
    assert data.signals["latency"].role == "latency"


def test_labels_that_say_whose_a_column_is_are_named(read):
    names = [f'"hits_total{{service=""{who}"", code=""{code}""}}"' for who in ("web", "db") for code in (200, 500)]
    data = read(",".join(["time", *names]) + "\n60,1,2,3,4\n120,1,2,3,4\n")
    assert "'service' and 'code' say whose a column is" in data.notices[0]


def test_two_series_at_the_same_time_are_no_doubled_rows(tmp_path):
    series = [{"metric": {"__name__": name, "service": "web"}, "values": [[60, "1"], [120, "2"]]} for name in "ab"]
    path = tmp_path / "answer.json"
    path.write_text(json.dumps({"status": "success", "data": {"resultType": "matrix", "result": series}}))
    assert not any("another row" in notice for notice in read_csv(str(path)).notices)


def test_excels_line_before_the_header(read):
    assert values(read("sep=;\ntime;web.x\n60;1,5\n120;2\n")) == {"web.x": [1.5, 2]}


@pytest.mark.parametrize(
    ("start", "says"),
    [
        (b"PAR1", r"begins as Parquet and cannot be read \(.+\); write it anew"),
        (b"PK\x03\x04", "Excel workbook"),
        (b"\x1f\x8b\x08\x00", "gunzip"),
    ],
)
def test_files_of_another_kind_are_called_by_name(tmp_path, start, says):
    (tmp_path / "data").write_bytes(start + bytes(range(256)))
    with pytest.raises(CsvError, match=says):
        read_csv(tmp_path / "data")


def measured(**columns):
    times = pd.to_datetime(START + 60 * np.arange(3), unit="s", utc=True)
    return pd.DataFrame({"time": times} | columns)


@pytest.mark.parametrize(
    "frame",
    [
        measured(**{"web.x": [1.5, None, 3]}),
        measured(**{"web.x": [1.5, None, 3]}).set_index("time"),
        measured(service=["web"] * 3, x=["1.5", "", "3"]),
        measured(service=pd.Categorical(["web"] * 3), x=pd.array([1.5, None, 3], dtype="Float64")),
        measured(service=["web"] * 3, x=[Decimal("1.5"), None, Decimal(3)]),
        measured(**{"web.x": [1.5, None, 3]}, tags=[["a", "b"], None, []], notes=[{"k": 1}, {"k": 2}, None]),
    ],
)
def test_parquet_is_read_as_the_frame_that_it_holds(tmp_path, frame):
    frame.to_parquet(tmp_path / "data.parquet")
    data = read_csv(tmp_path / "data.parquet")
    assert values(data) == {"web.x": [1.5, None, 3]}
    assert (data.matrix.start, data.matrix.step) == (START, 60)


def test_times_of_parquet_and_frames_without_a_zone_are_local_where_that_is_said(tmp_path):
    frame = measured(**{"web.x": [1.0, 2.0, 3.0]})
    frame["time"] = frame["time"].dt.tz_convert("Europe/Berlin").dt.tz_localize(None)
    frame.to_parquet(tmp_path / "data.parquet")
    for data in (frame, tmp_path / "data.parquet"):
        assert read_csv(data, CsvOptions(timezone="Europe/Berlin")).matrix.start == START
        assert read_csv(data).matrix.start == START + 3600


def test_parquet_by_the_command(tmp_path):
    measured(**{"web.latency": [0.1, 0.2, 0.3]}).to_parquet(tmp_path / "data.parquet")
    result = CliRunner().invoke(main, ["check", "--data", str(tmp_path / "data.parquet")])
    assert "3 points every 1m, 2023-11-14 22:14:00 UTC" in result.output


def test_parquet_without_rows_is_told_by_its_name(tmp_path):
    measured(**{"web.x": [1.0, 2.0, 3.0]}).head(0).to_parquet(tmp_path / "data.parquet")
    with pytest.raises(CsvError, match=r"data\.parquet: has no rows"):
        read_csv(tmp_path / "data.parquet")


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "data").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(CsvError, match=r"is Parquet, which needs pyarrow: pip install 'causal-datasource\[parquet\]'"):
        read_csv(tmp_path / "data")


# Who and what a column is


@pytest.mark.parametrize(
    "names",
    [
        ('{service_name="cart", __name__="latency"}', '{service_name="web", __name__="latency"}'),
        ('latency{service_name="cart", job="x"}', 'latency{job="x",service_name="web"}'),
        ('latency {service_name="cart"}', 'latency {service_name="web"}'),
    ],
)
def test_columns_named_by_labels(read, names):
    head = ",".join('"' + name.replace('"', '""') + '"' for name in names)
    data = read(rows("1,2", "3,4", head=f"Time,{head}"))
    assert values(data) == {"cart.latency": [1, 3], "web.latency": [2, 4]}
    assert data.matrix.variables[0].entity == Entity("service", (("service_name", "cart"),))


def test_labels_that_tell_no_metric_take_the_files_name_or_what_is_said(read):
    head = 'Time,"{pod=""a-1"", namespace=""x""}","{pod=""a-1"", namespace=""y""}"'
    assert set(values(read(rows("1,2", "3,4", head=head), "latency.csv"))) == {"x/a-1.latency", "y/a-1.latency"}
    assert set(values(read(rows("1,2", "3,4", head=head)))) == {"x/a-1.value", "y/a-1.value"}
    assert set(values(read(rows("1,2", "3,4", head=head), signal="errors"))) == {"x/a-1.errors", "y/a-1.errors"}


def test_columns_may_be_services_or_signals(read):
    data = read(rows("1,2", "3,4", head="Time,cart,web"))
    assert set(values(data)) == {"export.cart", "export.web"}
    assert any("if 'cart', 'web' are services, say --columns-are services --signal" in one for one in data.notices)
    data = read(rows("1,2", "3,4", head="Time,cart,web"), columns_are="services", signal="latency")
    assert values(data) == {"cart.latency": [1, 3], "web.latency": [2, 4]}
    assert data.signals["latency"].role == "latency"


def test_a_legend_of_services_and_one_signal(read):
    text = rows("1,2", "3,4", head="Time,cart latency,web latency")
    assert any("if 'cart', 'web' are services" in one for one in read(text).notices)
    assert set(values(read(text, columns_are="services"))) == {"cart.latency", "web.latency"}
    three = rows("1,2,3", "3,4,5", head="Time,cart p99 latency,web p99 latency,db p99 latency")
    assert len({v.entity for v in read(three).matrix.variables}) == 3


def test_dots_may_belong_to_signals(read):
    text = rows("1,2", "3,4", head="time,http.errors,http.latency")
    assert set(values(read(text, columns_are="signals"))) == {"export.http_errors", "export.http_latency"}


@pytest.mark.parametrize("names", [("metric", "value"), ("__name__", "_value"), ("kpi_name", "Value")])
def test_a_tidy_file_names_its_signals_in_a_column(read, names):
    metric, value = names
    lines = [f"{t},{s},{m},{n}" for t in (60, 120) for s in ("web", "db") for m, n in (("cpu", 0.5), ("latency", t))]
    data = read("\n".join([f"time,service,{metric},{value}", *lines]))
    assert values(data)["web.latency"] == [60, 120]
    assert values(data)["db.cpu"] == [0.5, 0.5]
    assert (data.signals["cpu"].role, data.signals["latency"].role) == ("saturation", "latency")
    assert not any("the last one counts" in one for one in data.notices)


@pytest.mark.parametrize("series", ['"latency{{service=""{0}""}}"', "{0} latency", "{0}.latency"])
def test_series_time_and_value(read, series):
    lines = [f"{series.format(s)},{t},{n}" for t in (60, 120) for n, s in enumerate(("web", "cart", "db"))]
    assert values(read("\n".join(["Series,Time,Value", *lines])))["cart.latency"] == [1, 1]


def test_series_that_are_services_take_the_signal_that_is_said(read):
    lines = [f"{s},{t},{n}" for t in (60, 120) for n, s in enumerate(("web", "cart"))]
    data = read("\n".join(["Series,Time,Value", *lines]), signal="latency")
    assert values(data) == {"web.latency": [0, 0], "cart.latency": [1, 1]}


# Answers of Prometheus


def answer(*services, **labels):
    return [
        {
            "metric": {"__name__": "latency", "service": s, **labels},
            "values": [[START + 60 * n, str(n)] for n in range(3)],
        }
        for s in services
    ]


@pytest.mark.parametrize(
    "shape",
    [
        lambda result: {"status": "success", "data": {"resultType": "matrix", "result": result}},
        lambda result: {"resultType": "matrix", "result": result},
        lambda result: result,
    ],
)
def test_json_of_a_range_query(read, shape):
    data = read(json.dumps(shape(answer("web", "cart", job="x")), indent=2), "answer.json")
    assert values(data) == {"web.latency": [0, 1, 2], "cart.latency": [0, 1, 2]}
    assert data.matrix.start == START


def test_what_promtool_prints(read):
    web = f'latency{{service="web"}} =>\n0.5 @[{START}]\n0.7 @[{START + 60}]\n'
    data = read(web + f'latency{{service="db"}} =>\n1 @[{START}]')
    assert values(data) == {"web.latency": [0.5, 0.7], "db.latency": [1, None]}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"status": "error", "error": "too many samples"}', "holds an error of Prometheus: too many samples"),
        ('{"status": "success", "data": {"result": []}}', "without a single series"),
        ('{"panels": [1]}', "is JSON of another kind"),
        ('{"status": "success", "data": {"result": [', "cannot be read"),
    ],
)
def test_json_that_is_no_answer(read, text, says):
    with pytest.raises(CsvError, match=says):
        read(text, "answer.json")


# Times


@pytest.mark.parametrize(
    "form", ["%d/%m/%Y %H:%M:%S", "%m/%d/%Y %I:%M %p", "%d.%m.%Y %H:%M", "%Y/%m/%d %H:%M:%S", "%d-%m-%y %H:%M"]
)
@pytest.mark.parametrize("day", [3, 22])
def test_dates_with_the_day_or_the_month_first(read, form, day):
    begin = datetime(2025, 8, day, 11, 30, tzinfo=UTC)
    lines = [f"{(begin + timedelta(minutes=n)).strftime(form)},{n}" for n in range(100)]
    data = read("\n".join(["Time,web.x", *lines]))
    assert data.matrix.values.tolist() == [list(range(100))]
    if day > 12 or form[1] != "m":
        assert data.matrix.start == begin.timestamp()


def test_a_date_and_a_time_of_day_in_two_columns(read):
    lines = [f"31.08.2025,23:{n:02d}:30,{n}" for n in range(60)] + [f"01.09.2025,00:{n:02d}:30,{n}" for n in range(60)]
    data = read("\n".join(["Date,Time,web.x", *lines]))
    assert (data.matrix.values.shape, data.matrix.step) == ((1, 120), 60)


def local(begin, hours, zone_hours):
    """Local times, minute by minute, where the offset changes after so many hours."""
    for n in range(60 * hours):
        yield (begin + timedelta(hours=zone_hours[0] if n < 60 * zone_hours[1] else zone_hours[2], minutes=n)), n


def test_the_hour_that_comes_twice(read):
    begin = datetime(2025, 10, 25, 22, 0, tzinfo=UTC)
    lines = [f"{t:%Y-%m-%d %H:%M:%S},{n}" for t, n in local(begin, 6, (2, 3, 1))]
    data = read("\n".join(["Time,web.x", *lines]))
    assert data.matrix.values.tolist() == [list(range(360))], "nothing is lost, and nothing is doubled"
    assert any("the clock goes back by an hour" in one for one in data.notices)
    data = read("\n".join(["Time,web.x", *lines]), timezone="Europe/Berlin")
    assert data.matrix.values.tolist() == [list(range(360))]
    assert data.matrix.start == begin.timestamp()


def test_exports_that_overlap_by_an_hour_are_no_daylight_saving(read):
    begin = datetime(2025, 10, 22, 2, 0, tzinfo=UTC)
    minutes = [*range(180), *range(120, 300)]
    lines = [f"{begin + timedelta(minutes=n):%Y-%m-%d %H:%M:%S},{n}" for n in minutes]
    data = read("\n".join(["Time,web.x", *lines]))
    assert data.matrix.values.tolist() == [list(range(300))]


def test_the_hour_that_is_missing(read):
    begin = datetime(2025, 3, 30, 0, 0, tzinfo=UTC)
    lines = [f"{t:%Y-%m-%d %H:%M:%S},{n}" for t, n in local(begin, 3, (1, 1, 2))]
    data = read("\n".join(["Time,web.x", *lines]), timezone="Europe/Berlin")
    assert data.matrix.values.tolist() == [list(range(180))]
    with pytest.raises(CsvError, match="'Berlin' is no time zone"):
        read("\n".join(["Time,web.x", *lines]), timezone="Berlin")


def test_a_stray_digit_in_times_does_not_fill_the_memory(read):
    times = [START + 60 * n for n in range(300)]
    for place in (10, 70, 150, 220, 290):
        times[place] = times[place] * 10
    with pytest.raises(CsvError, match="points of 1m"):
        read("time,web.x\n" + "".join(f"{t},1\n" for t in times))


def test_irregular_times_take_the_step_that_is_said_and_its_mean(read):
    text = "time,web.x\n" + "".join(f"{t},{n}\n" for n, t in enumerate((60, 71, 95, 121, 150, 171, 230)))
    data = read(text, step=60.0)
    assert data.matrix.step == 60
    assert np.nansum(data.matrix.values) < sum(range(7)), "several values of one step are one, their mean"
    assert not any("another" in one for one in data.notices)


# What is lost


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("time,pod,cpu\n60,a,1\n60,,2\n120,a,3\n", "1 row names no entity .*33.3% would be dropped.*--accept-loss"),
        ("time,pod,cpu\n60,a,1\n,a,2\n120,a,3\n", "1 row has no time .*33.3%"),
        ("time,web.cpu\n60,1\n120,x\n180,3\n", "'web.cpu': 1 cell is no number, as 'x'.*33.3%"),
        ("time,web.cpu\n60,1\n60,2\n120,3\n", "1 value has the time and the entity of another .*33.3%"),
    ],
)
def test_an_answer_about_part_of_a_file_must_be_accepted(read, text, says):
    with pytest.raises(CsvError, match=says):
        read(text)
    assert read(text, accept_loss=True).matrix.values.size


def test_one_row_in_a_thousand_is_but_told(read):
    data = read(rows(*range(1000)) + ",5\n")
    assert any("1 row has no time" in one for one in data.notices)
    assert read(rows(1, 2, 3) + rows(1, 2, 3).partition("\n")[2]).matrix.values.tolist() == [[1, 2, 3]]


# What the user says of signals


def test_a_role_is_given_by_name(read):
    data = read(rows(1, 2, head="time,web.lod"))
    assert data.signals["lod"].role is None
    assert join_csv([data], {"lod": "load"}).signals["lod"].role == "load"
    with pytest.raises(CsvError, match="no signal is called 'lad'; there are 'lod'"):
        join_csv([data], {"lad": "load"})


@pytest.mark.parametrize(
    "command",
    [
        ["check", "--data"],
        ["evaluate", "--data"],
        ["score", "--data"],
        ["backtest", "--data"],
        ["rank", "--incident", "{file}", "--baseline"],
    ],
)
def test_every_command_takes_a_role(tmp_path, command):
    rng = np.random.default_rng(2)
    file = tmp_path / "data.csv"
    file.write_text(rows(*(f"{30 + rng.normal():.3f},{5 + rng.normal():.3f}" for _ in range(200)), head="time,a.v,b.v"))
    arguments = [one.format(file=file) for one in command]
    result = CliRunner().invoke(main, [*arguments, str(file), "--role", "w=saturation"])
    assert (result.exit_code, "no signal is called 'w'" in result.output) == (2, True), result.output
    result = CliRunner().invoke(main, [*arguments, str(file), "--role", "v=saturation"])
    assert "no signal is called" not in result.output
    assert result.exit_code in (0, 1), result.output
    result = CliRunner().invoke(main, [*arguments, str(file), "--role", "v=fullness"])
    assert "'v=fullness' is not signal=role; roles are load, latency" in result.output
