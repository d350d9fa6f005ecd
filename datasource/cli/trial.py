"""Which signals of a pack a Prometheus has: each is asked for."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from datasource.cli.choose import ask
from datasource.cli.survey import Survey
from datasource.library.text import count
from datasource.settings.packs import Pack
from datasource.settings.promql import read_parts

Values = frozenset[tuple[str, ...]]


class Tried(NamedTuple):
    """A pack with its parameters; the entities that each signal returned; why the others are switched off."""

    pack: Pack
    parameters: Mapping[str, Any]
    found: Mapping[str, Values]
    off: Mapping[str, str]
    settings: Mapping[str, Any]

    def entities(self) -> Values:
        """The pack's own entities, calls not counted."""
        signals = self.settings["signals"]
        own = (values for name, values in self.found.items() if signals[name]["entity"] == self.pack.entity)
        return frozenset().union(*own)

    @property
    def relations(self) -> Mapping[str, Any]:
        """The relations that the pack brings."""
        relations: Mapping[str, Any] = self.settings.get("relations", {})
        return relations

    def findings(self) -> list[str]:
        """What there is to say about each signal."""
        signals = self.settings["signals"]
        told = [
            f"signal {name}: {count(len(values), signals[name]['entity'])}, from pack {self.pack.name}"
            for name, values in self.found.items()
        ]
        return told + [f"signal {name} left out: {why}" for name, why in self.off.items()]


def try_pack(
    survey: Survey,
    pack: Pack,
    parameters: Mapping[str, Any],
    step: int,
    *,
    measured: Values | None = None,
    taken: Collection[str] = (),
) -> Tried:
    """Ask for every signal but those `taken` otherwise. Where entities are `measured`, others do not count.

    Raises PrometheusError.
    """
    settings = pack.settings(parameters, f"{step}s")
    found: dict[str, Values] = {}
    off: dict[str, str] = {}
    for name, signal in settings["signals"].items():
        if name in taken:
            continue
        labels = settings["entities"][signal["entity"]]["labels"]
        metrics = list(dict.fromkeys(selector.metric for selector in read_parts(signal["query"]).selectors))
        missing = [metric for metric in metrics if not survey.alive(metric)]
        # an event that never happened is 0; one that nobody counts would be 0 as well
        answer = (
            None if signal.get("role") == "event" and metrics[0] in missing else ask(survey, signal["query"], labels)
        )
        if answer is None or not answer.entities:
            off[name] = f"no samples of {missing[0]}" if missing else f"nothing comes back from {metrics[0]}"
        elif measured is not None and signal["entity"] == pack.entity and not answer.entities & measured:
            off[name] = f"{metrics[0]} knows none of these by {labels[-1]}"
        else:
            found[name] = answer.entities
    return Tried(pack, parameters, found, off, settings)
