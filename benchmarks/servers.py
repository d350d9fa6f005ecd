"""Events, not points: what the service says of real servers with labelled incidents, beside published detectors.

    python benchmarks/servers.py --data DIR [--promise 0.5] [--only NAME ...] [--no-backtest] [--no-peers] [--jobs N]

DIR has for every machine NAME_train.csv (a quiet time), NAME_test.csv and NAME_incidents.csv (start,end in seconds).
Everybody is calibrated to the same promise on the quiet time, and an alarm is an episode of the whole machine as the
service counts it. Exit code 1 when a floor is missed.
"""

import argparse
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.detectors import DETECTORS, calibrated, range_rule
from benchmarks.vus import vus_pr
from datasource.anomaly import Persistence
from datasource.anomaly.persistence import persisting
from datasource.data import Floats, Matrix, Roles
from datasource.data.csv.files import CsvData, read_csv
from datasource.replay.alarms import Flags, Replay, episodes_of
from datasource.replay.backtest import Backtest, backtest, during
from datasource.replay.files import guessed_settings
from datasource.replay.judging import replay
from datasource.replay.recorded import Recorded, read_incidents
from datasource.replay.score_file import FileScores, score_matrix
from datasource.replay.windows import stretches_of
from datasource.service.rates import poisson_rate, wilson
from datasource.settings import Settings

DAY = 86400
REFIT = 6 * 3600.0
"""The default of the `backtest` command."""
OURS, REPLAYED, RANGE = "ours, fitted once", "ours, backtest", "range rule, daily"
EVENTS = {"omi": 0.65, "machine": 0.45}
"""The least share of labelled incidents to be found, by group, at a promise of 0.5 a day."""
IN_ALARM = 0.1
KEPT, SUPPORTED = 1.5, 2.0
"""By which factors a promise, and what is said to be supported, may be missed."""


class Machine(NamedTuple):
    """A quiet time, a time to judge, and the incidents labelled in that."""

    name: str
    train: CsvData
    test: CsvData
    incidents: tuple[Recorded, ...]


class Counted(NamedTuple):
    """What a method did on a machine, in numbers that can be summed.

    `half` are the alarm episodes and days of the second half of the quiet time, judged by the first; `supported` what
    the fit on the first half said it could promise a day. All else is of the time to judge: `quiet` are alarm episodes
    and days outside of incidents, `events` those found and all, `delays` steps from start to alarm, `alarm_quiet` and
    `alarm_all` points in alarm and all.
    """

    machine: str
    method: str
    step: int
    half: tuple[int, float]
    supported: float
    quiet: tuple[int, float]
    events: tuple[int, int]
    delays: tuple[float, ...]
    alarm_quiet: tuple[int, int]
    alarm_all: tuple[int, int]
    vus: float
    seconds: float


class Said(NamedTuple):
    """By time: whether an alarm episode goes on, and the score of the whole machine."""

    start: int
    step: int
    of: int
    alarm: Flags
    score: Floats


def read_machine(directory: Path, name: str) -> Machine:
    """Raises CsvError and IncidentsError, whose texts name the file."""
    train, test = (read_csv(directory / f"{name}_{part}.csv") for part in ("train", "test"))
    return Machine(name, train, test, read_incidents(directory / f"{name}_incidents.csv"))


def names_in(directory: Path) -> list[str]:
    """The machines of a directory."""
    suffix = "_incidents.csv"
    return sorted(path.name.removesuffix(suffix) for path in directory.glob(f"*{suffix}"))


def group_of(name: str) -> str:
    """A name without the numbers at its end.

    >>> group_of("machine-1-6"), group_of("omi-1")
    ('machine', 'omi')
    """
    return re.sub(r"[-_.\d]+$", "", name) or name


def count(machine: Machine, method: str, promise: float) -> Counted:
    """Let a method judge a machine, and count what it says."""
    began = time.process_time()
    half, supported = (0, 0.0), 0.0
    if method == REPLAYED:
        past = _replayed(machine, promise)
        score = past.heights.max(axis=0)
    else:
        first, second = _halves(machine.train)
        said, supported = _say(method, first, second.matrix, promise)
        half = len(episodes_of(said.alarm, said.of)), said.alarm.size * said.step / DAY
        said, _ = _say(method, machine.train, machine.test.matrix, promise)
        past, score = _as_replay(said), said.score
    return _counted(machine, method, promise, past, score)._replace(
        half=half, supported=supported, seconds=time.process_time() - began
    )


