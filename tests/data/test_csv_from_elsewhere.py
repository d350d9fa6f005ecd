"""Files as other tools write them: each is read as what it is, or refused in a sentence."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from datasource.cli import main
from datasource.data.csv.files import read_csv
from datasource.data.csv.table import CsvError
from datasource.effects.files.columns import read_columns
from datasource.effects.study import StudyError

POINTS, START = 40, 1_700_000_040
TIMES = [START + 60 * row for row in range(POINTS)]
WEB, DB = (list(np.round(np.random.default_rng(seed).normal(0.2, 0.01, POINTS), 6)) for seed in (1, 2))


def iso(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rows(times=TIMES):
    return [f"{time},{web},{db}" for time, web, db in zip(times, WEB, DB, strict=True)]


HEADER = "time,web.latency,db.latency"
FRAMES = {
    "results": {
        "A": {
            "frames": [
                {
                    "schema": {
                        "fields": [
                            {"name": "Time", "type": "time"},
                            {"name": "Value", "type": "number", "labels": {"service": name, "__name__": "latency"}},
                        ]
                    },
                    "data": {"values": [[time * 1000 for time in TIMES], values]},
                }
                for name, values in (("web", WEB), ("db", DB))
            ]
        }
    }
}
INFLUX = (
    "#group,false,false,true,true,false,false,true,true\r\n"
    "#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string,string\r\n"
    "#default,_result,,,,,,,\r\n"
)
INFLUX_HEADER = ",result,table,_start,_stop,_time,_value,_field,service\r\n"


def influx(name, number, values):
    stop = iso(TIMES[-1])
    return "".join(
        f",,{number},{iso(START)},{stop},{iso(time)},{value},latency,{name}\r\n"
        for time, value in zip(TIMES, values, strict=True)
    )


FILES = {
    "comments before the header": "# exported by hand\n# panel: latency\n" + "\n".join([HEADER, *rows()]),
    "a header that is a comment, as gnuplot likes it": "\n".join([f"# {HEADER}", *rows()]),
    "comments between rows": "\n".join([HEADER, *rows()[:20], "# a restart", *rows()[20:]]),
    "the header again, as in files put together": "\n".join([HEADER, *rows()[:20], HEADER, *rows()[20:]]),
    "days of Excel": "\n".join([HEADER, *rows([time / 86400 + 25569 for time in TIMES])]),
    "annotated CSV of InfluxDB": INFLUX + INFLUX_HEADER + influx("web", 0, WEB) + influx("db", 1, DB),
    "annotated CSV of two tables": (
        f"{INFLUX}{INFLUX_HEADER}{influx('web', 0, WEB)}\r\n{INFLUX}{INFLUX_HEADER}{influx('db', 0, DB)}"
    ),
    "Datadog": "\n".join(
        [
            'timestamp,"avg:trace.http.request.latency{service:web}","avg:trace.http.request.latency{service:db}"',
            *rows([iso(time) for time in TIMES]),
        ]
    ),
    "decimal commas in quotes": "\n".join(
        [HEADER, *(f'{t},"{w:.6f}","{d:.6f}"'.replace(".", ",") for t, w, d in zip(TIMES, WEB, DB, strict=True))]
    ),
    "decimal commas between tabs": "\n".join(
        [HEADER, *(f"{t},{w:.6f},{d:.6f}" for t, w, d in zip(TIMES, WEB, DB, strict=True))]
    )
    .replace(",", "\t")
    .replace("\t0.", "\t0,"),
    **{
        f"times as {how}": "\n".join(
            [HEADER, *rows([f'"{datetime.fromtimestamp(time, UTC).strftime(how)}"' for time in TIMES])]
        )
        for how in (
            *("%d %b %Y %H:%M:%S", "%a, %d %b %Y %H:%M:%S GMT", "%d/%b/%Y:%H:%M:%S +0000"),
            *("%b %d, %Y %H:%M", "%B %d, %Y %H:%M:%S", "%Y%m%d%H%M%S"),
        )
    },
    "rows as JSON": json.dumps(
        [{"time": t, "web.latency": w, "db.latency": d} for t, w, d in zip(TIMES, WEB, DB, strict=True)]
    ),
    "a row of JSON a line": "\n".join(
        json.dumps({"time": t, "web.latency": w, "db.latency": d}) for t, w, d in zip(TIMES, WEB, DB, strict=True)
    ),
    "Grafana's data frames": json.dumps(FRAMES),
    "an export of VictoriaMetrics": "\n".join(
        json.dumps(
            {
                "metric": {"__name__": "latency", "service": name},
                "values": values,
                "timestamps": [1000 * time for time in TIMES],
            }
        )
        for name, values in (("web", WEB), ("db", DB))
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_of_another_tool_is_read_as_what_it_is(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(FILES[kind])
    matrix = read_csv(path).matrix
    found = {str(variable): matrix.row(variable) for variable in matrix.variables}
    assert set(found) == {"web.latency", "db.latency"}
    assert found["web.latency"] == pytest.approx(WEB)
    assert found["db.latency"] == pytest.approx(DB)
    assert (matrix.start, matrix.step) == (START, 60)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<!doctype html><html><body>Sign in</body></html>", "is it the page that asks to sign in"),
        (b'<?xml version="1.0"?><metrics/>', "is a web page or XML"),
        (b"# HELP up whether\n# TYPE up gauge\nup 1\n", "ask Prometheus for /api/v1/query_range"),
        (b'{"metric": {"a": "b"}, "values": [1], "time', "cannot be read"),
        (gzip.compress(b"time,web.latency\n1,2\n", mtime=0), "unpack it, as gunzip does"),
        (b"# nothing but comments\n# and more\n", "no rows"),
    ],
)
def test_what_is_no_table_is_said_in_a_sentence(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_bytes(content)
    with pytest.raises(CsvError) as error:
        read_csv(path)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("command", ["evaluate", "score"])
def test_a_raw_counter_is_told_also_where_nobody_checks(command: str, tmp_path: Path) -> None:
    path = tmp_path / "raw.csv"
    counted = np.cumsum(np.random.default_rng(3).poisson(50, 200))
    path.write_text("time,web.requests\n" + "".join(f"{START + 60 * n},{c}\n" for n, c in enumerate(counted)))
    result = CliRunner().invoke(main, [command, "--data", str(path)])
    assert "requests: of web it only grows, as a counter does" in result.output


TIDY = "time,service,metric,value\n" + "".join(
    f"{time},{name},{metric},{value}\n"
    for name, values in (("web", WEB), ("db", DB))
    for metric in ("latency", "requests")
    for time, value in zip(TIMES, values, strict=True)
)
ANSWER = json.dumps(
    {
        "status": "success",
        "data": {
            "resultType": "matrix",
            "result": [
                {
                    "metric": {"__name__": metric, "service": name},
                    "values": [[time, str(value)] for time, value in zip(TIMES, values, strict=True)],
                }
                for name, values in (("web", WEB), ("db", DB))
                for metric in ("latency", "requests")
            ],
        },
    }
)


@pytest.mark.parametrize("text", [TIDY, ANSWER], ids=["tidy", "an answer of Prometheus"])
def test_an_effect_is_asked_of_signals_that_stand_in_rows_of_their_own(text: str, tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(text)
    columns = read_columns(path, ["requests", "latency"], [])
    assert columns.numbers("latency") == pytest.approx([*WEB, *DB])
    assert columns.numbers("requests") == pytest.approx([*WEB, *DB])
    with pytest.raises(StudyError, match="no column 'errors'"):
        read_columns(path, ["errors", "latency"], [])
