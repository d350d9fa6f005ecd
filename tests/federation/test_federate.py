"""Installations join what they know over HTTP, and nobody sees a point of another."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import requests
from click.testing import CliRunner
from serving import Answer, serve
from sharing import SEES_RAW, Shop

import datasource as cd
from datasource.cli import main
from datasource.data import Floats
from datasource.numerics import glsar

EFFECT = {"treatment": "web.cpu", "outcome": "web.latency", "adjust": ["web.requests"]}
Shops = Mapping[str, Shop]


def urls(shops: Shops, *names: str) -> dict[str, str]:
    return {name: shops[name].url for name in names}


def rows(shop: Shop) -> Floats:
    """latency, cpu, requests of whole stretches of a hundred points, as the shop tells of them."""
    matrix = shop.snapshot.matrix
    stretch = 100 * matrix.step
    start, end = -(-matrix.start // stretch) * stretch, (matrix.end + matrix.step) // stretch * stretch
    cut = matrix.between(start, end - matrix.step)
    by_signal = {variable.signal: cut.row(variable) for variable in cut.variables}
    return np.column_stack([by_signal[name] for name in ("latency", "cpu", "requests")])


def test_the_joined_effect_is_that_of_all_points_together(shops: Shops, token: Path) -> None:
    found = cd.federate(urls(shops, "eu", "us", "ap"), **EFFECT, token_file=token)
    parts = [rows(shops[name]) for name in ("eu", "us", "ap")]
    columns = np.vstack([one - one.mean(axis=0) for one in parts])
    groups = np.repeat(np.arange(3), [len(one) for one in parts])
    positions = np.concatenate([np.arange(len(one)) + 10_000 * place for place, one in enumerate(parts)])
    whole = glsar(columns[:, 0], columns[:, 1:], 5, 2, positions, groups=groups)
    effect = found.to_dict()
    assert effect["effect"] == pytest.approx(whole.coefficients[1], rel=1e-10)
    assert effect["lower"] < 0.5 < effect["upper"]
    assert effect["association"] > 1.0 > effect["upper"]
    assert effect["rows"] == len(columns) - 3 * 5
    assert not effect["left_out"]
    assert effect["heterogeneity_p_value"] > 0.05


def test_an_edge_that_holds_in_three_and_breaks_in_one_is_shown_and_left_out(shops: Shops, token: Path) -> None:
    found = cd.federate(urls(shops, "eu", "us", "ap", "odd"), **EFFECT, token_file=token)
    answer = found.to_dict()
    members = {one["installation"]: one for one in answer["installations"]}
    assert [name for name, one in members.items() if one["breaks"]] == ["odd"]
    assert [name for name, one in members.items() if not one["joined"]] == ["odd"]
    assert answer["lower"] < 0.5 < answer["upper"]
    assert [one["site"] for one in answer["left_out"]] == ["odd"]
    assert answer["heterogeneity_p_value"] < 1e-6
    assert members["odd"]["influence"] > 1
    assert "breaks here" in str(found)
    kept = cd.federate(urls(shops, "eu", "us", "ap", "odd"), **EFFECT, token_file=token, keep_all=True).to_dict()
    assert kept["effect"] < answer["effect"] - 0.05


def test_of_two_that_differ_nobody_is_left_out(shops: Shops, token: Path) -> None:
    found = cd.federate(urls(shops, "eu", "odd"), **EFFECT, token_file=token)
    assert not found.left_out
    assert "of two nobody can tell who is odd" in str(found)


def test_who_is_gone_slow_or_no_installation_is_named(shops: Shops, token: Path) -> None:
    with serve(Answer(200, b"[]" * 2000, drip=0.05)) as slow, serve(Answer(200, b"<html>")) as other:
        sites = {**urls(shops, "eu", "us"), "gone": "http://127.0.0.1:9", "slow": slow.url, "other": other.url}
        found = cd.federate(sites, **EFFECT, token_file=token, timeout=1.0)
    reasons = {one.site: one.reason for one in found.left_out}
    assert set(reasons) == {"gone", "slow", "other"}
    assert "refused" in reasons["gone"]
    assert "1s" in reasons["slow"] or "time" in reasons["slow"]
    assert "no JSON" in reasons["other"]
    assert found.to_dict()["lower"] < 0.5 < found.to_dict()["upper"]


def answering(shop: Shop, token: Path, change: Any) -> Any:
    """A server that passes questions on to a shop, and changes what it says."""

    def answer(asked: Any) -> Answer:
        params = [(name, value) for name, values in asked.params.items() for value in values]
        headers = {"Authorization": f"Bearer {token.read_text().strip()}"}
        document = requests.get(shop.url + asked.path, params=params, headers=headers, timeout=10).json()
        return Answer(200, orjson.dumps(change(document)), {"Content-Type": "application/json"})

    return answer


def ten_times(document: dict[str, Any]) -> dict[str, Any]:
    """As if latency were ten times what it is: nothing in the sums themselves gives the lie away."""
    for one in document.get("environments", ()):
        one["location"][0] *= 10
        one["scale"][0] *= 10
    return document


def stretched(document: dict[str, Any]) -> dict[str, Any]:
    """Products that no rows have."""
    for one in document.get("environments", ()):
        one["products"][1][2] = one["products"][2][1] = 2 * one["products"][1][1]
    return document


def test_who_lies_is_found_by_its_influence_or_by_its_sums(shops: Shops, token: Path) -> None:
    sites = urls(shops, "eu", "us", "ap")
    with (
        serve(answering(shops["eu"], token, ten_times)) as liar,
        serve(answering(shops["eu"], token, stretched)) as bad,
    ):
        found = cd.federate({**sites, "liar": liar.url, "bad": bad.url}, **EFFECT, token_file=token)
    reasons = {one.site: one.reason for one in found.left_out}
    assert set(reasons) == {"liar", "bad"}
    assert "it lies, or its system is another one" in reasons["liar"]
    assert "those of no rows at all" in reasons["bad"]
    assert found.to_dict()["lower"] < 0.5 < found.to_dict()["upper"]


def in_milliseconds(document: dict[str, Any]) -> dict[str, Any]:
    for one in document.get("columns", ()):
        if isinstance(one, dict) and one["unit"] == "s":
            one["unit"] = "ms"
    return document


def test_who_measures_in_another_unit_is_named(shops: Shops, token: Path) -> None:
    with serve(answering(shops["ap"], token, in_milliseconds)) as other:
        found = cd.federate({**urls(shops, "eu", "us"), "ap": other.url}, **EFFECT, token_file=token)
    assert [(one.site, one.reason) for one in found.left_out] == [
        ("ap", "the unit of web.latency is 'ms' there, and 's' elsewhere")
    ]


def test_noise_widens_the_interval_and_its_price_is_told(shops: Shops, token: Path) -> None:
    found = cd.federate(urls(shops, "eu", "us", "noisy"), **EFFECT, token_file=token).to_dict()
    assert 1 < found["price"] < 1.1  # who adds noise counts for less
    assert found["lower"] < 0.5 < found["upper"]
    widths = {one["installation"]: one["upper"] - one["lower"] for one in found["installations"]}
    assert widths["noisy"] > 1.5 * widths["eu"]
    alone = cd.federate(urls(shops, "noisy"), **EFFECT, token_file=token).to_dict()
    assert alone["price"] > 1.2
    assert "rows are not whitened" in alone["notices"][0]
    assert alone["lower"] < 0.5 < alone["upper"]
    again = cd.federate(urls(shops, "eu", "us", "noisy"), **EFFECT, token_file=token).to_dict()
    assert again["effect"] == found["effect"]  # asking again does not average the noise out


def test_which_columns_depend_on_each_other(shops: Shops, token: Path) -> None:
    columns = ["web.requests", "web.cpu", "web.latency"]
    found = cd.federate(urls(shops, "eu", "us"), columns=columns, token_file=token).to_dict()
    pairs = [(one["one"], one["other"]) for one in found["dependent"]]
    assert pairs == [(columns[0], columns[1]), (columns[0], columns[2]), (columns[1], columns[2])]
    broken = cd.federate(urls(shops, "odd"), columns=columns, token_file=token).to_dict()
    parted = [(one["one"], one["other"], one["given"]) for one in broken["independent"]]
    assert ("web.cpu", "web.latency", ["web.requests"]) in parted


def test_sums_are_told_to_tokens_only_and_such_a_token_reads_nothing_else(shops: Shops, token: Path) -> None:
    url = shops["eu"].url
    assert requests.get(f"{url}/api/v1/federation", timeout=5).status_code == 401
    joins = {"Authorization": f"Bearer {token.read_text().strip()}"}
    assert requests.get(f"{url}/api/v1/federation", headers=joins, timeout=5).status_code == 200
    refused = requests.get(f"{url}/api/v1/snapshot", headers=joins, timeout=5)
    assert (refused.status_code, "may have sums only" in refused.json()["message"]) == (403, True)
    reads = {"Authorization": f"Bearer {SEES_RAW}"}
    assert requests.get(f"{url}/api/v1/federation", headers=reads, timeout=5).status_code == 200


def test_a_token_that_is_missing_or_wrong_is_said_in_the_words_of_the_command(shops: Shops, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("something-else")
    for file, said in (
        (None, "eu, us: it tells sums to tokens only; give one that it knows, as --token-file FILE"),
        (wrong, f"eu, us: it does not accept the token in {wrong} (--token-file)"),
        (tmp_path / "none", f"eu, us: --token-file: {tmp_path / 'none'} cannot be read: no such file or directory"),
    ):
        with pytest.raises(cd.StudyError, match=re.escape(said)):
            cd.federate(urls(shops, "eu", "us"), **EFFECT, token_file=file)


def test_every_answer_has_a_page(shops: Shops, token: Path, tmp_path: Path) -> None:
    for number, asked in enumerate((EFFECT, {"columns": ["web.cpu", "web.latency"]}, {})):
        page = tmp_path / f"{number}.html"
        found = cd.federate(urls(shops, "eu", "us"), **asked, token_file=token)
        found.write_page(page)
        assert "<svg" in page.read_text()
        assert len(found.to_frame())


def test_what_is_told_holds_no_point(shops: Shops, token: Path) -> None:
    headers = {"Authorization": f"Bearer {token.read_text().strip()}"}
    asked = {"column": ["web.latency", "web.cpu"]}
    text = requests.get(f"{shops['eu'].url}/api/v1/federation/sums", params=asked, headers=headers, timeout=5).text
    told = {float(one) for one in orjson_numbers(orjson.loads(text))}
    assert not told & set(rows(shops["eu"])[:, :2].ravel().tolist())
    assert len(told) < 400


def orjson_numbers(document: Any) -> list[float]:
    if isinstance(document, dict):
        return [one for value in document.values() for one in orjson_numbers(value)]
    if isinstance(document, list):
        return [one for value in document for one in orjson_numbers(value)]
    return [document] if isinstance(document, (int, float)) else []


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"column": ["web.latency"]}, "ask for 2 to 10"),
        ({"column": ["web.latency", "web.nothing"]}, "'web.nothing' is not told of"),
        ({"column": ["web.latency", "web.cpu@x"]}, "is no column"),
        ({"column": ["web.latency", "web.cpu"], "whitening": ["a"]}, "whitening is no number"),
        ({"column": ["web.latency", "web.cpu"], "whitening": ["nan"]}, "at most 5 coefficients"),
    ],
)
def test_what_cannot_be_told_is_refused_in_words(shops: Shops, token: Path, asked: Any, said: str) -> None:
    headers = {"Authorization": f"Bearer {token.read_text().strip()}"}
    answer = requests.get(f"{shops['eu'].url}/api/v1/federation/sums", params=asked, headers=headers, timeout=5)
    assert answer.status_code == 400
    assert said in answer.json()["message"]


def test_the_command_says_what_the_library_says(shops: Shops, token: Path) -> None:
    sites = [f"--site={name}={url}" for name, url in urls(shops, "eu", "us").items()]
    asked = ["--treatment", "web.cpu", "--outcome", "web.latency", "--adjust", "web.requests"]
    done = CliRunner().invoke(main, ["federate", *sites, "--token-file", str(token), *asked, "--json"])
    assert done.exit_code == 0, done.output
    expected = cd.federate(urls(shops, "eu", "us"), **EFFECT, token_file=token)
    assert orjson.loads(done.output) == expected.to_dict()
    told = CliRunner().invoke(main, ["federate", *sites, "--token-file", str(token)])
    assert "web.cpu" in told.output
    assert "eu, us" in told.output


def test_what_cannot_be_asked_ends_with_a_sentence(shops: Shops, token: Path) -> None:
    alone = CliRunner().invoke(main, ["federate", "--site", "eu", "--treatment", "a"])
    assert (alone.exit_code, "write it as eu=https://" in alone.output) == (2, True)
    done = CliRunner().invoke(main, ["federate", f"--site=eu={shops['eu'].url}", "--treatment", "web.cpu"])
    assert (done.exit_code, "name a treatment and an outcome" in done.output) == (2, True)
    gone = CliRunner().invoke(main, ["federate", "--site", "eu=http://127.0.0.1:9", "--column", "a", "--column", "b"])
    assert (gone.exit_code, "no installation is left" in gone.output) == (2, True)
