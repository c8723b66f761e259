from __future__ import annotations

from tests.crash import kills


def test_nothing_acknowledged_is_lost_when_the_group_is_killed() -> None:
    tally = kills.run(kills=10, seed=1)
    assert tally.kills >= 10
    assert tally.actions > 10
    assert tally.checks > 100
