"""The calls between services as they are measured: how many, and how long they take at either end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from datasource.causes.ranking.levels import CALL, SECONDS, lay
from datasource.causes.ranking.rows import Places, Rows, per_step, times
from datasource.data import Entity, Matrix
from datasource.data.roles import Roles
from datasource.settings import Signal


@dataclass(frozen=True)
class MeasuredCalls:
    """By call: the entity, the names of client and server, their places among the services (-1 of whom nobody
    measures), and in every step the calls and the seconds of all of them together as client and server see them."""

    entities: tuple[Entity, ...]
    names: tuple[tuple[str, str], ...]
    client: Places
    server: Places
    calls: Rows
    client_seconds: Rows
    server_seconds: Rows

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """(client, server) of the calls between measured services, each once."""
        both = zip(self.client.tolist(), self.server.tolist(), strict=True)
        return [(a, b) for a, b in dict.fromkeys(both) if a >= 0 and b >= 0 and a != b]

    @property
    def hidden(self) -> list[tuple[int, Entity]]:
        """(client, server) of the calls to services that nobody measures."""
        ends = zip(self.client.tolist(), self.server.tolist(), self.names, strict=True)
        return [(a, Entity("service", (("service", name),))) for a, b, (_, name) in ends if a >= 0 > b]


def measured_calls(
    baseline: Matrix, incident: Matrix, signals: Mapping[str, Signal], services: Sequence[Entity]
) -> MeasuredCalls:
    """The calls that either time counts: entities of the type `call` with a signal whose role is load.

    Of a call's labels the first half names the client, the rest the server: as the service is shown, or by its last
    label. A client that had requests and no sample of a call did not make it.
    """
    roles = Roles(signals)
    entities = tuple(
        dict.fromkeys(
            variable.entity
            for variable in (*baseline.variables, *incident.variables)
            if variable.entity.type == CALL and roles.role(variable) == "load"
        )
    )
    names = tuple(_ends(entity) for entity in entities)
    places = {entity.name: place for place, entity in reversed([*enumerate(services)])}
    places |= {str(entity): place for place, entity in enumerate(services)}
    client, server = (np.array([places.get(pair[end], -1) for pair in names], dtype=np.int64) for end in (0, 1))

    def rows(role: str, end: str = "client") -> Rows:
        wanted = [roles.of(entity, role, end) for entity in entities]
        units = [SECONDS.get(signals[v.signal].unit.lower(), 1.0) if v else 1.0 for v in wanted]
        return times((lay(baseline, wanted), lay(incident, wanted)), np.array(units)[:, None])

    (before, now), at_server = rows("load"), rows("load", "server")
    calls = np.where(np.isfinite(before), before, at_server[0]), np.where(np.isfinite(now), now, at_server[1])
    each = per_step(calls, incident.step)
    parts = (times(part, each) for part in (calls, rows("work"), rows("work", "server")))
    return MeasuredCalls(entities, names, client, server, *parts)


def _ends(call: Entity) -> tuple[str, str]:
    values = [value for _, value in call.labels]
    half = (len(values) + 1) // 2
    return "/".join(values[:half]), "/".join(values[half:])
