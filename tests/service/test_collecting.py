"""Garbage is not looked for while a snapshot is made, and is afterwards, whatever happens."""

import gc
from contextlib import suppress

from datasource.service.collecting import no_collecting


def test_garbage_is_looked_for_again_afterwards() -> None:
    seen = []
    with suppress(ValueError), no_collecting():
        seen.append(gc.isenabled())
        raise ValueError("no")
    assert [*seen, gc.isenabled()] == [False, True]


def test_who_looks_for_none_is_left_alone() -> None:
    gc.disable()
    try:
        with no_collecting():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
