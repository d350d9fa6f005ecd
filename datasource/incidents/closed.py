"""Incidents that take nothing in any more, because somebody said so, while their entities stay anomalous."""

from dataclasses import replace

from datasource.causes.judgement import Judgement
from datasource.data import Entity
from datasource.incidents.episodes import Episodes
from datasource.incidents.grouping import PATIENCE, UNOBSERVED, longer
from datasource.incidents.model import Incident


def follow_closed(
    incident: Incident, judgement: Judgement, *, time: int, step: int, points: int, of: int
) -> tuple[Incident, frozenset[Entity]]:
    """The incident with what its own entities went on to show, and those that have not recovered since.

    As in `group`, who was not anomalous for longer than the patience has recovered, and so has whose anomaly began
    anew. A root that was not anomalous itself counts as long as anybody else does.
    """
    patience = PATIENCE * of
    verdicts = {verdict.entity: verdict for verdict in judgement.verdicts}
    episodes = {episode.entity: episode for episode in incident.episodes}
    lasting = {
        entity
        for entity, episode in episodes.items()
        if time - incident.updated <= UNOBSERVED * patience * step
        and incident.updated - episode.last <= patience * step
        and (entity not in verdicts or verdicts[entity].since - episode.last <= of * step)
    }
    if lasting:
        lasting |= {root for root in incident.roots if root not in episodes}
    suffering = sorted(lasting & verdicts.keys())
    now = Episodes(judgement, time, step, points, of, patience)
    for entity in suffering:
        episode = now.of_verdict(verdicts[entity], known=entity in episodes)
        episodes[entity] = longer(episodes.get(entity), episode)
    parts = tuple(sorted(episodes.values(), key=lambda episode: (episode.start, episode.entity)))
    updated = time if incident.open or lasting else incident.updated
    return replace(incident, updated=updated, episodes=parts, suffering=tuple(suffering)), frozenset(lasting)
