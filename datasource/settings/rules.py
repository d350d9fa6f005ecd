"""The one-line language of the causal graph: templates and edges.

requests -> cpu
cpu -> latency (lag 0..1)
latency -> latency along calls from server to client
cpu <-> latency
shop/checkout.restarts -> shop/web.latency (lag 1)
"""

import re
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator

_LAG = re.compile(r"\(\s*lag\s+(\d+)(?:\s*\.\.\s*(\d+))?\s*\)\s*$")
_ALONG = re.compile(r"\balong\s+(\S+)\s+from\s+(\S+)\s+to\s+(\S+)\s*$")
_FORM = (
    "write it as 'cause -> effect', 'cause -> effect (lag 0..1)' or 'cause -> effect along calls from server to "
    "client', and 'a <-> b' where something unmeasured moves both"
)


class Rule(NamedTuple):
    """`cause -> effect`, at each of `lags` (in steps), within an entity or along a relation.

    With `common_cause` it is `cause <-> effect`: something unmeasured moves both, `effect` by `lags` steps later.
    """

    cause: str
    effect: str
    lags: tuple[int, ...] = (0,)
    relation: str = ""
    from_end: str = ""
    to_end: str = ""
    common_cause: bool = False

    def __str__(self) -> str:
        lags = "" if self.lags == (0,) else f" (lag {self.lags[0]}..{self.lags[-1]})"
        along = f" along {self.relation} from {self.from_end} to {self.to_end}" if self.relation else ""
        return f"{self.cause} {'<->' if self.common_cause else '->'} {self.effect}{along}{lags}"


def parse_rule(text: str) -> Rule:
    """One template or edge. Raises ValueError that says how to write it.

    >>> parse_rule("cpu -> latency (lag 0..1)").lags
    (0, 1)
    """
    rest = text.strip()
    lags: tuple[int, ...] = (0,)
    if match := _LAG.search(rest):
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise ValueError(f"'{text}' has a lag that ends before it begins; write (lag {last}..{first})")
        lags, rest = tuple(range(first, last + 1)), rest[: match.start()].strip()
    relation = from_end = to_end = ""
    if match := _ALONG.search(rest):
        relation, from_end, to_end = match.groups()
        rest = rest[: match.start()].strip()
    common_cause = "<->" in rest
    cause, arrow, effect = (part.strip() for part in rest.partition("<->" if common_cause else "->"))
    if not (cause and arrow and effect) or " " in cause + effect:
        raise ValueError(f"'{text}' is not a cause and an effect; {_FORM}")
    return Rule(cause, effect, lags, relation, from_end, to_end, common_cause)


def _as_rule(value: Any) -> Any:
    return parse_rule(value) if isinstance(value, str) else value


RuleText = Annotated[Rule, BeforeValidator(_as_rule)]
