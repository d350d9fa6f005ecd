"""Do the questions of effect and impact name what is there? Each finding names its place and the fix."""

from collections.abc import Iterator
from typing import get_args

from datasource.settings.consistency import Finding, Place, known, unknown_variable
from datasource.settings.methods import ImpactMethod
from datasource.settings.model import Effect, Settings


def find_in_questions(settings: Settings) -> list[Finding]:
    """Everything in `effects` and `impacts` that names what is not there, or cannot be asked."""
    return [*_effects(settings), *_impacts(settings)]


def _effects(settings: Settings) -> Iterator[Finding]:
    for index, effect in enumerate(settings.effects):
        place: Place = ("effects", index)
        if ("." in effect.treatment) != ("." in effect.outcome):
            yield place, "name two signals (then it is asked for every entity) or two variables, not one of each"
            continue
        for key, name in (("treatment", effect.treatment), ("outcome", effect.outcome)):
            yield from _name(settings, (*place, key), name)
        if effect.treatment == effect.outcome:
            yield place, f"'{effect.treatment}' is both treatment and outcome; name two different ones"
        signals = [settings.signals.get(name) for name in (effect.treatment, effect.outcome)]
        if signals[0] and signals[1] and signals[0].entity != signals[1].entity:
            yield (
                place,
                f"'{effect.treatment}' is measured per {signals[0].entity}, '{effect.outcome}' per "
                f"{signals[1].entity}; name two variables, as shop/web.latency",
            )
        if effect.pooled and "." in effect.treatment:
            yield (*place, "pooled"), "two variables are one pair; name two signals, or remove pooled"
        yield from _beside(settings, place, effect)


def _beside(settings: Settings, place: Place, effect: Effect) -> Iterator[Finding]:
    """Instruments, modifiers and strata."""
    outcome = settings.signals.get(effect.outcome.rpartition(".")[2])
    labels = settings.entities[outcome.entity].labels if outcome and outcome.entity in settings.entities else ()
    for index, name in enumerate(effect.instruments):
        yield from _name(settings, (*place, "instruments", index), name)
    for key, names in (("modifiers", effect.modifiers), ("strata", (effect.strata,) if effect.strata else ())):
        for index, name in enumerate(names):
            inside = (*place, key, index) if key == "modifiers" else (*place, key)
            if name not in labels:
                yield from _name(settings, inside, name, labels)
    if effect.method in get_args(ImpactMethod):
        yield (*place, "method"), f"{effect.method} compares before and after; ask for it under 'impacts'"
    if effect.method == "regression_discontinuity":
        yield (*place, "method"), f"{effect.method} needs a cutoff, which a graph does not have; ask for it of a file"


def _impacts(settings: Settings) -> Iterator[Finding]:
    for index, impact in enumerate(settings.impacts):
        place: Place = ("impacts", index)
        if impact.outcome not in settings.signals:
            yield (*place, "outcome"), f"no signal '{impact.outcome}'; {known(impact.outcome, settings.signals)}"
        if impact.treated in impact.controls:
            yield (*place, "controls"), f"'{impact.treated}' is treated and cannot be its own control; remove it"


def _name(settings: Settings, place: Place, name: str, labels: tuple[str, ...] = ()) -> Iterator[Finding]:
    if "." in name:
        yield from unknown_variable(settings, place, name)
    elif name not in settings.signals:
        yield place, f"no signal '{name}'; {known(name, (*settings.signals, *labels))}"