def _counted(machine: Machine, method: str, promise: float, past: Replay, score: Floats) -> Counted:
    found: Backtest = backtest(past, machine.incidents, promise)
    alarm = np.zeros(past.judged.size, dtype=np.bool_)
    for one in past.episodes:
        alarm[past.columns(one.start, one.end)] = True
    quiet = past.judged & ~during(past, *machine.incidents)
    times = past.times
    events = [tuple(np.flatnonzero((times >= one.start) & (times <= one.end))[[0, -1]]) for one in machine.incidents]
    lengths = [last - first + 1 for first, last in events]
    return Counted(
        machine.name,
        method,
        past.step,
        (0, 0.0),
        0.0,
        (len(found.false_alarms), found.days),
        (len(found.delays), len(found.outcomes)),
        tuple(one / past.step for one in found.delays),
        (int(alarm[quiet].sum()), int(quiet.sum())),
        (int(alarm[past.judged].sum()), int(past.judged.sum())),
        vus_pr(events, score, int(np.median(lengths))) if events else float("nan"),
        0.0,
    )


def _say(method: str, fitted: CsvData, judged: Matrix, promise: float) -> tuple[Said, float]:
    """What a method says of a time once it was fitted on another, and what it said that it can promise a day."""
    if method == OURS:
        found = score_matrix(_settings(fitted, promise), judged, fitted.matrix)
        return _ours(found), found.mechanisms.supported
    settings = _settings(fitted, promise)
    persistence = Persistence(settings.anomaly.persistence.points, settings.anomaly.persistence.of)
    before, now = _filled(fitted.matrix, judged)
    days = len(before) * judged.step / DAY
    if method == RANGE:
        score = range_rule(np.vstack([before, now]), len(before), DAY // judged.step, promise, persistence)
    else:
        score = calibrated(DETECTORS[method], before, now, promise * days, persistence)
    alarm = np.zeros(score.size, dtype=np.bool_)
    for first, last in episodes_of(persisting(score, persistence) > 1, persistence.of):
        alarm[first : last + 1] = True
    return Said(judged.start, judged.step, persistence.of, alarm, score), 0.0


def _ours(found: FileScores) -> Said:
    """Alarms as the `score` command writes them, and the highest of the scores that alarm."""
    roles = Roles(found.settings.signals)
    score = np.zeros(found.matrix.values.shape[1])
    alarms = []
    for one in found:
        alarms += one.alarms
        for kind in roles.alarms(one.variable):
            score = np.fmax(score, getattr(one, kind).score)
    of = found.settings.anomaly.persistence.of
    return Said(found.matrix.start, found.matrix.step, of, found.during(alarms), score)


def _as_replay(said: Said) -> Replay:
    """So that the product's own counting can count it."""
    heights = np.where(said.alarm, 2.0, 0.0)[None, :]
    judged = np.ones(said.alarm.size, dtype=np.bool_)
    return Replay(said.start, said.step, said.of, ("all",), heights, judged, frozenset(), (), (), said.step / DAY, ())


def _replayed(machine: Machine, promise: float) -> Replay:
    """The time to judge as the `backtest` command replays it, with the quiet time before it."""
    matrix, start = one_after_the_other(machine.train.matrix, machine.test.matrix)
    settings = _settings(CsvData(matrix, machine.test.signals, ()), promise)
    before = float(start - matrix.start)
    settings = settings.model_copy(update={"baseline": before, "full_resolution": before})
    return replay(settings, start, matrix.end, stretches_of(settings, matrix, start, matrix.end, REFIT))


def one_after_the_other(first: Matrix, second: Matrix) -> tuple[Matrix, int]:
    """Both as one, and where the second begins. The first is moved by whole days if it does not end just before."""
    first = first.select(second.variables)
    step, columns = second.step, first.values.shape[1]
    gap = second.start - (first.end + step)
    away = gap % DAY // step if gap else 0
    values = np.hstack([first.values, np.full((len(second.variables), away), np.nan), second.values])
    return Matrix(second.variables, second.start - (columns + away) * step, step, values), second.start


def _halves(data: CsvData) -> tuple[CsvData, CsvData]:
    matrix = data.matrix
    middle = matrix.start + matrix.values.shape[1] // 2 * matrix.step
    parts = matrix.between(matrix.start, middle - matrix.step), matrix.between(middle, matrix.end)
    first, second = (CsvData(part, data.signals, ()) for part in parts)
    return first, second


def _settings(data: CsvData, promise: float) -> Settings:
    """As the commands guess them for a file that comes alone, with another promise."""
    settings, _ = guessed_settings(data)
    return settings.model_copy(
        update={"anomaly": settings.anomaly.model_copy(update={"false_alarms_per_day": promise})}
    )


def _filled(fitted: Matrix, judged: Matrix) -> tuple[Floats, Floats]:
    """Times x columns of both, gaps filled with the fitted medians: peers know no missing samples."""
    first, second = fitted.select(judged.variables).values.T, judged.values.T
    middle = np.nan_to_num(np.nanmedian(first, axis=0))
    return np.where(np.isfinite(first), first, middle), np.where(np.isfinite(second), second, middle)


# What is printed

_HEADER = (
    "machine", "method", "2nd half", "a day", "supported", "quiet test", "a day", "events", "share",
    "in alarm: quiet", "all", "delay, points", "VUS-PR", "CPU s",
)  # fmt: skip


def _rate(counted: tuple[int, float]) -> tuple[str, str]:
    episodes, days = counted
    if not days:
        return "-", "-"
    rate = poisson_rate(episodes, days)
    return f"{episodes} in {days:.1f} d", f"{rate.told} {rate.interval}"


def _share(counted: tuple[int, int]) -> float:
    return counted[0] / counted[1] if counted[1] else 0.0


def _cells(one: Counted, delay: str) -> tuple[str, ...]:
    low, high = wilson(*one.events)
    return (
        one.machine,
        one.method,
        *_rate(one.half),
        f"{one.supported:.2g}" if one.supported else "-",
        *_rate(one.quiet),
        f"{one.events[0]} of {one.events[1]}",
        f"{_share(one.events):.0%} [{low:.0%}, {high:.0%}]",
        f"{_share(one.alarm_quiet):.1%}",
        f"{_share(one.alarm_all):.1%}",
        delay,
        f"{one.vus:.3f}",
        f"{one.seconds:.1f}",
    )


def _row(one: Counted) -> tuple[str, ...]:
    if not one.delays:
        return _cells(one, "-")
    points = float(np.median(one.delays))
    return _cells(one, f"{points:g} ({points * one.step / 60:g} min)")


def total(those: Sequence[Counted], name: str) -> Counted:
    """All machines of a group: sums, the delays of all, and the mean VUS-PR; `supported` is that of the group's days,
    as many false alarms a day on average as were promised or are supported at best."""
    days = sum(one.half[1] for one in those)

    def pairs(part: str) -> tuple[int, int]:
        return sum(getattr(one, part)[0] for one in those), sum(getattr(one, part)[1] for one in those)

    return Counted(
        name,
        those[0].method,
        those[0].step,
        pairs("half"),
        sum(one.supported * one.half[1] for one in those) / days if days else 0.0,
        pairs("quiet"),
        pairs("events"),
        tuple(delay for one in those for delay in one.delays),
        pairs("alarm_quiet"),
        pairs("alarm_all"),
        float(np.mean([one.vus for one in those])),
        sum(one.seconds for one in those),
    )


class Floor(NamedTuple):
    """What has to be reached, and whether it is."""

    text: str
    reached: bool


def floors(counted: Sequence[Counted], promise: float) -> Iterator[Floor]:
    """The floors of our own rows, by group; those of events and of the time in alarm hold at a promise of 0.5."""
    for group in dict.fromkeys(group_of(one.machine) for one in counted):
        for method in (OURS, REPLAYED):
            own = [one for one in counted if group_of(one.machine) == group and one.method == method]
            if own:
                yield from _floors(group, method, own, promise)


def _floors(group: str, method: str, own: Sequence[Counted], promise: float) -> Iterator[Floor]:
    together = total(own, group)
    name = f"{group}, {method}"
    for what, (episodes, days) in (("the second half", together.half), ("the quiet test", together.quiet)):
        if days:
            rate = poisson_rate(episodes, days)
            asked = f"{promise:g} promised, at most {KEPT * promise:g}"
            yield Floor(
                f"{name}: {rate.told} {rate.interval} false alarms a day in {what} ({asked})",
                rate.value <= KEPT * promise,
            )
    if promise == 0.5:
        least = EVENTS.get(group)
        if least is not None:
            found = _share(together.events)
            yield Floor(f"{name}: {found:.0%} of the events (at least {least:.0%})", found >= least)
        alarmed = _share(together.alarm_quiet)
        yield Floor(
            f"{name}: in alarm {alarmed:.1%} of the quiet time (below {IN_ALARM:.0%}; "
            f"{_share(together.alarm_all):.1%} of all time)",
            alarmed < IN_ALARM,
        )
    if together.half[1]:
        yield _supported(name, own, promise)


def _supported(name: str, own: Sequence[Counted], promise: float) -> Floor:
    """Whether the second half shows what the fit says it can keep: the promise, or what is supported if that is more.

    Fewer than half are a fault only where the promise was refused as too strict.
    """
    said = sum(max(promise, one.supported) * one.half[1] for one in own)
    seen = sum(one.half[0] for one in own)
    refused = any(one.supported > promise for one in own)
    days = sum(one.half[1] for one in own)
    reached = seen <= SUPPORTED * said and (not refused or seen >= said / SUPPORTED)
    return Floor(
        f"{name}: {said / days:.2g} a day said to be possible, {seen / days:.2g} seen in the second half "
        f"(within a factor {SUPPORTED:g})",
        reached,
    )


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows of cells in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def report(counted: Sequence[Counted], promise: float) -> bool:
    """Print every machine, every group and every floor; whether all floors are reached."""
    rows = [_HEADER, *map(_row, counted)]
    groups = dict.fromkeys(group_of(one.machine) for one in counted)
    methods = dict.fromkeys(one.method for one in counted)
    for group in groups:
        for method in methods:
            own = [one for one in counted if group_of(one.machine) == group and one.method == method]
            if own:
                rows.append(_row(total(own, f"all {group}")))
    for line in table(rows):
        print(line)
    print()
    all_reached = True
    for floor in floors(counted, promise):
        print(f"{'reached' if floor.reached else 'MISSED '}  {floor.text}")
        all_reached &= floor.reached
    return all_reached


def _task(directory: Path, name: str, method: str, promise: float) -> Counted:
    return count(read_machine(directory, name), method, promise)


def run(directory: Path, names: Iterable[str], methods: Sequence[str], promise: float, jobs: int) -> list[Counted]:
    """Every method on every machine, by `jobs` processes."""
    tasks = [(directory, name, method, promise) for name in names for method in methods]
    if jobs == 1:
        return [_told(_task, *task) for task in tasks]
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        return [future.result() for future in [pool.submit(_told, _task, *task) for task in tasks]]


def _told(task: Callable[[Path, str, str, float], Counted], *given: object) -> Counted:
    found = task(*given)  # type: ignore[arg-type]
    print(f"{found.machine}: {found.method} in {found.seconds:.1f} s", file=sys.stderr, flush=True)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge, count, print; 1 when a floor is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--promise", type=float, default=0.5, help="false alarm episodes a day of a whole machine")
    parser.add_argument("--only", nargs="+", default=None, metavar="NAME", help="these machines or groups")
    parser.add_argument("--no-backtest", action="store_true", help="without the replay, which takes the longest")
    parser.add_argument("--no-peers", action="store_true", help="without the published detectors")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    asked = parser.parse_args(arguments)
    known = names_in(asked.data)
    if not known:
        parser.error(f"{asked.data} has no NAME_incidents.csv beside NAME_train.csv and NAME_test.csv")
    names = [name for name in known if asked.only is None or {name, group_of(name)} & set(asked.only)]
    if not names:
        parser.error(f"--only: none of {', '.join(asked.only)} is there; there are {', '.join(known)}")
    methods = [OURS, *([] if asked.no_backtest else [REPLAYED]), *([] if asked.no_peers else [*DETECTORS, RANGE])]
    counted = run(asked.data, names, methods, asked.promise, asked.jobs)
    print(f"Promise: {asked.promise:g} false alarm episodes a day of a whole machine\n")
    return 0 if report(counted, asked.promise) else 1


if __name__ == "__main__":
    sys.exit(main())
