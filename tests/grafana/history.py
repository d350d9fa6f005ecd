"""Results of ninety minutes in a Prometheus, an incident going on at their end, and later times of other states."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from worlds import SETTINGS, STEP, World, with_a_refuted_edge, with_a_shift, with_interventions, with_trials

from datasource.demo.processes import PrometheusServer, backfill_blocks, start_prometheus
from datasource.service import COURSE, Snapshot, logged_labels
from datasource.settings import Loaded, load_settings
from datasource.web.app import create_app

Samples = dict[str, list[tuple[dict[str, str], float, int]]]

MINUTES = 90
REFUTED = ("shop/catalog.latency", "shop/web.latency")
LOGGED = ("interventions", "assessed", "seen", "trials", "graph", "history", "proposal", "invariance")
"""What is known of a snapshot as soon as there is an incident."""
DAY = 86400


@dataclass(frozen=True)
class Times:
    """Seconds at which a dashboard is looked at: during the incident, before it, and when the service says nothing."""

    incident: int
    calm: int
    starting: int
    stale: int
    warming_up: int
    dead: int


def shop_with_two_fits() -> World:
    """The demo's shop, fitted when the history begins and, for what the rollout changed, shortly before it ends."""
    settings, fingerprint = load_settings(SETTINGS)
    seldom = settings.evaluation.model_copy(update={"refit": 60.0 * (MINUTES - 3)})
    return World(settings=Loaded(settings.model_copy(update={"evaluation": seldom}), fingerprint))


def history(world: World) -> tuple[Samples, Times]:
    """What scrapes of the last minutes of a world would have brought, by metric; and of days after it."""
    client = create_app(world.clock).test_client()
    found: Samples = {}
    end = int(world.now)
    logged: Snapshot | None = None
    for now in range(end - 60 * MINUTES, end + 1, STEP):
        world.now = now
        world.clock.tick()
        shown = world.clock.snapshot
        assert shown is not None
        if shown.incidents:
            if logged is None or now == end:
                judged = with_a_refuted_edge(shown, REFUTED, "it did not move")
                trials = logged.trials if logged else ()
                logged = with_interventions(with_a_shift(judged))  # takes seconds
                # Found out once, or there would be two series of each.
                logged = replace(logged, trials=trials) if trials else with_trials(logged)
            world.clock.snapshot = replace(shown, **{name: getattr(logged, name) for name in LOGGED})
        for name, labels, value in _scraped(client.get("/metrics").text):
            found.setdefault(name, []).append((labels, value, now))
    times = Times(end, end - 20 * 60, *(end + days * DAY for days in (1, 2, 3, 4)))
    for time, stale, points in ((times.starting, 1, None), (times.stale, 1, 5760), (times.warming_up, 0, 37)):
        said = {"build_info": 1, "stale": stale, "evaluation_failures_total": 0, "notices": 1}
        if time != times.starting:
            said["last_success_timestamp_seconds"] = time - (1200 if stale else 15)
        if points is not None:
            said |= {"points": points, "points_needed": 120}
        for name, value in said.items():
            labels = {"version": "0.1.0"} if name == "build_info" else {}
            found[f"causal_datasource_{name}"] += [(labels, value, time - ago) for ago in range(300, -1, -15)]
    return found | dict(_courses(world.clock.snapshot)), times


def _courses(snapshot: Snapshot | None) -> Iterator[tuple[str, list[tuple[dict[str, str], float, int]]]]:
    """What remote_read would have brought of interventions."""
    assert snapshot is not None
    for name, values in COURSE.items():
        rows = []
        for impact in snapshot.assessed.impacts:
            labels = logged_labels(impact) | {"door": "causal"}
            points = zip(impact.times[-4 * MINUTES :].tolist(), values(impact)[-4 * MINUTES :].tolist(), strict=True)
            rows += [(labels, value, time) for time, value in points]
        yield name, rows


def _scraped(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """The samples of an exposition, and the alerts that would have fired."""
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = {name: value for name, value in sample.labels.items() if value}
            yield sample.name, labels, sample.value
            if sample.name == "causal_service_anomaly" and sample.value == 1:
                broke = labels["is_root_cause"] == "true"
                alert = ("CausalRootCause", "critical") if broke else ("ServiceAnomaly", "warning")
                said = dict(zip(("alertname", "severity"), alert, strict=True))
                yield "ALERTS", labels | said | {"alertstate": "firing"}, 1


def prometheus_of(samples: Samples, binary: str, directory: Path) -> PrometheusServer:
    """A Prometheus that has the samples."""
    text = directory / "history.om"
    _write(samples, text)
    data = directory / "prometheus" / "data"
    data.mkdir(parents=True)
    backfill_blocks(binary, text, data)
    return start_prometheus(binary, directory / "prometheus")


def _write(samples: Samples, path: Path) -> None:
    with path.open("w") as out:
        for name, rows in samples.items():
            out.write(f"# TYPE {name} unknown\n")
            for labels, value, time in sorted(rows, key=lambda row: (sorted(row[0].items()), row[2])):
                shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
                out.write(f"{name}{{{shown}}} {value} {time}\n")
        out.write("# EOF\n")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
