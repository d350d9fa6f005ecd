"""What identification answers: how an effect can be had from data, on which assumptions, or what is in the way."""

from collections.abc import Iterable
from dataclasses import dataclass

from datasource.data import Variable
from datasource.graph import LaggedVariable
from datasource.graph.unmeasured import in_words

ADJUSTMENT = "adjustment"
INSTRUMENT = "instrument"
FRONT_DOOR = "front-door"
NO_PATH = "no path"
NOT_IDENTIFIED = "not identified"


@dataclass(frozen=True)
class Identification:
    """How the effect is identified, or why it is not.

    `identified_by` is one of the five words above. `adjustment_set` is what the estimate adjusts for, beside the
    `instruments` or the `mediators` where it is by those; None where nothing identifies the effect, and then `reason`
    says what is in the way and `measure` what would help. `required` is the part of the set that validity asks for,
    the rest serves precision. `assumptions` are what must be true for the answer to be. `alternatives` are other ways
    to the same effect, where they were asked for.
    """

    identified_by: str
    adjustment_set: tuple[LaggedVariable, ...] | None = None
    required: tuple[LaggedVariable, ...] = ()
    instruments: tuple[LaggedVariable, ...] = ()
    mediators: tuple[LaggedVariable, ...] = ()
    assumptions: tuple[str, ...] = ()
    reason: str = ""
    measure: tuple[str, ...] = ()
    alternatives: tuple["Identification", ...] = ()

    @property
    def identified(self) -> bool:
        """Whether there is something to estimate."""
        return self.identified_by in (ADJUSTMENT, INSTRUMENT, FRONT_DOOR)

    def by(self, way: str) -> "Identification | None":
        """This or the alternative that identifies the effect in that way."""
        return next((one for one in (self, *self.alternatives) if one.identified_by == way), None)


def no_path(treatment: Variable, outcome: Variable) -> Identification:
    return Identification(
        NO_PATH,
        (),
        assumptions=(f"the graph leaves out no way from {treatment} to {outcome}",),
        reason=f"the graph has no directed path from {treatment} to {outcome}",
    )


def by_adjustment(
    treatment: Variable, outcome: Variable, adjustment_set: Iterable[LaggedVariable], required: Iterable[LaggedVariable]
) -> Identification:
    return Identification(
        ADJUSTMENT,
        _ordered(adjustment_set),
        _ordered(required),
        assumptions=(f"nothing that is not in the graph moves both {treatment} and {outcome}",),
    )


def by_instrument(
    treatment: Variable,
    outcome: Variable,
    instruments: Iterable[LaggedVariable],
    adjustment_set: Iterable[LaggedVariable],
) -> Identification:
    fixed = _ordered(adjustment_set)
    one = len({moment.variable for moment in instruments}) == 1
    names, beside = _names(instruments), f" beside {_names(fixed)}" if fixed else ""
    return Identification(
        INSTRUMENT,
        fixed,
        fixed,
        instruments=_ordered(instruments),
        assumptions=(
            f"{names} {'moves' if one else 'move'} {treatment}",
            f"{names} {'reaches' if one else 'reach'} {outcome} only through {treatment}{beside}",
            f"nothing that is not in the graph moves both {names} and {outcome}",
        ),
    )


def by_front_door(
    treatment: Variable,
    outcome: Variable,
    mediators: Iterable[LaggedVariable],
    adjustment_set: Iterable[LaggedVariable],
) -> Identification:
    fixed, names = _ordered(adjustment_set), _names(mediators)
    return Identification(
        FRONT_DOOR,
        fixed,
        fixed,
        mediators=_ordered(mediators),
        assumptions=(
            f"{treatment} reaches {outcome} only through {names}",
            f"nothing that is not in the graph moves both {treatment} and {names}",
            f"nothing that is not in the graph moves both {names} and {outcome}",
        ),
    )


def _names(moments: Iterable[LaggedVariable]) -> str:
    return in_words(dict.fromkeys(moment.variable for moment in _ordered(moments)))


def _ordered(moments: Iterable[LaggedVariable]) -> tuple[LaggedVariable, ...]:
    return tuple(sorted(moments))
