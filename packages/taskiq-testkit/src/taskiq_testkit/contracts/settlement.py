# ruff: noqa: S101  # contract tests assert
"""What becomes of a delivery: acknowledged, given back, or left by a worker that died."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import LeaseLostError
from taskiq_core.messages.outcomes import Bury
from taskiq_testkit.contract import proves
from taskiq_testkit.contracts.base import BrokerBase
from taskiq_testkit.contracts.distribution import WORKERS
from taskiq_testkit.harness import BrokerHarness
from taskiq_testkit.probe import PROBE
from taskiq_testkit.stream_worker import StreamDelivery

DEATHS = 2
"""Worker processes that a message kills until it is given up."""


class SettlementContract(BrokerBase):
    """Acknowledgement, release and lost workers."""

    @proves(Capability.ACK)
    async def test_acknowledged_is_gone(self, harness: BrokerHarness) -> None:
        """What was acknowledged is not delivered again, however long one waits."""
        worker = await harness.worker()
        await harness.send("done")
        held = await worker.next()

        await held.ack()

        await harness.is_empty(worker)
        if isinstance(held, StreamDelivery) and harness.declares(Capability.LEASE):
            await harness.lease_over(held)
            await harness.is_empty(worker)

    @proves(Capability.ACK, needs=WORKERS)
    async def test_unsettled_comes_again(self, harness: BrokerHarness) -> None:
        """What a worker had that went without a word goes to another one, as attempt 2."""
        gone = await harness.stream()
        task_id = await harness.send("mine")
        await gone.next()

        await harness.vanish(gone)

        held = await (await harness.stream()).next()
        assert (held.task_id, held.attempt, held.delivery.unsettled) == (task_id, 2, 1)

    @proves(Capability.ACK, needs=WORKERS)
    async def test_killed_worker_on_an_idle_queue(self, harness: BrokerHarness) -> None:
        """What a worker process held that was killed goes to a worker that waits."""
        process = await harness.process()
        task_id = await harness.send("hold")
        assert (await process.took())["attempt"] == 1
        waiting = asyncio.create_task((await harness.stream()).next())

        await process.kill()

        held = await waiting
        assert (held.task_id, held.attempt, held.delivery.unsettled) == (task_id, 2, 1)

    @proves(Capability.ACK, needs=WORKERS)
    async def test_crash_loop_ends(self, harness: BrokerHarness) -> None:
        """A message whose workers are killed again and again is buried, and never run."""
        runs: list[str] = []
        harness.task(PROBE, _remembered_in(runs))
        processes = await asyncio.gather(*(harness.process() for _ in range(DEATHS)))
        alive = {asyncio.create_task(each.took()): each for each in processes}
        task_id = await harness.send("deadly")
        for death in range(1, DEATHS + 1):
            (took,), _ = await asyncio.wait(alive, return_when=asyncio.FIRST_COMPLETED)
            assert took.result()["attempt"] == death
            await alive.pop(took).kill()
            if alive:
                await harness.reclaimed()

        receiver = await harness.receiver(max_deliveries=DEATHS)

        outcome = await receiver.outcome_of(task_id)

        assert isinstance(outcome, Bury)
        assert runs == []
        if harness.declares(Capability.DEAD_LETTER):
            (letter,) = await harness.until(harness.broker.dead_letters, "the burial")
            assert (letter.task_id, letter.attempt) == (task_id, DEATHS + 1)

    @proves(Capability.RELEASE)
    async def test_released_comes_again(self, harness: BrokerHarness) -> None:
        """A delivery that was given back comes at once, as the next attempt of the same message."""
        worker = await harness.worker()
        task_id = await harness.send("again")

        for attempt in (1, 2, 3):
            held = await worker.next()
            assert (held.task_id, held.text, held.attempt) == (task_id, "again", attempt)
            await held.release()

        await (await worker.next()).ack()
        await harness.is_empty(worker)

    @proves(Capability.RELEASE, needs=WORKERS)
    async def test_released_was_settled(self, harness: BrokerHarness) -> None:
        """A delivery that was given back does not count as one that a dead worker had."""
        worker = await harness.stream()
        await harness.send()
        await (await worker.next()).release()

        held = await worker.next()

        assert (held.attempt, held.delivery.unsettled) == (2, 0)

    @proves(Capability.RELEASE, needs=WORKERS, unless=Capability.BROADCAST)
    async def test_released_goes_to_another_worker(self, harness: BrokerHarness) -> None:
        """What a busy worker gives back is not kept for it."""
        first, second = await harness.stream(), await harness.stream()
        await harness.send("back")
        held = await first.next()
        waiting = asyncio.create_task(second.next())

        await held.delivery.release()  # and has no slot for it, as it is busy with something else

        assert (await waiting).text == "back"

    @proves(Capability.RELEASE, beside=(Capability.ACK,), needs=WORKERS)
    async def test_settled_delivery_settles_nothing_more(self, harness: BrokerHarness) -> None:
        """An acknowledgement after the release does not take the message from the next worker."""
        first, second, third = [await harness.stream() for _ in range(3)]
        task_id = await harness.send("twice")
        held = await first.next()
        await held.delivery.release()  # its slot stays taken, so that it gets nothing more
        await second.next()

        with contextlib.suppress(LeaseLostError):  # must be raised where leases can be lost
            await held.delivery.ack()

        await harness.vanish(second)
        assert (await third.next()).task_id == task_id


def _remembered_in(runs: list[str]) -> Callable[[str], Awaitable[None]]:
    async def probe(text: str) -> None:
        runs.append(text)

    return probe
