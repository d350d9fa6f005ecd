"""The tool that writes down what was done to the system."""

from typing import Any

from datasource.mcp.service import RefusedError, Service
from datasource.mcp.telling import told


class InterventionTools:
    """What one service is told of interventions."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def record_intervention(
        self,
        kind: str,
        targets: list[str],
        why: str,
        start: str = "",
        end: str = "",
        parameters: dict[str, str | float | bool] | None = None,
        links: dict[str, str] | None = None,
        key: str = "",
    ) -> str:
        """Write down what was done to the system, so that its effect can be told; needs a token that may write. `kind`
        as deploy, scale, restart, throttle; `targets` are entities or variables, as shop/web; start and end are ISO
        8601, without a start it begins now; `parameters` as {"replicas": 3}, `links` as {"commit": "4f1c2ab"}. Under
        one `key` the same is written once. Nothing that was written can be changed. Do this only when a person asked
        for it, and say only what they said."""
        if not targets:
            raise RefusedError("record_intervention: say who was changed, as ['shop/web']")
        said: dict[str, Any] = {"kind": kind, "targets": targets, "why": why}
        optional = {"start": start, "end": end, "parameters": parameters, "links": links, "key": key}
        answer = self._service.post(
            "/api/v1/interventions", said | {name: one for name, one in optional.items() if one}
        )
        number = answer["intervention"]["intervention"]
        place = self._service.link(f"/api/v1/interventions/{number}")
        return told([f"intervention {number}: {answer['message']} (shown by {place})"], [])
