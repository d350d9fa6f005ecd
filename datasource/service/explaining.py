"""Which label values carry a change, for whoever asks the service: computed in own threads, within a deadline."""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from datasource.attribution.explanation import DEPTH, Explanation, explain_change
from datasource.attribution.question import read_question
from datasource.attribution.reading import choose_times, read_measured
from datasource.prometheus import PrometheusClient, PrometheusError
from datasource.prometheus.decode import Ahead
from datasource.prometheus.transport import Reply
from datasource.service.later import Later
from datasource.settings.prometheus import Prometheus

DEADLINE = 30.0
"""Seconds that one explanation may take."""
PATIENCE = 2.0
"""Seconds that somebody waits for one; whoever asks again later gets it then."""


class ChangeQuestion(NamedTuple):
    """A PromQL query, two times in seconds since 1970, and over how many seconds up to each is averaged, where that is
    said."""

    query: str
    start: int
    end: int
    over: float | None = None
    depth: int = DEPTH


class Explaining(Later[ChangeQuestion, Explanation]):
    """Explains changes of queries to one Prometheus. A question is computed once, however many ask."""

    def __init__(self, client: Callable[[float], PrometheusClient]) -> None:
        """`client` gives a client that asks nothing more after a deadline (a time of `time.monotonic`)."""
        super().__init__(self._explain, _LATER)
        self._client = client

    def ask(self, question: ChangeQuestion, patience: float | None = None) -> Explanation:
        """The answer, if it is there within `patience` seconds (PATIENCE, unless given). Raises NotYetError where it is
        not, attribution's QueryError and PrometheusError where there is none."""
        return super().ask(question, PATIENCE if patience is None else patience)

    def _explain(self, question: ChangeQuestion) -> Explanation:
        asked = read_question(question.query)
        times = choose_times(asked, question.start, question.end, question.over)
        measured = read_measured(self._client(time.monotonic() + DEADLINE), asked, times)
        return explain_change(asked, measured, question.depth)


class HurriedClient(PrometheusClient):
    """A Prometheus that is asked nothing more after a deadline, a time of `time.monotonic`."""

    def __init__(self, settings: Prometheus, deadline: float) -> None:
        super().__init__(settings)
        self._deadline = deadline

    def _ask(self, endpoint: str, params: Mapping[str, Any], ahead: Ahead | None = None) -> Reply:
        if time.monotonic() > self._deadline:
            raise PrometheusError(
                "timeout",
                f"{self.url} took longer than {DEADLINE:.0f} s over the series of this query; choose a narrower "
                "one, or times that lie closer together",
            )
        return super()._ask(endpoint, params, ahead)


_LATER = "this change is being explained; ask again in some seconds"
