"""The dashboards and rules that are shipped, and what they ask."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]

ROOT = Path(__file__).parents[2]
PROVISIONING = ROOT / "provisioning"
SOURCE_OF_THE_IMAGE = (ROOT / "Dockerfile").read_text()
RULES = PROVISIONING / "prometheus/rules/causal.yml"
KINDS = ("prometheus", "json")
"""The folders of the dashboards: for Grafana's own data source, and for the JSON plugin."""
SHIPPED: dict[str, dict[str, Json]] = {
    kind: {path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "dashboards" / kind).glob("*.json"))}
    for kind in KINDS
}
DASHBOARDS = {uid: dashboard for kind in KINDS for uid, dashboard in SHIPPED[kind].items()}


def read(path: str) -> Any:
    """A YAML file below provisioning/."""
    return yaml.safe_load((PROVISIONING / path).read_text())


def rules() -> list[Json]:
    """Every rule."""
    return [rule for group in read("prometheus/rules/causal.yml")["groups"] for rule in group["rules"]]


def panels(dashboard: Json) -> list[Json]:
    """The panels that show something."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def variables(dashboard: Json) -> dict[str, Json]:
    """The variables by name."""
    return {one["name"]: one for one in dashboard["templating"]["list"]}


def annotations(dashboard: Json) -> list[Json]:
    """The annotation queries that are not Grafana's own."""
    return [one for one in dashboard["annotations"]["list"] if not one.get("builtIn")]


def dashboard_expressions(**chosen: str) -> Iterator[tuple[str, str]]:
    """Where a PromQL expression stands, and the expression as Grafana sends it; of entities all are chosen."""
    for uid, dashboard in SHIPPED["prometheus"].items():
        for panel in panels(dashboard):
            for target in panel["targets"]:
                yield f"{uid} {panel['title']} {target['refId']}", _filled_in(target["expr"], chosen)
        for one in annotations(dashboard):
            yield f"{uid} {one['name']}", _filled_in(one["expr"], chosen)
        for one in variables(dashboard).values():
            if one["type"] == "query":
                (selector,) = re.findall(r"^label_values\((.+), \w+\)$", one["definition"])
                yield f"{uid} ${one['name']}", _filled_in(selector, chosen)


def _filled_in(expr: str, chosen: dict[str, str]) -> str:
    values = {
        "namespace": ".*",
        "service": ".*",
        "signal": ".*",
        "threshold": "1",
        "intervention": "2",
        "outcome": "latency",
        "share": "0",
        "__range:15s": "1h:1s",
        "__range": "1h",
        "__rate_interval": "1m",
        **chosen,
    }
    return re.sub(r"\$(__range:15s|\w+)\b", lambda used: values.get(used[1], used[0]), expr)
