"""Fits spread over a Dask cluster: shards that fit alone are sent to it, and what does not come back is fitted here."""

import logging
from collections import deque
from collections.abc import Sequence
from typing import Any

from datasource.anomaly.fitting import Fitting, Row
from datasource.data import Variable
from datasource.service.packing import code_fingerprint

log = logging.getLogger(__name__)

_SHARD = 48
"""Variables of a shard: a few megabytes, and the fit of a quarter of a second."""
_CONNECT = 10.0
"""Seconds to reach the scheduler."""
_PATIENCE = 60.0
"""Seconds without any shard that is done, after which the cluster is given up."""
_AHEAD = 2
"""Shards that are sent for each thread of the cluster, so that none waits and the scheduler holds few of them."""


class Cluster:
    """The Dask cluster of a scheduler at `address` (tcp://host:port), for one fit; `notices` say what it did not do."""

    def __init__(self, address: str) -> None:
        self.notices: tuple[str, ...] = ()
        self._address = address

    def spread(self, fitting: Fitting, variables: Sequence[Variable]) -> list[list[Row]]:
        """What `map(fitting, variables)` gives. A shard whose worker is lost goes to another one; what the cluster does
        not do for any reason is done here."""
        shards = fitting.shards(variables, _SHARD)
        found: dict[int, list[list[Row]]] = {}
        try:
            self._ask(fitting, shards, found)
        except Exception as error:
            self._tell(error, len(shards) - len(found), len(shards))
            log.warning("%s", *self.notices)
        rows: dict[Variable, list[Row]] = {}
        for number, shard in enumerate(shards):
            rows.update(zip(shard, found.pop(number) if number in found else map(fitting, shard), strict=True))
        return [rows[variable] for variable in variables]

    def _ask(self, fitting: Fitting, shards: Sequence[Sequence[Variable]], found: dict[int, list[list[Row]]]) -> None:
        """Put into `found`, by the number of the shard, what the cluster answers."""
        from distributed import Client, wait

        code, waiting = code_fingerprint(), deque(enumerate(shards))
        client = Client(self._address, timeout=_CONNECT, set_as_default=False, name="causal-datasource")
        try:
            client.wait_for_workers(1, timeout=_CONNECT)
            most = _AHEAD * sum(client.nthreads().values())
            running: dict[Any, int] = {}
            while waiting or running:
                while waiting and len(running) < most:
                    number, shard = waiting.popleft()
                    sent = client.submit(fit_shard, code, fitting.only(shard), list(shard), pure=False)
                    running[sent] = number
                with client.as_current():
                    finished = wait([*running], timeout=_PATIENCE, return_when="FIRST_COMPLETED").done
                for done in finished:
                    found[running.pop(done)] = done.result(timeout=_PATIENCE)
        finally:
            client.close(timeout=1.0)

    def _tell(self, error: Exception, left: int, shards: int) -> None:
        if isinstance(error, ModuleNotFoundError) and error.name in ("dask", "distributed"):
            why = "the package 'distributed' is not installed; pip install 'causal-datasource[dask]'"
        else:
            why = f"{' '.join(str(error).split()) or type(error).__name__}; is its scheduler up, and are its workers?"
        part = "the fit" if left == shards else f"{left} of {shards} parts of the fit"
        self.notices = (f"evaluation.workers: {part} was done here, not by the Dask cluster at {self._address}: {why}",)


def fit_shard(code: str, fitting: Fitting, variables: Sequence[Variable]) -> list[list[Row]]:
    """The rows of each variable; in a worker of the cluster. Raises RuntimeError where its code is not that of `code`,
    and so might fit otherwise."""
    if code != code_fingerprint():
        raise RuntimeError("its workers have another version of causal-datasource; install this one there")
    return [fitting(variable) for variable in variables]
