"""Heartbeats that can not work are refused."""

import pytest

from taskiq_zmq.transport.wire import Heartbeats


def test_heartbeats_that_can_not_work_are_refused() -> None:
    with pytest.raises(ValueError, match="below timeout"):
        Heartbeats(interval=3, timeout=3)
