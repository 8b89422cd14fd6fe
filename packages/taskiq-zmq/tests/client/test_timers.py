"""A named timer fires once, at the earliest time."""

import asyncio
import time

from taskiq_zmq.client.timers import Timers


async def test_a_timer_fires_once_at_the_earliest_time() -> None:
    timers, fired, done = Timers(), [], asyncio.Event()
    started = time.monotonic()

    def fire() -> None:
        fired.append("x")
        done.set()

    timers.set("x", 60, fire)
    timers.set("x", 0.01, fire)
    timers.set("x", 30, fire)
    await done.wait()

    assert fired == ["x"]
    assert time.monotonic() - started < 30
    timers.set("x", 0, fire)
    timers.cancel()
    await asyncio.sleep(0.01)
    assert fired == ["x"]
