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
DASHBOARDS: dict[str, Json] = {
    path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "dashboards").glob("*.json"))
}


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


def dashboard_expressions() -> Iterator[tuple[str, str]]:
    """Where a PromQL expression stands, and the expression as Grafana sends it when all is chosen."""
    dashboard = DASHBOARDS["causal-prometheus"]
    for panel in panels(dashboard):
        for target in panel["targets"]:
            yield f"{panel['title']} {target['refId']}", _filled_in(target["expr"])
    for one in annotations(dashboard):
        yield one["name"], _filled_in(one["expr"])
    for one in variables(dashboard).values():
        if one["type"] == "query":
            (selector,) = re.findall(r"^label_values\((.+), \w+\)$", one["definition"])
            yield f"${one['name']}", _filled_in(selector)


def _filled_in(expr: str) -> str:
    return re.sub(r"\$(namespace|service|signal)\b", ".*", expr.replace("$__rate_interval", "1m"))
