"""The log of interventions as commands reach it: of a running service, or in the store of a settings file."""

import getpass
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote

from datasource.cli.reach import service_at, store_of, told_failures


class Log(Protocol):
    """The log. What cannot be done ends the command with a sentence."""

    def write(self, intervention: int, said: Mapping[str, Any], key: str) -> Any:
        """Record an intervention, for 0, or correct one; the answer of POST /api/v1/interventions."""

    def all(self, state: tuple[str, ...] = (), target: tuple[str, ...] = ()) -> list[Any]:
        """As GET /api/v1/interventions answers."""

    def one(self, intervention: int) -> Any:
        """As GET /api/v1/interventions/<id> answers."""

    def under(self, key: str) -> int:
        """The id of the intervention that was recorded under a key."""

    def end(self, intervention: int, said: Mapping[str, Any]) -> Any:
        """It ends now; the answer of POST /api/v1/interventions/<id>/end."""

    def verify(self, known: str) -> Any:
        """As GET /api/v1/interventions/verify answers."""


class ServiceLog:
    """The log of a running service."""

    def __init__(self, url: str, token_file: str | None) -> None:
        self.service = service_at(url, token_file)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """What any other door answers to a body."""
        with told_failures():
            return self.service.post(path, body)

    def deploys(self, asked: Mapping[str, str]) -> Any:
        """As GET /api/v1/deploys answers."""
        with told_failures():
            return self.service.get("/api/v1/deploys", **asked)

    def experiments(self) -> Any:
        """As GET /api/v1/experiments answers."""
        with told_failures():
            return self.service.get("/api/v1/experiments")

    def run_experiment(self, name: str, dry_run: bool) -> Any:
        """As POST /api/v1/experiments/<name>/run answers."""
        return self.post(f"/api/v1/experiments/{quote(name, safe='')}/run", {"dry_run": dry_run})

    def snapshot_time(self) -> float:
        """The newest time (seconds since 1970) that was evaluated."""
        with told_failures():
            return float(self.service.get("/api/v1/snapshot", name="causal_intervention_active")["time"])

    def units(self) -> Mapping[str, str]:
        """The unit of every signal by its name; before there are results the command ends."""
        with told_failures():
            found = self.service.get("/api/v1/snapshot", name="causal_intervention_active")
        return {one["signal"]: one["unit"] for one in found["signals"]}

    def impact(self, intervention: int, outcome: str, control: tuple[str, ...], settle: float) -> Any:
        """As GET /api/v1/interventions/<id>/impact answers."""
        asked = {"outcome": outcome, "control": control, "settle": str(settle)}
        with told_failures():
            return self.service.get(f"/api/v1/interventions/{intervention}/impact", **asked)

    def verdicts(self, intervention: int) -> Any:
        """As GET /api/v1/interventions/<id>/verdicts answers."""
        with told_failures():
            return self.service.get(f"/api/v1/interventions/{intervention}/verdicts")

    def next_trials(self, incident: str, about: tuple[str, ...]) -> Any:
        """As GET /api/v1/interventions/next answers."""
        with told_failures():
            return self.service.get("/api/v1/interventions/next", incident=incident, about=about)

    def write(self, intervention: int, said: Mapping[str, Any], key: str) -> Any:
        more = f"/{intervention}/correct" if intervention else ""
        with told_failures():
            return self.service.post(f"/api/v1/interventions{more}", {**said, **({"key": key} if key else {})})

    def all(self, state: tuple[str, ...] = (), target: tuple[str, ...] = ()) -> list[Any]:
        with told_failures():
            found: list[Any] = self.service.get("/api/v1/interventions", state=state, target=target)
            return found

    def one(self, intervention: int) -> Any:
        with told_failures():
            return self.service.get(f"/api/v1/interventions/{intervention}")

    def under(self, key: str) -> int:
        with told_failures():
            (found,) = self.service.get("/api/v1/interventions", key=key)
            return int(found["intervention"])

    def end(self, intervention: int, said: Mapping[str, Any]) -> Any:
        return self.post(f"/api/v1/interventions/{intervention}/end", said)

    def verify(self, known: str) -> Any:
        with told_failures():
            return self.service.get("/api/v1/interventions/verify", known=known)


class StoreLog:
    """The log in the store that settings name, written without any service."""

    def __init__(self, config: str) -> None:
        from datasource.interventions import InterventionLog

        self._log = InterventionLog(store_of(config))

    def write(self, intervention: int, said: Mapping[str, Any], key: str) -> Any:
        with told_failures():
            who = f"user {getpass.getuser()}"
            log = self._log
            made = log.correct(intervention, said, who, key) if intervention else log.record(said, who, key)
        told = "it is written down" if made.new else "it was written down already"
        row = made.intervention.row(time.time())
        return {"intervention": row, "entry": made.entry.number, "digest": made.entry.digest, "message": told}

    def all(self, state: tuple[str, ...] = (), target: tuple[str, ...] = ()) -> list[Any]:
        with told_failures():
            rows = [one.row(time.time()) for one in self._log.all()]
        return [
            row
            for row in rows
            if (not state or row["state"] in state) and (not target or set(target) & set(row["targets"]))
        ]

    def one(self, intervention: int) -> Any:
        with told_failures():
            entries = [vars(entry) for entry in self._log.entries(intervention)]
            return self._log.one(intervention).row(time.time()) | {"history": entries}

    def under(self, key: str) -> int:
        with told_failures():
            return self._log.under(key).id

    def end(self, intervention: int, said: Mapping[str, Any]) -> Any:
        with told_failures():
            known = self._log.one(intervention)
        if known.end is not None:
            return {"intervention": known.row(time.time()), "message": "it has ended already"}
        return self.write(intervention, {"end": max(int(time.time()), known.start + 1), **said}, "")

    def verify(self, known: str) -> Any:
        with told_failures():
            found = self._log.verify(known)
        return {"whole": not found.broken, **found._asdict()}


def moment(seconds: float | None) -> str:
    """A time as people read it; of one that is not there, nothing."""
    return "" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
