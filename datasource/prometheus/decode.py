"""From the bytes of a range query's answer to numbers, without an object per point.

An answer is nearly all `"values":[[t,"v"],[t,"v"],...]`. These arrays are cut out of the text and read one after the
other; what remains is short, and orjson reads it. Where the text is laid out in another way (spaces, for example),
orjson reads all of it.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import orjson

from datasource.data.matrix import Floats
from datasource.prometheus.answer import warnings_of
from datasource.prometheus.collector import paused_collector
from datasource.prometheus.errors import PrometheusError

_BEGIN, _END = b'"values":[[', b"]]"
_NUMBER = b"0123456789.eE+-NaIinf"


class Series(NamedTuple):
    """One series of an answer: its labels, times in seconds, and values, as the server listed them."""

    labels: dict[str, str]
    times: Floats
    values: Floats


class Decoded(NamedTuple):
    """`size` series, read one at a time while they are asked for, and what the server remarked on them."""

    series: Iterator[Series]
    size: int
    warnings: tuple[str, ...]


class Ahead:
    """The values of an answer, read while it comes; what is laid out in another way is left to `decode_matrix`."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Another answer comes, of which nothing is known."""
        self._pairs, self._odd, self._size = _Pairs(), False, 0
        self._points: list[tuple[Floats, Floats]] = []
        self._rest: list[bytes] = []
        self._unread = b""

    def take(self, part: bytes) -> None:
        """The next bytes of it."""
        self._size += len(part)
        if self._odd:
            return
        text, place = self._unread + part, 0
        while (found := text.find(_BEGIN, place)) >= 0 and (end := text.find(_END, found)) >= 0:
            begin, end = found + len(_BEGIN) - 2, end + len(_END)
            try:
                self._points.append(self._pairs.read(_checked(text[begin:end])))
            except ValueError:
                self._odd = True
                return
            self._rest += [text[place:begin], str(len(self._points) - 1).encode()]
            place = end
        self._unread = text[place:]

    def of(self, body: bytes) -> tuple[list[tuple[Floats, Floats]], bytes] | None:
        """Times and values of the series of this body, and its text with their numbers in their place; None where it
        was not read ahead."""
        if self._odd or self._size != len(body) or not self._points:
            return None
        return self._points, b"".join([*self._rest, self._unread])


def decode_matrix(body: bytes, server: str, ahead: Ahead | None = None) -> Decoded:
    """The series in the body of a 200 answer to a range query; `server` is its address, for messages. Where it was read
    `ahead`, only what is left is read.

    Equal to `json.loads` and `float` on every point, in half the time of orjson and with no more memory than the body
    has: the objects of one series are gone when the next one is read.

    Raises PrometheusError, some only while the series are read: "not_json" for a body that is no matrix, "bad_query"
    for one in which the server refuses the query, or that holds native histograms.
    """
    if ahead is not None and (read := ahead.of(body)) is not None:
        points, rest = read
        answer = _load(rest, server)
        if _fit(answer, len(points)):
            result = _result(answer, server)
            return Decoded(_series(result, points.__getitem__, server), len(result), _remarks(answer))
    arrays, rest = _cut(body)
    answer = _load(rest, server) if arrays else None
    if answer is None or not _fit(answer, len(arrays)):
        arrays, answer = [], _load(body, server)
    result, pairs = _result(answer, server), _Pairs()
    at = (lambda number: pairs.read(body[arrays[number]])) if arrays else None
    return Decoded(_series(result, at, server), len(result), _remarks(answer))


def _cut(body: bytes) -> tuple[list[slice], bytes]:
    """Where the arrays of values are, and the text with the number of the array in the place of each."""
    arrays: list[slice] = []
    rest: list[bytes] = []
    place = 0
    while (found := body.find(_BEGIN, place)) >= 0:
        begin = found + len(_BEGIN) - 2
        end = body.find(_END, begin) + len(_END)
        try:
            _checked(body[begin:end])
        except ValueError:
            return [], body
        rest += [body[place:begin], str(len(arrays)).encode()]
        arrays.append(slice(begin, end))
        place = end
    return arrays, b"".join([*rest, body[place:]])


