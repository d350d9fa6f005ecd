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
