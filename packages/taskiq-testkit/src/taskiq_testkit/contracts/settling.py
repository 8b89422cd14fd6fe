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
from taskiq_testkit.contracts.sharing import WORKERS
from taskiq_testkit.probe import PROBE
from taskiq_testkit.stage import Stage
from taskiq_testkit.streaming import StreamHeld

DEATHS = 2
"""Worker processes that a message kills until it is given up."""


class SettlingContract(BrokerBase):
    """Settling."""

    @proves(Capability.ACK)
    async def test_acknowledged_is_gone(self, stage: Stage) -> None:
        """What was acknowledged is not delivered again, however long one waits."""
        worker = await stage.worker()
        await stage.send("done")
        held = await worker.next()

        await held.ack()

        await stage.is_empty(worker)
        if isinstance(held, StreamHeld) and stage.declares(Capability.LEASE):
            await stage.lease_over(held)
            await stage.is_empty(worker)

    @proves(Capability.ACK, needs=WORKERS)
    async def test_unsettled_comes_again(self, stage: Stage) -> None:
        """What a worker had that went without a word goes to another one, as attempt 2."""
        gone = await stage.stream()
        task_id = await stage.send("mine")
        await gone.next()

        await stage.vanish(gone)

        held = await (await stage.stream()).next()
        assert (held.task_id, held.attempt, held.delivery.unsettled) == (task_id, 2, 1)

    @proves(Capability.ACK, needs=WORKERS)
    async def test_killed_worker_on_an_idle_queue(self, stage: Stage) -> None:
        """What a worker process held that was killed goes to a worker that waits."""
        process = await stage.process()
        task_id = await stage.send("hold")
        assert (await process.took())["attempt"] == 1
        waiting = asyncio.create_task((await stage.stream()).next())

        await process.kill()

        held = await waiting
        assert (held.task_id, held.attempt, held.delivery.unsettled) == (task_id, 2, 1)

    @proves(Capability.ACK, needs=WORKERS)
    async def test_crash_loop_ends(self, stage: Stage) -> None:
        """A message whose workers are killed again and again is buried, and never run."""
        runs: list[str] = []
        stage.task(PROBE, _remembered_in(runs))
        processes = await asyncio.gather(*(stage.process() for _ in range(DEATHS)))
        alive = {asyncio.create_task(each.took()): each for each in processes}
        task_id = await stage.send("deadly")
        for death in range(1, DEATHS + 1):
            (took,), _ = await asyncio.wait(alive, return_when=asyncio.FIRST_COMPLETED)
            assert took.result()["attempt"] == death
            await alive.pop(took).kill()
            if alive:
                await stage.reclaimed()

        crew = await stage.crew(max_deliveries=DEATHS)

        outcome = await crew.outcome_of(task_id)

        assert isinstance(outcome, Bury)
        assert runs == []
        if stage.declares(Capability.DEAD_LETTER):
            (letter,) = await stage.until(stage.broker.dead_letters, "the burial")
            assert (letter.task_id, letter.attempt) == (task_id, DEATHS + 1)

    @proves(Capability.RELEASE)
    async def test_released_comes_again(self, stage: Stage) -> None:
        """A delivery that was given back comes at once, as the next attempt of the same message."""
        worker = await stage.worker()
        task_id = await stage.send("again")

        for attempt in (1, 2, 3):
            held = await worker.next()
            assert (held.task_id, held.text, held.attempt) == (task_id, "again", attempt)
            await held.release()

        await (await worker.next()).ack()
        await stage.is_empty(worker)

    @proves(Capability.RELEASE, needs=WORKERS)
    async def test_released_was_settled(self, stage: Stage) -> None:
        """A delivery that was given back does not count as one that a dead worker had."""
        worker = await stage.stream()
        await stage.send()
        await (await worker.next()).release()

        held = await worker.next()

        assert (held.attempt, held.delivery.unsettled) == (2, 0)

    @proves(Capability.RELEASE, needs=WORKERS, unless=Capability.BROADCAST)
    async def test_released_goes_to_another_worker(self, stage: Stage) -> None:
        """What a busy worker gives back is not kept for it."""
        first, second = await stage.stream(), await stage.stream()
        await stage.send("back")
        held = await first.next()
        waiting = asyncio.create_task(second.next())

        await held.delivery.release()  # and has no slot for it, as it is busy with something else

        assert (await waiting).text == "back"

    @proves(Capability.RELEASE, beside=(Capability.ACK,), needs=WORKERS)
    async def test_settled_delivery_settles_nothing_more(self, stage: Stage) -> None:
        """An acknowledgement after the release does not take the message from the next worker."""
        first, second, third = [await stage.stream() for _ in range(3)]
        task_id = await stage.send("twice")
        held = await first.next()
        await held.delivery.release()  # its slot stays taken, so that it gets nothing more
        await second.next()

        with contextlib.suppress(LeaseLostError):  # must be raised where leases can be lost
            await held.delivery.ack()

        await stage.vanish(second)
        assert (await third.next()).task_id == task_id


def _remembered_in(runs: list[str]) -> Callable[[str], Awaitable[None]]:
    async def probe(text: str) -> None:
        runs.append(text)

    return probe
