"""The graph in use as commands reach it: of a running service, or the newest version in the store of its settings."""

from typing import Any, NamedTuple, Protocol

from datasource.cli.reach import service_at, store_of, told_failures


class GraphSource(Protocol):
    """What cannot be done ends the command with a sentence."""

    def graph(self) -> dict[str, Any]:
        """`edges` (edge, standing, standing_since, since, strength, told), `version`, and what else is known."""

    def versions(self) -> list[dict[str, Any]]:
        """The versions, the newest first."""


class ServiceGraph:
    """The graph of a running service."""

    def __init__(self, url: str, token_file: str | None) -> None:
        self._service = service_at(url, token_file)

    def raw(self) -> dict[str, Any]:
        """As GET /api/v1/graph answers."""
        with told_failures():
            found: dict[str, Any] = self._service.get("/api/v1/graph")
        return found

    def graph(self) -> dict[str, Any]:
        """The live one, beside each edge what is said of it."""
        found = self.raw()
        for edge in found["edges"]:
            lag = f" (lag {edge['lag']})" if edge["lag"] else ""
            edge["edge"] = f"{edge['cause']} -> {edge['effect']}{lag}"
            edge["told"] = edge["against"] or ", ".join(f"{one['kind']} ({one['by']})" for one in edge["evidence"])
        found["verdict"] = found["tested"]["verdict"] if found["tested"] else ""
        return found

    def versions(self) -> list[dict[str, Any]]:
        """As GET /api/v1/graph/versions answers."""
        with told_failures():
            found: list[dict[str, Any]] = self._service.get("/api/v1/graph/versions")
        return found


class StoredGraph:
    """The newest version in the store that settings name, without any service."""

    def __init__(self, config: str) -> None:
        from datasource.graph.history import GraphHistory

        self._history = GraphHistory(store_of(config))

    def graph(self) -> dict[str, Any]:
        """What the newest version says of each edge."""
        with told_failures():
            now = self._history.now()
        if now is None:
            return {"edges": [], "version": None}
        edges = [{"edge": edge, **seen._asdict()} for edge, seen in now.seen.items()]
        return {"edges": edges, "version": now.number, "rules": list(now.rules)}

    def versions(self) -> list[dict[str, Any]]:
        """All that are kept."""
        with told_failures():
            return [one._asdict() | {"changed": [e._asdict() for e in one.changed]} for one in self._history.versions()]


class RulesBeside(NamedTuple):
    """Rules of a settings file that the graph in use lacks (`added`), and those that only it has (`removed`)."""

    version: int
    added: list[str]
    removed: list[str]


def rules_beside(versions: list[dict[str, Any]], config: str) -> RulesBeside | None:
    """The rules of a settings file beside those of the newest version; None where none is kept yet. Raises
    SettingsError."""
    from datasource.graph.versions import rules_of
    from datasource.settings import load_settings

    written = rules_of(load_settings(config).settings.graph)
    if not versions:
        return None
    live = versions[0]["rules"]
    added, removed = [one for one in written if one not in live], [one for one in live if one not in written]
    return RulesBeside(versions[0]["number"], added, removed)