def _checked(array: bytes) -> bytes:
    """The same text, which is like `[[t,"v"],[t,"v"],...]`. Raises ValueError."""
    shape = array.translate(None, _NUMBER)
    if shape != b'[[,""]' + b',[,""]' * (len(shape) // 6 - 1) + b"]":
        raise ValueError("it is laid out in another way")
    return array


def _fit(answer: Any, arrays: int) -> bool:
    """Whether each of so many arrays stood where the values of a series belong."""
    try:
        values = [one.get("values") for one in answer["data"]["result"]]
    except (AttributeError, KeyError, TypeError):
        return False
    return [value for value in values if isinstance(value, int)] == list(range(arrays))


def _load(text: bytes, server: str) -> Any:
    try:
        with paused_collector():
            return orjson.loads(text)
    except ValueError:
        raise PrometheusError(
            "not_json",
            f"{server} answered with something else than Prometheus' JSON; "
            "check that prometheus.url has the right port and path prefix",
        ) from None


def _result(answer: Any, server: str) -> list[Any]:
    """The list of series of an answer that is a matrix."""
    if not isinstance(answer, dict):
        raise _strange(server, "it is no object")
    if answer.get("status") == "error":
        raise PrometheusError(
            "bad_query",
            f"{server} refused the query: {answer.get('errorType', 'error')}: {answer.get('error', 'no reason given')}",
        )
    data = answer.get("data")
    if not isinstance(data, dict):
        raise _strange(server, "it has no data")
    kind, result = data.get("resultType"), data.get("result")
    if kind != "matrix" and (kind is not None or not isinstance(result, list)):
        raise _strange(server, f"its result is a {kind or type(result).__name__}")
    if result is None:
        return []
    if not isinstance(result, list):
        raise _strange(server, "its result is no list")
    return result


def _remarks(answer: Mapping[str, Any]) -> tuple[str, ...]:
    infos = answer.get("infos")
    return (*warnings_of(answer), *(str(one) for one in (infos if isinstance(infos, list) else ())))


def _series(result: list[Any], at: Callable[[int], tuple[Floats, Floats]] | None, server: str) -> Iterator[Series]:
    for one in result:
        labels = one.get("metric") if isinstance(one, dict) else None
        if not isinstance(labels, dict):
            raise _strange(server, "a series has no labels")
        if one.get("histograms"):
            raise PrometheusError(
                "bad_query",
                f"{server} answered with native histograms ({labels}); let the query take a number from them, "
                "as histogram_quantile(0.95, ...) or histogram_avg(...)",
            )
        values = one.get("values")
        try:
            points = at(values) if at is not None and isinstance(values, int) else _points(values)
        except (TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
            raise _strange(server, f"values of {labels} are not [time, 'number'] ({error})") from None
        yield Series(labels, *points)


class _Pairs:
    """Times and values of texts like `[[t,"v"],[t,"v"],...]`, whose shape was checked.

    The series of an answer mostly have the same times, which are then read once.
    """

    def __init__(self) -> None:
        self._text = b""
        self._times: Floats = np.empty(0)

    def read(self, array: bytes) -> tuple[Floats, Floats]:
        parts = array.split(b'"')
        text = b"".join(parts[::2])
        if text != self._text:
            times = np.fromiter(map(float, text.translate(None, b"[]").split(b",")[::2]), np.float64)
            if not np.isfinite(times).all():
                raise ValueError("a time is not finite")
            times.setflags(write=False)
            self._text, self._times = text, times
        return self._times, np.fromiter(map(float, parts[1::2]), np.float64, len(parts) // 2)


def _points(values: Any) -> tuple[Floats, Floats]:
    """Times and values of a decoded list of [t, "v"]."""
    if not isinstance(values, list):
        raise TypeError("there is no list of values")
    if any(isinstance(point[0], (str, bool)) or len(point) != 2 for point in values):
        raise ValueError("a point is no pair")
    if "".join(point[1] for point in values).encode().translate(None, _NUMBER):
        raise ValueError("a value is no number")
    times = np.fromiter((point[0] for point in values), np.float64, len(values))
    return times, np.fromiter((float(point[1]) for point in values), np.float64, len(values))


def _strange(server: str, why: str) -> PrometheusError:
    return PrometheusError(
        "not_json", f"{server} answered JSON that is not Prometheus' matrix ({why}); check prometheus.url"
    )
