"""The story of QueryService behind the doors: page, panels, metrics and rows at the end of its thirty days."""

import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from datasource.demo.query_service import DAYS, DELAYS, GRAPH, QUERY, SIGNALS, STEP, Story, record_off_hour
from datasource.demo.serving import BackgroundServer, free_port
from datasource.interventions import InterventionLog
from datasource.interventions.assessment import assess
from datasource.interventions.experiments import Experimenter
from datasource.interventions.verdicts import with_verdicts
from datasource.replay.offline import evaluate_matrix
from datasource.service import Served, Snapshot
from datasource.service.served import Health
from datasource.settings import Loaded, Settings
from datasource.settings.store import Store
from datasource.web.app import create_app


def story_settings() -> Settings:
    """What an operator of the story would write."""
    return Settings.model_validate(
        {
            "prometheus": {"url": "http://127.0.0.1:9"},
            "step": STEP,
            "baseline": DAYS * 86400,
            "full_resolution": DAYS * 86400,
            "entities": {"service": {"labels": ["service"]}},
            "signals": {name: signal.model_dump(exclude_defaults=True) for name, signal in SIGNALS.items()},
            "graph": {"edges": [str(edge) for edge in GRAPH.edges]},
            "effects": [{"treatment": str(DELAYS), "outcome": str(QUERY)}],
        }
    )


def story_snapshot(story: Story) -> Snapshot:
    """What a service would say at the end of the thirty days; verdicts are by the equations of before the off hour."""
    settings, one = story_settings(), story.intervention
    before = evaluate_matrix(Loaded(settings, "story"), story.matrix)
    found = assess([one], story.matrix, settings.signals, before.graph, before.structural)
    assessed = found._replace(verdicts=story.verdicts)
    graph = with_verdicts(before.graph, story.verdicts)
    newest = story.matrix.end
    return replace(before, graph=graph, interventions=(one,), assessed=assessed, newest_sample=newest)


class StandingStill(Served):
    """A snapshot that stays, in a time that stands still at its end."""

    def __init__(self, snapshot: Snapshot, log: InterventionLog) -> None:
        now = float(snapshot.time)
        super().__init__(lambda: now)
        self.snapshot, self.health, self.succeeded = snapshot, Health(evaluations=1, last_success=now), now
        self._settings, self._log = snapshot.settings, log
        self.experimenter = Experimenter(self._settings.experiments, log, self.scores)

    @property
    def settings(self) -> Settings:
        return self._settings

    @property
    def interventions(self) -> InterventionLog:
        return self._log

    def mark(self, kind: str, incident: str, by: str = "", reason: str = "", into: str = "") -> None:
        """Nothing is evaluated any more that could take it."""


def _for_ever(_url: str) -> None:
    while True:
        time.sleep(3600)


def serve_story(story: Story, port: int, wait: Callable[[str], object] = _for_ever) -> None:
    """Serve it until `wait`, which is told the address, returns, or Ctrl-C."""
    with tempfile.TemporaryDirectory(prefix="causal-story-") as directory:
        log = InterventionLog(Store(directory=Path(directory)))
        record_off_hour(log)
        app = create_app(StandingStill(story_snapshot(story), log), loopback=True)
        server = BackgroundServer(app, port=free_port(port))
        print(f"\nThe page, panels and metrics of it are at {server.url}/ until Ctrl-C", flush=True)
        with suppress(KeyboardInterrupt):
            wait(server.url)
        server.stop()
        log.close()
