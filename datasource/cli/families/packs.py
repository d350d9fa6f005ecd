"""Instrumentation that a pack knows."""

from collections.abc import Callable

from datasource.cli.families.family import Family
from datasource.cli.families.span_names import find_span_names
from datasource.cli.survey import Survey
from datasource.settings.packs import Pack, read_pack


def pack_finder(name: str) -> Callable[[Survey], Family | None]:
    """Looks for the metrics of one pack."""
    return lambda survey: find_pack(survey, read_pack(name))


def find_pack(survey: Survey, pack: Pack) -> Family | None:
    """The pack under those of its known parameters for which most of what it needs is there; None without its first."""
    best: tuple[int, dict[str, object]] | None = None
    further = find_span_names(survey) if "prefix" in pack.parameters else ()
    for parameters in (*pack.known, *further):
        there = [_alive(survey, metric) for metric in pack.needs(parameters)]
        if there[0] and (best is None or sum(there) > best[0]):
            best = sum(there), parameters
    if best is None:
        return None
    count, parameters = best
    needs = tuple(metric.partition("{")[0] for metric in pack.needs(parameters))
    if pack.tells and not set(pack.tells) & survey.labels(needs[0]):
        return None
    missing: tuple[str, ...] = (pack.alone,) if pack.alone else ()
    missing += () if count == len(needs) else (f"no {' or '.join(needs[1:])} beside {needs[0]}",)
    return Family(pack.title, pack.entity, needs[0], pack.names, (), missing, pack, parameters)


def _alive(survey: Survey, selector: str) -> bool:
    """Whether a metric, or some series of it, has samples now."""
    name, brace, _ = selector.partition("{")
    return survey.alive(name) and (not brace or bool(survey.query(f"count({selector})")))
