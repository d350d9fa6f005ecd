"""Partial answers and limits: told as notices, or refused where the settings say so."""

import pytest
from serving import Answer, Asked, serve, success

from datasource.prometheus import PrometheusClient, PrometheusError, Reader
from datasource.settings import Settings, parse_settings

THANOS = 'fetch series for {region="eu"} from store-2: connection refused'


def settings(url: str, **more: object) -> Settings:
    extra = "".join(f", {key}: {value}" for key, value in more.items())
    return parse_settings(f"""
prometheus: {{url: '{url}', retries: 0{extra}}}
entities: {{service: {{labels: [service]}}}}
signals:
  whole: {{entity: service, query: whole, window: 30s}}
  partly: {{entity: service, query: partly, window: 30s}}
""")


def matrix(*services: str) -> dict[str, object]:
    result = [{"metric": {"service": name}, "values": [[0, "1"], [30, "2"]]} for name in services]
    return {"resultType": "matrix", "result": result}


def partly(**more: object) -> object:
    def answer(asked: Asked) -> Answer:
        return success(matrix("web"), **(more if asked.params["query"] == ["partly"] else {}))

    return answer


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"warnings": [THANOS]}, THANOS),
        ({"isPartial": True}, "some storage nodes did not respond"),
        ({"isPartial": True, "warnings": [THANOS]}, THANOS),
    ],
)
def test_a_partial_answer_is_a_notice_or_with_partial_fail_an_error(said: dict[str, object], shown: str) -> None:
    with serve(partly(**said)) as server:
        matrix_, (whole, part) = Reader(settings(server.url)).read(0, 30)
        assert len(matrix_.variables) == 2
        assert (whole.notice, part.problem) == ("", "")
        assert shown in part.notice
        matrix_, (whole, part) = Reader(settings(server.url, partial="fail")).read(0, 30)
        assert [variable.signal for variable in matrix_.variables] == ["whole"]
        assert (whole.kind, part.kind) == ("", "partial")
        assert shown in part.problem
        assert "prometheus.partial: fail" in part.problem


@pytest.mark.parametrize("said", [{"isPartial": False}, {"warnings": []}, {"warnings": None}, {}])
def test_a_whole_answer_has_no_notice(said: dict[str, object]) -> None:
    with serve(partly(**said)) as server:
        _, reports = Reader(settings(server.url, partial="fail")).read(0, 30)
        assert [(report.notice, report.problem) for report in reports] == [("", ""), ("", "")]


def test_prometheus_opinion_on_a_query_is_a_notice_even_with_partial_fail() -> None:
    opinion = "PromQL warning: quantile value should be between 0 and 1, got 95"
    with serve(partly(warnings=[opinion], infos=["PromQL info: metric might not be a counter"])) as server:
        _, (_, part) = Reader(settings(server.url, partial="fail")).read(0, 30)
        assert opinion in part.notice
        assert part.problem == ""


def test_more_series_than_allowed_are_refused_with_both_numbers() -> None:
    def answer(asked: Asked) -> Answer:
        return success(matrix(*map(str, range(1234 if asked.params["query"] == ["partly"] else 3))))

    with serve(answer) as server:
        _, (whole, part) = Reader(settings(server.url, max_series=1000)).read(0, 30)
    assert (whole.entities, whole.problem) == (3, "")
    assert part.kind == "limit"
    assert part.problem == "1,234 series, prometheus.max_series allows 1,000; aggregate the query or raise it"


def test_a_login_page_is_no_matrix() -> None:
    page = Answer(200, b"<html>log in</html>", {"Content-Type": "text/html"})
    with serve(page) as server, pytest.raises(PrometheusError, match=r"text/html.*path prefix") as error:
        list(PrometheusClient(server.url).raw_range("up", 0, 60, 30))
    assert error.value.kind == "not_json"
