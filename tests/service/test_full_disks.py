"""The running service where there is no room: on the disk of its store, and in memory, where results change hands.

Both are small file systems that only this service sees (`unshare`).
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from running import FAST, Service, TwoServices, serving

from datasource.store.address import FILE


@pytest.fixture(scope="module")
def prometheus() -> Iterator[TwoServices]:
    services = TwoServices()
    yield services
    services.stop()


@contextmanager
def on_small_disk(prometheus: TwoServices, folder: Path, disk: Path, kilobytes: int) -> Iterator[Service]:
    """The service, with a file system of so many kB at `disk`."""
    inside = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*inside, "true"], check=False, capture_output=True).returncode:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing("file systems of one's own are not allowed here (unshare)")
    mount = f'mount -t tmpfs -o size={kilobytes}k small {disk} && exec "$@"'
    file = folder / "causal.yaml"
    file.write_text(FAST.format(url=prometheus.server.url, store=folder / "store"))
    with serving(file, "full", before=[*inside, "sh", "-c", mount, "sh"]) as found:
        found.wait(found.scores)
        yield found
        assert "Traceback" not in found.process.log.read_text()


def seen_by(service: Service, path: Path) -> Path:
    """A path as the service sees it."""
    return Path(f"/proc/{service.process.pid}/root{path}")


def fill(folder: Path) -> Path:
    """Take all the room there is."""
    file = folder / "filler"
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as filler:
        while filler.write(bytes(4096)):
            pass
    return file


def test_a_full_disk_is_told_and_what_happened_is_written_once_there_is_room(
    prometheus: TwoServices, tmp_path: Path
) -> None:
    (tmp_path / "store").mkdir()
    with on_small_disk(prometheus, tmp_path, tmp_path / "store", 4000) as service:
        filler = fill(seen_by(service, tmp_path / "store"))
        prometheus.slower = 3.0
        service.wait(lambda: service.shown()["incidents"])
        service.wait(lambda: "free space on its disk" in service.said())
        assert service.number("store_up") == 0
        assert service.scores() == 4
        incident = service.shown()["incidents"][0]["incident"]
        filler.unlink()
        prometheus.slower = 1.0
        service.wait(lambda: service.number("store_up") == 1)
        found = seen_by(service, tmp_path / "store" / FILE)
        service.wait(lambda: incident.encode() in b"".join(file.read_bytes() for file in found.parent.glob(f"{FILE}*")))


def test_where_results_cannot_change_hands_the_page_the_metrics_and_the_log_say_so_until_there_is_room(
    prometheus: TwoServices, tmp_path: Path
) -> None:
    memory = Path("/dev/shm")
    with on_small_disk(prometheus, tmp_path, memory, 40_000) as service:
        filler = fill(seen_by(service, memory))
        service.wait(lambda: service.number("last_publication_successful") == 0)
        assert "No space left on device; make room for three snapshots in /dev/shm" in service.error()
        service.wait(lambda: service.number("stale") == 1)
        assert service.scores() == 0
        ready = requests.get(f"{service.url}/readyz", timeout=10)
        assert ready.status_code == 503
        assert "make room" in ready.text
        assert "results cannot be published" in service.process.log_tail()
        filler.unlink()
        service.wait(lambda: service.number("last_publication_successful") == 1)
        service.wait(lambda: service.number("stale") == 0 and service.scores() == 4)
        assert not service.error()


def test_where_there_is_no_room_in_memory_at_the_start_results_change_hands_on_disk(
    prometheus: TwoServices, tmp_path: Path
) -> None:
    with on_small_disk(prometheus, tmp_path, Path("/dev/shm"), 4000) as service:
        assert service.number("last_publication_successful") == 1
        assert service.scores() == 4


def test_who_has_no_room_for_its_results_leaves_the_lead_to_another_replica(
    prometheus: TwoServices, tmp_path: Path
) -> None:
    memory = Path("/dev/shm")
    with on_small_disk(prometheus, tmp_path, memory, 40_000) as first, serving(first.config, "second") as second:
        second.wait(lambda: second.shown().get("signals"))
        assert (first.leads(), second.leads()) == (True, False)
        filler = fill(seen_by(first, memory))
        second.wait(second.leads)
        filler.unlink()
        first.wait(lambda: first.number("last_publication_successful") == 1 and not first.leads())
        assert second.leads()
