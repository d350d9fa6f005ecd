"""Tools that compare two times of a Prometheus or of files: who caused an incident, and what carries a change."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from datasource.mcp.service import AUTHORIZATION, RefusedError, Service
from datasource.mcp.telling import Part, number, share, time, told

if TYPE_CHECKING:
    from datasource.library import Data, Explained, Ranking
    from datasource.settings import Settings

_LONGEST = 300
"""Characters of an address that shows a query; it stands in every part."""
_LIKELY = 0.01
"""Probability below which a service is only counted."""


class WindowTools:
    """The questions that the library answers, of the Prometheus that the settings in `config` name."""

    def __init__(self, service: Service, config: Path) -> None:
        self._service, self._config = service, config

    def rank_windows(
        self,
        normal_from: str = "",
        normal_to: str = "",
        incident_from: str = "",
        incident_to: str = "",
        normal_csv: str = "",
        incident_csv: str = "",
        calls_csv: str = "",
        symptom: str = "",
    ) -> str:
        """Who caused an incident: each service's probability, given a normal time and the incident. Either four times
        (ISO 8601 or seconds since 1970), read from Prometheus by the settings, or the paths of two CSV files and
        perhaps one of who calls whom. `symptom` is the variable that alarmed, as shop/web.latency."""
        times, files = (normal_from, normal_to, incident_from, incident_to), (normal_csv, incident_csv)
        if all(files) == all(times) or any(files) == any(times):
            raise RefusedError(
                "give either normal_csv and incident_csv, or normal_from, normal_to, incident_from and incident_to"
            )
        if (any(files) or calls_csv) and AUTHORIZATION.get() is not None:
            raise RefusedError("no files are read for whoever asks over HTTP; give the four times")
        from datasource import library

        try:
            if all(files):
                found = library.rank(*files, symptom=symptom or None, calls=calls_csv or None)
                shown = f"causal-datasource rank --baseline {normal_csv} --incident {incident_csv}"
            else:
                settings = self._settings()
                normal, incident = (
                    library.from_prometheus(settings, start=a, end=b) for a, b in (times[:2], times[2:])
                )
                found = library.rank(normal, incident, symptom=symptom or None, calls=calls_csv or _calls(incident))
                shown = f"{settings.prometheus.url}, the signals of {self._config}"
        except (library.CsvError, library.SettingsError, library.PrometheusError) as error:
            raise RefusedError(str(error)) from None
        return _ranked(found, shown)

    def explain_change(self, query: str, start: str = "-1h", end: str = "", over: str = "") -> str:
        """Which label values carry the change of a PromQL sum, rate, ratio or mean between two times (ISO 8601, seconds
        since 1970, or as -2h; `end` is now without one). What is compared are the means over `over`, as 5m, up to
        each."""
        from datasource import library

        settings = self._settings()
        try:
            found = library.explain(settings, query, start=start or None, end=end or None, over=over or None)
        except (library.QueryError, library.SettingsError, library.PrometheusError) as error:
            raise RefusedError(str(error)) from None
        return _explained(found, settings.prometheus.url)

    def _settings(self) -> "Settings":
        if AUTHORIZATION.get() is not None:
            self._service.admit()  # the settings' credentials are for those who may read
        from datasource.settings import SettingsError, load_settings

        try:
            return load_settings(self._config).settings
        except SettingsError as error:
            raise RefusedError(
                f"the settings that name the Prometheus cannot be used (start with --config): {error}"
            ) from None


def _calls(data: "Data") -> Sequence[tuple[str, str]] | None:
    """Who calls whom by the settings' relation `calls`, as it was seen."""
    relation = data.opened.settings.relations.get("calls")
    return [(rule.cause, rule.effect) for rule in relation.pairs] if relation else None


def _ranked(found: "Ranking", shown: str) -> str:
    document, confidence = found.to_dict(), found.confidence
    best: dict[str, dict[str, Any]] = {}
    for entry in document["ranking"]:
        best.setdefault(entry["service"], entry)
    lines = []
    likely = {service: sure for service, sure in confidence.items() if sure >= _LIKELY}
    for service, sure in likely.items():
        entry = best[service]
        adds = (
            "" if entry["contribution"] is None else f", adds {number(entry['contribution'], entry['unit'])} by itself"
        )
        clearest = f"clearest at {entry['variable']} with score {number(entry['score'])}"
        lines.append(f"{service}: {share(sure)} likely, {clearest}{adds}")
    if others := len(confidence) - len(likely):
        lines.append(f"{others} others: less than {share(_LIKELY)} each")
    nobody = max(0.0, 1 - sum(confidence.values()))
    head = f"Nobody of them: {share(nobody)}"
    if not found.found.ranking.blamed:
        head = f"Who caused it is not known: nothing is far enough from normal to be blamed. {head}"
    parts = [
        Part("Root causes, the likeliest first; a score above 1 is blamed", lines, shown),
        Part("Mind", document["notices"]),
    ]
    return told([head], parts)


def _explained(found: "Explained", url: str) -> str:
    document = found.to_dict()
    graph = f"{url}/graph?{urlencode({'g0.expr': document['query']})}"
    graph = graph if len(graph) <= _LONGEST else f"{url}, the query as it was asked"
    usual = document["usual"]
    known = f"usually within {number(3 * usual)}" if usual is not None else "how much it changes usually is not known"
    head = [
        f"{found.sentence}.",
        f"{number(document['before'])} at {time(document['start'])} -> {number(document['after'])} at "
        f"{time(document['end'])}, change {number(document['change'])}, {known}; {document['series']} series "
        f"(shown by {graph})",
    ]
    stories = [_part_line(_labels(part), part) for part in document["parts"]]
    parts = [
        Part("Stories and the rest, which add up", [*stories, _part_line("all others", document["rest"])], graph),
        Part("Mind", document["notices"]),
        *(
            Part(f"By {label} alone", [_part_line(_labels(part), part) for part in values], graph)
            for label, values in document["by_label"].items()
        ),
    ]
    return told(head, parts, "add a matcher to the query")


def _labels(part: dict[str, dict[str, str]]) -> str:
    return ", ".join(f'{name}="{value}"' for name, value in part["labels"].items())


def _part_line(name: str, part: dict[str, float]) -> str:
    return (
        f"{name}: adds {number(part['effect'])} ({share(part['share'])} of the change), "
        f"{number(part['before'])} -> {number(part['after'])}"
    )
