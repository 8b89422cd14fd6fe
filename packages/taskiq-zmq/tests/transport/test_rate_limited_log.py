"""Lines that peers can cause are bounded in rate and length."""

import logging

import pytest

from taskiq_zmq.transport.rate_limited_log import MAX_TEXT, PERIOD, RateLimitedLog


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_warnings_of_one_kind_are_counted_not_repeated(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    log = RateLimitedLog(logging.getLogger("test"), clock)
    for number in range(5):
        log.warning("dropped %d", number)
    log.warning("another %s", "kind")
    clock.now = PERIOD
    log.warning("dropped %d", 9)

    assert caplog.messages == ["dropped 0", "another kind", "dropped 9 (and 4 more like it)"]


def test_a_burst_is_logged_and_long_texts_are_cut(caplog: pytest.LogCaptureFixture) -> None:
    log = RateLimitedLog(logging.getLogger("test"), Clock())
    for _ in range(5):
        log.log(logging.WARNING, "from %s", "x" * 10_000, burst=2)

    assert caplog.messages == [f"from {'x' * MAX_TEXT}..."] * 2
