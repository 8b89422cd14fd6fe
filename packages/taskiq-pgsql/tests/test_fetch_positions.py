"""A fetch begins where those of a second ago ended, and misses nothing for long."""

from taskiq_pgsql.queue.fetch_positions import HIGHEST, LOWEST, FetchPositions

ALL = ("mails", LOWEST, 0, HIGHEST)


def test_the_first_look_is_at_everything() -> None:
    positions = FetchPositions()

    assert positions.is_full_look_due(0.0)
    assert positions.parts(["mails"], is_full=False) == [ALL]


def test_a_position_is_used_after_a_second_and_not_before() -> None:
    """Rows that are committed in another order than that of their ids are not passed by."""
    positions = FetchPositions()
    positions.reached("mails", 0, 7, 10.0)
    assert positions.parts(["mails"], is_full=False) == [ALL]

    positions.reached("mails", 0, 9, 11.5)

    above, rest = positions.parts(["mails"], is_full=False)
    assert above == ("mails", LOWEST, 0, -1), "a higher priority comes first"
    assert rest == ("mails", 0, 7, HIGHEST)
    assert positions.parts(["mails"], is_full=True) == [ALL]
    assert positions.parts(["reports"], is_full=False) == [("reports", LOWEST, 0, HIGHEST)]


def test_slow_looks_at_everything_become_rare() -> None:
    positions = FetchPositions()

    positions.looked(10.0, 10.01)
    assert not positions.is_full_look_due(11.0)
    assert positions.is_full_look_due(11.02)
    positions.looked(20.0, 21.0)
    assert not positions.is_full_look_due(40.9)
    assert positions.is_full_look_due(41.0)


def test_an_idle_worker_looks_again_until_it_has_seen_everything() -> None:
    positions = FetchPositions()
    positions.looked(10.0, 10.0)
    assert positions.seconds_to_full_look(10.2) is None

    positions.reached("mails", 0, 7, 10.5)

    assert positions.seconds_to_full_look(10.75) == 0.25
    positions.looked(11.0, 11.0)
    assert positions.seconds_to_full_look(11.5) is None
