"""A shop that tells sums, over loopback HTTP."""

from pathlib import Path
from threading import Thread

from clusters import SETTINGS, Clusters
from werkzeug.serving import make_server

from datasource.data import Floats
from datasource.web.app import create_app

TOKEN = "let-me-join"
SEES_RAW = "let-me-read"
POINTS = 1500


class Shop:
    """A running service over one cluster."""

    def __init__(self, name: str, values: Floats, folder: Path, more: str = "") -> None:
        folder.mkdir(exist_ok=True)
        (folder / "sums").write_text(TOKEN)
        (folder / "reader").write_text(SEES_RAW)
        own = f"""
federation: {{name: {name}, least_points: 100{more}}}
web: {{tokens: {{others: {{file: sums, scope: sums}}, grafana: {{file: reader}}}}}}
"""
        self.world = Clusters({name: values}, SETTINGS.replace("invariance: {}", own), folder)
        self.snapshot = self.world.tick()
        self.server = make_server("127.0.0.1", 0, create_app(self.world.clock), threaded=True)
        self.url = f"http://127.0.0.1:{self.server.port}"
        Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
