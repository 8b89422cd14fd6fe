# ruff: noqa: S101  # contract tests assert
"""Paused queues: they hand out nothing, and go on where they were."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from taskiq_core.capabilities import Capability
from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_testkit.contract import proves
from taskiq_testkit.contracts.base import BrokerBase
from taskiq_testkit.contracts.distribution import WORKERS
from taskiq_testkit.harness import BrokerHarness
from taskiq_testkit.probe import Worker

SEEN: Final = 1.0
"""Seconds within which all workers see that a queue is paused."""


class PauseContract(BrokerBase):
    """Pause."""

    @proves(Capability.PAUSE)
    async def test_paused_queue_hands_out_nothing(self, harness: BrokerHarness) -> None:
        """What is sent meanwhile is accepted, and delivered when the queue is resumed."""
        worker = await harness.worker()
        await harness.broker.pause()
        task_id = await harness.send("sent in a pause")

        await _nothing_comes(harness, worker)
        if harness.has_stats:
            await harness.counts(waiting=1, delivered=0)
        await harness.broker.resume()

        held = await worker.next()
        assert (held.task_id, held.attempt) == (task_id, 1)
        await held.ack()

    @proves(Capability.PAUSE, needs=WORKERS)
    async def test_waiting_worker_is_paused_and_woken(self, harness: BrokerHarness) -> None:
        """A worker that waits when a queue is paused gets nothing, and is woken at the end."""
        worker = await harness.stream()
        worker.begin()
        await asyncio.sleep(harness.tick)  # it waits
        await harness.broker.pause()
        await asyncio.sleep(SEEN)
        task_id = await harness.send("sent in a pause")

        await _nothing_comes(harness, worker)
        await harness.broker.resume()

        assert (await worker.next()).task_id == task_id

    @proves(Capability.PAUSE)
    async def test_pause_is_told(self, harness: BrokerHarness) -> None:
        """Whether a queue is paused is known; pausing and resuming may be said twice."""
        broker = harness.broker
        told = [await broker.is_paused()]

        for change in (broker.pause, broker.pause, broker.resume, broker.resume):
            await change()
            told.append(await broker.is_paused())
            if harness.has_stats:
                assert (await broker.stats()).is_paused == told[-1]

        assert told == [False, True, True, False, False]

    @proves(Capability.PAUSE)
    async def test_running_task_goes_on(self, harness: BrokerHarness) -> None:
        """What was delivered before the pause is settled in it."""
        worker = await harness.worker()
        await harness.send("runs")
        held = await worker.next()

        await harness.broker.pause()

        await held.ack()
        if harness.has_stats:
            await harness.counts(waiting=0, delivered=0)
        await harness.broker.resume()
        await harness.is_empty(worker)

    @proves(Capability.PAUSE, needs=("has_workers", "restart_server", "is_durable"))
    async def test_pause_survives_a_restart(
        self, harness: BrokerHarness, restart_server: Callable[[], Awaitable[None]]
    ) -> None:
        """The store keeps a pause: a restarted server and a new worker know of it."""
        await harness.broker.pause()

        await restart_server()

        worker = await harness.stream()
        assert await worker.broker.is_paused()
        await harness.send("sent in a pause")
        await _nothing_comes(harness, worker)
        await worker.broker.resume()
        assert (await worker.next()).text == "sent in a pause"

    @proves(Capability.PAUSE, beside=(Capability.QUEUES,), needs=WORKERS)
    async def test_other_queues_are_not_paused(self, harness: BrokerHarness) -> None:
        """A pause concerns one queue of a worker; the others hand out messages as before."""
        mails, reports = harness.queue("mails"), harness.queue("reports")
        worker = await harness.stream(2, queues=QueueSelection({mails: 1, reports: 1}))
        await harness.broker.pause(queue=mails)
        await harness.send("a mail", queue_name=mails)
        await harness.send("a report", queue_name=reports)

        held = await worker.next()
        await _nothing_comes(harness, worker)

        assert held.text == "a report"
        assert await harness.broker.is_paused(queue=mails)
        assert not await harness.broker.is_paused(queue=reports)
        assert not await harness.broker.is_paused()
        await harness.broker.resume(queue=mails)
        assert (await worker.next()).text == "a mail"


async def _nothing_comes(harness: BrokerHarness, worker: Worker) -> None:
    """Check for a while that a worker gets nothing."""
    waiting = asyncio.ensure_future(worker.next())
    try:
        await asyncio.wait({waiting}, timeout=3 * harness.tick)
        assert not waiting.done(), "the queue is paused"
    finally:
        waiting.cancel()
        await asyncio.wait({waiting})
