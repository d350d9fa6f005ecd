"""Words in names and in sentences."""

import re


def words_of(name: str) -> str:
    """The words of a name, in small letters, a blank between them.

    >>> words_of("PodServerLatencyP90"), words_of("node_cpu-usage")
    ('pod server latency p90', 'node cpu usage')
    """
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return " ".join(re.split(r"[\W_]+", apart)).strip().lower()


def count(number: int, noun: str, one: str = "", many: str = "") -> str:
    """A number of things, and what they do: the verb of `one` or that of `many`.

    >>> count(2, "entity"), count(3, "ingress"), count(1, "tie")
    ('2 entities', '3 ingresses', '1 tie')
    >>> count(1, "row", "has", "have"), count(2000, "row", "has", "have")
    ('1 row has', '2,000 rows have')
    """
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + ("es" if noun.endswith("s") else "s")
    verb = one if number == 1 else many
    return f"{number:,} {noun if number == 1 else plural} {verb}".strip()
