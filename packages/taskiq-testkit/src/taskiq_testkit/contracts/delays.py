# ruff: noqa: S101  # contract tests assert
"""Delays: not before their time, and a shorter one is not held up by a longer one."""

import asyncio
import time
from typing import Final

from taskiq_core.capabilities import Capability
from taskiq_testkit.contract import proves
from taskiq_testkit.contracts.base import BrokerBase
from taskiq_testkit.harness import BrokerHarness

EARLY: Final = 0.01
"""Seconds by which clocks of two kinds may differ."""


class DelayContract(BrokerBase):
    """Delays."""

    @proves(Capability.DELAY)
    async def test_delay_is_kept(self, harness: BrokerHarness) -> None:
        """A message with the label `delay` comes by itself, and not before its time."""
        worker = await harness.worker()
        sent_at = time.monotonic()
        await harness.send("later", delay=2 * harness.tick)

        held = await worker.next()

        assert held.text == "later"
        assert time.monotonic() - sent_at >= 2 * harness.tick - EARLY
        assert held.attempt == 1

    @proves(Capability.DELAY)
    async def test_shorter_delay_overtakes(self, harness: BrokerHarness) -> None:
        """What is due sooner comes sooner, also while a worker sleeps until the later one."""
        worker = await harness.worker(3)
        await harness.send("last", delay=6 * harness.tick)
        waiting = asyncio.create_task(worker.next())
        await harness.send("second", delay=3 * harness.tick)

        await harness.send("now")

        texts = [(await waiting).text, *[held.text for held in await worker.take(2)]]
        assert texts == ["now", "second", "last"]

    @proves(Capability.DELAY, beside=(Capability.RELEASE,))
    async def test_release_with_a_delay(self, harness: BrokerHarness) -> None:
        """A delivery that is given back for later comes then; a shorter delay overtakes."""
        worker = await harness.worker(2)
        for text in ("long", "short"):
            await harness.send(text)
        held = {each.text: each for each in await worker.take(2)}
        released_at = time.monotonic()

        await held["long"].release(5 * harness.tick)
        await held["short"].release(2 * harness.tick)

        first, second = await worker.next(), await worker.next()
        assert [(each.text, each.attempt) for each in (first, second)] == [
            ("short", 2),
            ("long", 2),
        ]
        assert time.monotonic() - released_at >= 5 * harness.tick - EARLY

    @proves(Capability.DELAY)
    async def test_no_delay_is_none(self, harness: BrokerHarness) -> None:
        """A message with a delay of 0, or below, does not wait."""
        worker = await harness.worker(2)

        for delay in (0, -1.0):
            await harness.send(str(delay), delay=delay)

        assert {held.text for held in await worker.take(2)} == {"0", "-1.0"}
