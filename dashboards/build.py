"""Writes the dashboards: `python dashboards/build.py [DIRECTORY]`, beside this file unless told otherwise.

`prometheus/` needs Grafana's own Prometheus data source, `json/` the plugin simpod-json-datasource. They are Classic
dashboard JSON with a schemaVersion that every Grafana from 10 on loads.
"""

import json
import sys
from pathlib import Path

import anomaly
import anomaly_json
import effects
import effects_json
import graph
import graph_json
import health
import incident
import incident_json
import interventions
import interventions_json
import overview
import overview_json

PROMETHEUS = (overview, incident, effects, graph, interventions, anomaly, health)
JSON = (overview_json, incident_json, effects_json, graph_json, interventions_json, anomaly_json)


def write(directory: Path) -> None:
    """Write every dashboard into a directory, named by its uid."""
    made = [("prometheus", one.on_prometheus()) for one in PROMETHEUS] + [("json", one.on_json()) for one in JSON]
    for kind, dashboard in made:
        path = directory / kind / f"{dashboard['uid']}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parent)
