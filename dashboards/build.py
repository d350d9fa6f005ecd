"""Writes the dashboards: `python dashboards/build.py [DIRECTORY]`, beside this file unless told otherwise.

`prometheus/` needs Grafana's own Prometheus data source, `json/` the plugin simpod-json-datasource. They are Classic
dashboard JSON with a schemaVersion that every Grafana from 10 on loads.
"""

import json
import sys
from pathlib import Path

import anomaly
import effects
import graph
import health
import incident
import interventions
import overview

PROMETHEUS = (overview, incident, effects, graph, interventions, anomaly, health)
JSON = (overview, incident, effects, graph, interventions, anomaly)


def write(directory: Path) -> None:
    """Write every dashboard into a directory, named by its uid."""
    made = [("prometheus", one.on_prometheus()) for one in PROMETHEUS] + [("json", one.on_json()) for one in JSON]
    for kind, dashboard in made:
        path = directory / kind / f"{dashboard['uid']}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parent)
