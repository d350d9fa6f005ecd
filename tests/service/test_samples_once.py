"""The numbers of a snapshot are found once, whoever asks."""

from dataclasses import replace

from worlds import World

from datasource.service import samples


def test_the_same_snapshot_has_the_same_numbers_and_another_one_its_own(world: World) -> None:
    snapshot = world.clock.snapshot
    assert snapshot
    assert samples(snapshot) is samples(snapshot)
    other = replace(snapshot, judgement=None)
    assert len(samples(other)) < len(samples(snapshot))
    assert samples(snapshot) == samples(replace(snapshot))
