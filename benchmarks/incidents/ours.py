"""The product's ranking, as a method among others."""

from benchmarks.incidents.incident import Incident, Scores
from datasource.causes.ranking.rank import rank


def ours(incident: Incident) -> Scores:
    """`rank` with its only set of defaults."""
    ranking = rank(incident.baseline, incident.incident, incident.signals, incident.calls, incident.symptom)
    return {str(entity): score for entity, score in ranking.entities.items()}
