"""Words in names and in sentences."""

import re
from unicodedata import normalize

_ENGLISH = {
    **{"antwortzeit": "response time", "abfragezeit": "query time", "wartezeit": "wait time", "laufzeit": "duration"},
    **{"dauer": "duration", "latenz": "latency", "verzogerung": "delay", "fehler": "errors", "ausfalle": "failures"},
    **{"abbruche": "aborts", "anfragen": "requests", "aufrufe": "calls", "abfragen": "queries", "zugriffe": "hits"},
    **{"durchsatz": "throughput", "auslastung": "utilization", "speicher": "memory", "warteschlange": "queue"},
    **{"verbindungen": "connections", "benutzer": "users", "prozesse": "processes", "festplatte": "disk"},
    **{"datenbank": "database", "temps de reponse": "response time", "temps reponse": "response time"},
    **{"temps requete": "query time", "latence": "latency", "duree": "duration", "erreurs": "errors"},
    **{"erreur": "error", "echecs": "failures", "requetes": "requests", "requete": "request", "appels": "calls"},
    **{"memoire": "memory", "file d attente": "queue", "connexions": "connections"},
    **{"utilisateurs": "users", "disque": "disk", "bdd": "database", "latencia": "latency", "errores": "errors"},
    **{
        "fallos": "failures",
        "peticiones": "requests",
        "solicitudes": "requests",
        "tiempo de respuesta": "response time",
    },
    **{"memoria": "memory", "conexiones": "connections", "usuarios": "users"},
}
"""What people who write no English call what is measured, without accents; German ones also within longer words."""
_FOREIGN = re.compile("|".join(sorted(map(re.escape, _ENGLISH), key=len, reverse=True)))


def words_of(name: str) -> str:
    """The words of a name, in small letters, a blank between them.

    >>> words_of("PodServerLatencyP90"), words_of("node_cpu-usage")
    ('pod server latency p90', 'node cpu usage')
    """
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", without_accents(name))
    return in_english(" ".join(re.split(r"[\W_]+", apart)).strip().lower())


def without_accents(text: str) -> str:
    """Letters as they are without their marks; what has no other letter stays.

    >>> without_accents("Größe requêtes")
    'Grosse requetes'
    """
    return normalize("NFC", re.sub(r"[\u0300-\u036f]", "", normalize("NFKD", text.replace("ß", "ss"))))


def in_english(words: str) -> str:
    """Small words without accents, those of German, French and Spanish that name what is measured in English.

    >>> in_english("antwortzeit ms"), in_english("db abfragen"), in_english("temps de reponse")
    ('response time ms', 'db queries', 'response time')
    """
    return " ".join(_FOREIGN.sub(lambda found: f" {_ENGLISH[found[0]]} ", words).split())


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
