"""Do the remedies fit the signals and entities of causal.yaml?"""

from collections.abc import Iterable, Iterator

from datasource.settings.finding import Finding, Place, known
from datasource.settings.model import Settings
from datasource.settings.remedies import Remedy


def remedy_findings(settings: Settings) -> Iterator[Finding]:
    """Everything in `remedies` that names what is not there, or can help nobody."""
    for name, remedy in settings.remedies.items():
        place: Place = ("remedies", name)
        yield from _against(settings, place, remedy)
        types = sorted({settings.signals[signal].entity for signal in _signals(settings, remedy)})
        if types and set(types) <= set(settings.entities):
            yield from _of_the_cause(settings, place, remedy, types)


def _signals(settings: Settings, remedy: Remedy) -> list[str]:
    """The signals that a remedy is against, by name or by role."""
    return [name for name, signal in settings.signals.items() if {name, signal.role} & set(remedy.against)]


def _against(settings: Settings, place: Place, remedy: Remedy) -> Iterator[Finding]:
    roles = {signal.role for signal in settings.signals.values() if signal.role}
    for index, name in enumerate(remedy.against):
        if name not in roles and name not in settings.signals:
            text = (
                f"'{name}' is no signal, and no signal has it as its role; {known(name, (*settings.signals, *roles))}"
            )
            yield (*place, "against", index), text


def _of_the_cause(settings: Settings, place: Place, remedy: Remedy, types: list[str]) -> Iterator[Finding]:
    """What is looked up at the entity that is the cause."""
    if remedy.change is not None and remedy.change.signal:
        yield from _measured(settings, (*place, "change"), remedy.change.signal, types)
    if remedy.after is not None:
        yield from _measured(settings, (*place, "after"), remedy.after, types)
        if remedy.after in settings.signals and settings.signals[remedy.after].kind != "event":
            events = [name for name, signal in settings.signals.items() if signal.kind == "event"]
            yield (*place, "after"), f"'{remedy.after}' is not of kind event; {known(remedy.after, events)}"
    labels = [set(settings.entities[entity].labels) for entity in types]
    for label in remedy.where:
        yield from _label((*place, "where", label), label, labels, types)
    for key, text in (("text", remedy.text), ("runbook", remedy.runbook)):
        for label in remedy.names:
            if f"{{{label}}}" in text:
                yield from _label((*place, key), label, labels, types)


def _measured(settings: Settings, place: Place, signal: str, types: list[str]) -> Iterator[Finding]:
    if signal not in settings.signals:
        yield place, f"no signal '{signal}'; {known(signal, settings.signals)}"
    elif settings.signals[signal].entity not in types:
        entity = settings.signals[signal].entity
        yield place, f"'{signal}' is measured per {entity}, but the causes it is against per {' or '.join(types)}"


def _label(place: Place, label: str, labels: Iterable[set[str]], types: list[str]) -> Iterator[Finding]:
    every = set().union(*labels)
    if label not in every:
        yield place, f"no label '{label}' at a {' or '.join(types)}; {known(label, every)}"
