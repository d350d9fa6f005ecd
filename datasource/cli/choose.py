"""Which of the signals a Prometheus offers go into the file: those whose query returns the entities now."""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from datasource.cli.document import SignalText
from datasource.cli.families import Family, Proposed, further_signals
from datasource.cli.labels import Identity
from datasource.cli.survey import Survey
from datasource.cli.timing import Timing
from datasource.library.text import count
from datasource.prometheus import PrometheusError
from datasource.settings import format_duration
from datasource.settings.promql import write_labels, write_present, write_selector


class Chosen(NamedTuple):
    """The signals, and what there is to say about them."""

    signals: tuple[SignalText, ...]
    findings: tuple[str, ...]


class Answer(NamedTuple):
    """The entities that a query returned, whether some series lacked a label, whether some entity came twice."""

    entities: frozenset[tuple[str, ...]]
    incomplete: bool
    ambiguous: bool


def choose_signals(
    survey: Survey,
    family: Family,
    identity: Identity,
    call_labels: tuple[str, ...],
    timing: Timing,
    taken: Collection[str] = (),
) -> Chosen:
    """Of each name not `taken`, the first proposal that returns entities of the family. Raises PrometheusError."""
    signals: dict[str, SignalText] = {}
    findings: list[str] = []
    offered = [*family.signals, *further_signals(survey, family, identity.labels)]
    offered = [proposed for proposed in offered if proposed.name not in taken]
    for proposed in offered:
        if proposed.name in signals or not survey.alive(proposed.metric):
            continue
        labels = call_labels if proposed.entity == "call" else identity.labels
        for query in _queries(proposed, labels, timing, identity.placeholders):
            answer = ask(survey, query, labels)
            if answer and not (answer.incomplete or answer.ambiguous):
                break
        else:
            continue
        if not answer.entities or (proposed.entity != "call" and not answer.entities & identity.values):
            continue
        entity = proposed.entity or family.entity
        window = timing.window if "$window" in proposed.query or proposed.window else timing.step
        signals[proposed.name] = SignalText(
            proposed.name, entity, query, window, proposed.unit, proposed.role or "", proposed.kind
        )
        findings.append(f"signal {proposed.name}: {count(len(answer.entities), entity)}, from {proposed.metric}")
    for name, metric in {proposed.name: proposed.metric for proposed in reversed(offered)}.items():
        if name not in signals and survey.alive(metric):
            findings.append(f"signal {name} left out: {metric} returns nothing for these labels now")
    return Chosen(tuple(signals.values()), tuple(findings))


def _queries(proposed: Proposed, labels: tuple[str, ...], timing: Timing, placeholders: Sequence[str]) -> Iterator[str]:
    """The query as simple as it can be, then without the series that lack a label, then aggregated."""
    window = format_duration(timing.window)
    plain = proposed.render(labels, "", window)
    present = write_present(labels, placeholders)
    if placeholders and proposed.query == proposed.metric:
        yield write_selector(proposed.metric, present)
    if not placeholders or "$present" not in proposed.query:
        yield plain
    if "$present" in proposed.query:
        yield proposed.render(labels, present, window)
    elif "$by" not in proposed.query:
        how = "avg" if proposed.role == "latency" or proposed.unit == "percentunit" else "sum"
        yield f"{how} by ({write_labels(labels)}) ({plain})"
        yield f"{how} by ({write_labels(labels)}) ({write_selector(proposed.metric, present)})"


def ask(survey: Survey, query: str, labels: Sequence[str]) -> Answer | None:
    """What a query returns now; None where it is refused."""
    try:
        series = survey.query(query)
    except PrometheusError as error:
        if error.kind != "bad_query":
            raise
        return None
    values = [tuple(one.labels.get(label, "") for label in labels) for one in series]
    entities = frozenset(value for value in values if all(value))
    incomplete = len([value for value in values if not all(value)])
    return Answer(entities, bool(incomplete), len(values) - incomplete > len(entities))
