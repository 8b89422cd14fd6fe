"""Delays before restarts of one worker."""

from taskiq_cli.processes.restart_backoff import RestartBackoff


def test_backoff_grows_to_its_cap_and_begins_anew() -> None:
    backoff = RestartBackoff(base=1, cap=4, stable=10, fraction=lambda: 0)

    assert [backoff.delay(0) for _ in range(6)] == [0, 1, 2, 4, 4, 4]
    assert backoff.delay(10) == 0
    assert backoff.delay(9.9) == 1
    backoff.reset()
    assert backoff.delay(0) == 0


def test_backoff_is_spread_over_half_its_length() -> None:
    backoff = RestartBackoff(base=1, cap=1, fraction=lambda: 1)

    assert [backoff.delay(0), backoff.delay(0)] == [0, 0.5]
    assert all(0 <= RestartBackoff().delay(0) <= 30 for _ in range(10))


def test_backoff_of_a_very_long_series_is_a_number() -> None:
    backoff = RestartBackoff(fraction=lambda: 0)

    assert [backoff.delay(0) for _ in range(5000)][-1] == 30
