"""Python's garbage collector, paused while many objects are made that all stay."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_pauses = 0
_was_enabled = False


@contextmanager
def paused_collector() -> Iterator[None]:
    """No collection of cycles inside the block, in any thread; blocks in several threads may overlap.

    Decoding a large JSON makes a million objects, and every 700 of them the collector would look at all of them.
    When the last block ends, the collector is as it was before the first.
    """
    global _pauses, _was_enabled  # noqa: PLW0603
    with _lock:
        if _pauses == 0:
            _was_enabled = gc.isenabled()
            gc.disable()
        _pauses += 1
    try:
        yield
    finally:
        with _lock:
            _pauses -= 1
            if _pauses == 0 and _was_enabled:
                gc.enable()
