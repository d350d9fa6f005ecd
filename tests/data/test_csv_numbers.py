"""Numbers of CSV files in their units, whatever they are written with."""

import json

import numpy as np
import pandas as pd
import pytest

from datasource.data.csv.files import read_csv
from datasource.data.csv.options import CsvOptions
from datasource.data.csv.table import CsvError
from datasource.data.csv.times import parse_time

USUAL = CsvOptions()


def read(folder, text, options=USUAL):
    (folder / "data.csv").write_text(text)
    return read_csv(folder / "data.csv", options)


def values(data):
    found = {str(v): data.matrix.row(v).tolist() for v in data.matrix.variables}
    return {name: [None if np.isnan(one) else one for one in row] for name, row in found.items()}


def test_cells_with_units_are_in_the_unit_of_their_heading(tmp_path):
    data = read(tmp_path, "time,web.latency(ms)\n60,1.2 s\n120,900 ms\n180,800\n")
    assert values(data) == {"web.latency": [1200, 900, 800]}
    assert data.signals["latency"].unit == "ms"


def test_a_number_whose_unit_nobody_knows_is_no_number(tmp_path):
    rows = "".join(f"{60 * n},900 ms\n" for n in range(1, 5))
    with pytest.raises(CsvError, match="accept"):
        read(tmp_path, f"time,web.latency\n{rows}300,850\n")
    data = read(tmp_path, f"time,web.latency\n{rows}300,0\n")
    assert values(data) == {"web.latency": [0.9] * 4 + [0]}


def test_dots_are_thousands_wherever_a_file_has_decimal_commas(tmp_path):
    data = read(tmp_path, "time;web.requests;web.latency\n60;1.152;0,107\n120;1.160;0,108\n")
    assert values(data) == {"web.requests": [1152, 1160], "web.latency": [0.107, 0.108]}


def test_the_hour_that_comes_twice_is_two_hours_of_hourly_data(tmp_path):
    times = pd.date_range("2023-10-20", periods=400, freq="1h", tz="Europe/Berlin")
    rows = "".join(f"{time.tz_localize(None)},{n}\n" for n, time in enumerate(times))
    data = read(tmp_path, f"time,web.latency\n{rows}", CsvOptions(timezone="Europe/Berlin"))
    assert values(data)["web.latency"] == list(range(400))
    assert data.matrix.start == int(times[0].timestamp())


