"""Writes the dashboards: `python dashboards/build.py [DIRECTORY]`, beside this file unless told otherwise.

They are Classic dashboard JSON with a schemaVersion that every Grafana from 10 on loads.
"""

import json
import sys
from pathlib import Path

from on_json import on_json
from on_prometheus import on_prometheus


def write(directory: Path) -> None:
    """Write every dashboard into a directory, named by its uid."""
    for dashboard in (on_json(), on_prometheus()):
        text = json.dumps(dashboard, indent=2, ensure_ascii=False)
        (directory / f"{dashboard['uid']}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parent)
