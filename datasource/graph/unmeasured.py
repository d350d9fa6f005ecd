"""Variables that act and that nobody measures: how they are named, and how they are spoken of."""

from collections.abc import Iterable

from datasource.data import Entity, Variable
from datasource.settings.model import EVERYWHERE as _ALL

EVERYWHERE = Entity(_ALL, ())
"""What an unmeasured variable belongs to that is one for the whole installation."""

_BOTH = " <-> "


def common_cause(one: Variable, other: Variable) -> Variable:
    """The unmeasured variable of 'one <-> other'; it belongs to the first one's entity."""
    second = other.signal if other.entity == one.entity else str(other)
    return Variable(one.entity, f"{one.signal}{_BOTH}{second}")


def is_common_cause(variable: Variable) -> bool:
    """Whether this is the variable of a rule 'one <-> other'."""
    return _BOTH in variable.signal


def spoken(variable: Variable) -> str:
    """The variable as a sentence names it; a common cause without a name is named by what it moves.

    >>> spoken(Variable(EVERYWHERE, "x <-> y"))
    'what moves both x and y'
    """
    first, both, second = variable.signal.partition(_BOTH)
    if not both:
        return str(variable)
    one = Variable(variable.entity, first)
    own = second if "." in second else str(Variable(variable.entity, second))
    return f"what moves both {one} and {own}"


def in_words(variables: Iterable[Variable]) -> str:
    """Several variables as a sentence names them: 'a, b and c'."""
    names = [spoken(variable) for variable in variables]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""
