# ruff: noqa: S101  # contract tests assert
"""Delays: not before their time, and a shorter one is not held up by a longer one."""

import asyncio
import time
from typing import Final

from taskiq_core.capabilities import Capability
from taskiq_testkit.contract import proves
from taskiq_testkit.contracts.base import BrokerBase
from taskiq_testkit.stage import Stage

EARLY: Final = 0.01
"""Seconds by which clocks of two kinds may differ."""


class DelayContract(BrokerBase):
    """Delays."""

    @proves(Capability.DELAY)
    async def test_delay_is_kept(self, stage: Stage) -> None:
        """A message with the label `delay` comes by itself, and not before its time."""
        worker = await stage.worker()
        sent_at = time.monotonic()
        await stage.send("later", delay=2 * stage.tick)

        held = await worker.next()

        assert held.text == "later"
        assert time.monotonic() - sent_at >= 2 * stage.tick - EARLY
        assert held.attempt == 1

    @proves(Capability.DELAY)
    async def test_shorter_delay_overtakes(self, stage: Stage) -> None:
        """What is due sooner comes sooner, also while a worker sleeps until the later one."""
        worker = await stage.worker(3)
        await stage.send("last", delay=6 * stage.tick)
        waiting = asyncio.create_task(worker.next())
        await stage.send("second", delay=3 * stage.tick)

        await stage.send("now")

        texts = [(await waiting).text, *[held.text for held in await worker.take(2)]]
        assert texts == ["now", "second", "last"]

    @proves(Capability.DELAY, beside=(Capability.RELEASE,))
    async def test_release_with_a_delay(self, stage: Stage) -> None:
        """A delivery that is given back for later comes then; a shorter delay overtakes."""
        worker = await stage.worker(2)
        for text in ("long", "short"):
            await stage.send(text)
        held = {each.text: each for each in await worker.take(2)}
        released_at = time.monotonic()

        await held["long"].release(5 * stage.tick)
        await held["short"].release(2 * stage.tick)

        first, second = await worker.next(), await worker.next()
        assert [(each.text, each.attempt) for each in (first, second)] == [
            ("short", 2),
            ("long", 2),
        ]
        assert time.monotonic() - released_at >= 5 * stage.tick - EARLY

    @proves(Capability.DELAY)
    async def test_no_delay_is_none(self, stage: Stage) -> None:
        """A delay of 0 is no delay, and one that is over does not wait either."""
        worker = await stage.worker(2)

        for delay in (0, -1.0):
            await stage.send(str(delay), delay=delay)

        assert {held.text for held in await worker.take(2)} == {"0", "-1.0"}