@pytest.mark.parametrize("text", ["9999-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_a_time_that_no_clock_shows_is_refused(text):
    with pytest.raises(ValueError, match="is no time"):
        parse_time(text)


def test_a_label_that_a_series_lacks_is_empty_and_none_is_lost(tmp_path):
    labels = [{"service": "web"}, {"service": "db", "zone": "a"}, {"pod": "x"}]
    series = [{"metric": {"__name__": "latency", **one}, "values": [[60, "1"], [120, "2"]]} for one in labels]
    (tmp_path / "answer.json").write_text(json.dumps({"status": "success", "data": {"result": series}}))
    assert len(read_csv(tmp_path / "answer.json").matrix.variables) == 3


def test_promtool_s_series_without_labels_is_read(tmp_path):
    (tmp_path / "answer.txt").write_text('up =>\n1 @[60]\n1 @[120]\nup{job="a"} =>\n0 @[60]\n1 @[120]\n')
    assert len(read_csv(tmp_path / "answer.txt").matrix.variables) == 2


@pytest.mark.parametrize(
    "word",
    ["no data", "missing", "--", "\u2014", "n.a.", "(null)", "\\N", "nil", "<nil>", "#DIV/0!", "#VALUE!", "Null", "."],
)
def test_what_stands_for_nothing_is_missing(tmp_path, word):
    data = read(tmp_path, f"time,web.latency,db.latency\n60,1,2\n120,{word},3\n180,3,4\n")
    assert values(data)["web.latency"] == [1, None, 3]


def test_a_unit_that_nobody_knows_stays_out_of_account_behind_every_number(tmp_path):
    data = read(tmp_path, "Zeit;Küche;Keller\n60;21,5 °C;12,25 °C\n120;22 °C;-1,5 °C\n")
    assert values(data) == {"data.Kuche": [21.5, 22], "data.Keller": [12.25, -1.5]}
    with pytest.raises(CsvError, match="no column holds numbers"):
        read(tmp_path, "time,web.code\n60,5xx\n120,5xx\n180,2xx\n")
    with pytest.raises(CsvError, match="no column holds numbers"):
        read(tmp_path, "time,web.x\n60,3 errors\n120,5 pods\n180,4 errors\n")


def test_a_comma_is_that_of_decimals_where_a_unit_follows_too(tmp_path):
    data = read(tmp_path, 'time,web.latency\n60,"51,9 ms"\n120,"1.252,3 ms"\n')
    assert values(data) == {"web.latency": [0.0519, 1.2523]}


def test_a_text_with_a_comma_does_not_turn_decimal_points_into_thousands(tmp_path):
    data = read(tmp_path, 'time,web.latency,web.requests,web.note\n60,1.234,2.5,"3,5 GB free"\n120,1.300,2.5,none\n')
    assert values(data)["web.latency"] == [1.234, 1.3]


def test_a_point_is_that_of_decimals_where_a_cell_leaves_no_doubt(tmp_path):
    """Semicolons alone do not make a comma that of decimals, and no thousand begins with 0."""
    data = read(tmp_path, "time;web.requests;web.latency\n60;1,149;0.052\n120;12,250;0.047\n")
    assert values(data) == {"web.requests": [1149, 12250], "web.latency": [0.052, 0.047]}
    doubtful = read(tmp_path, "time;web.latency\n60;1,149\n120;1,250\n")
    assert values(doubtful) == {"web.latency": [1.149, 1.25]}


def test_blanks_between_thousands_before_a_decimal_comma(tmp_path):
    data = read(tmp_path, "time;web.requests\n60;5 193,2\n120;5\u202f234,8\n180;5\u00a0100,0\n")
    assert values(data) == {"web.requests": [5193.2, 5234.8, 5100]}


@pytest.mark.parametrize(
    "form",
    ["Sep 01, 2025, 01:0{} PM", "September 1, 2025 13:0{}", "Sep 1, 2025 @ 13:0{}:00.000", "1 Sep 2025 1:0{} pm"],
)
def test_months_by_name_with_a_clock_of_12_or_24_hours(tmp_path, form):
    rows = "".join(f'"{form.format(n)}",{n}\n' for n in range(5))
    data = read(tmp_path, f"time,web.latency\n{rows}")
    assert data.matrix.start == int(pd.Timestamp("2025-09-01T13:00Z").timestamp())
    assert values(data)["web.latency"] == [0, 1, 2, 3, 4]


def test_a_second_line_of_names_is_one_row_without_a_time(tmp_path):
    rows = "".join(f"2025/09/01 {n // 60:02}:{n % 60:02}:00,{n}\n" for n in range(150))
    data = read(tmp_path, f"Label,cart\nID,m1\n{rows}")
    assert data.has_time
    assert values(data)["data.cart"] == list(range(150))
    assert any("no time that can be read" in notice for notice in data.notices)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16"])
def test_utf_16_with_and_without_its_mark(tmp_path, encoding):
    (tmp_path / "data.csv").write_text("time\tweb.latency\n60\t1\n120\t2\n", encoding=encoding)
    assert values(read_csv(tmp_path / "data.csv")) == {"web.latency": [1, 2]}


def test_columns_that_name_nobody_are_of_the_whole(tmp_path):
    rows = "".join(f"{60 * n},{n},{n % 3},{n % 5},{n % 7}\n" for n in range(1, 20))
    data = read(tmp_path, f"time,row,web.latency,db.latency,errors\n{rows}")
    assert set(values(data)) == {"web.latency", "db.latency", "data.errors"}
    assert any(notice == "taken as of 'data', since no entity is named: 'errors'" for notice in data.notices)
    assert any(notice.startswith("left out, since no entity is named: 'row'") for notice in data.notices)
    marked = read(tmp_path, f"time,row,web latency,db latency,total errors\n{rows}")
    assert {"web.latency", "db.latency"} <= set(values(marked)) or "data.web_latency" in values(marked)


@pytest.mark.parametrize(
    ("days", "doubtful"), [(("01/09/2025", "01/09/2025"), True), (("01/09/2025", "02/09/2025"), False)]
)
def test_a_day_that_may_be_a_month_is_told(tmp_path, days, doubtful):
    rows = "".join(f"{day} {hour:02}:00,{hour}\n" for day in dict.fromkeys(days) for hour in range(24))
    (notice,) = [one for one in read(tmp_path, f"time,web.latency\n{rows}").notices if "is the time" in one]
    assert ("nothing tells whether the month comes first" in notice) == doubtful
    assert "dates with the day first" in notice
    same = "".join(f"09/09/2025 {hour:02}:00,{hour}\n" for hour in range(24))
    assert not any("nothing tells" in one for one in read(tmp_path, f"time,web.latency\n{same}").notices)
