# ruff: noqa: S101  # contract tests assert
"""Several workers share a queue: once each, fairly, and nobody hoards."""

import asyncio

import pytest

from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import ListenError, UnknownTaskError
from taskiq_core.messages.delivery import as_delivery
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.outcomes import Ack, Bury, Release
from taskiq_testkit.contract import proves
from taskiq_testkit.contracts.base import BrokerBase
from taskiq_testkit.probe import PROBE, Worker
from taskiq_testkit.stage import Stage
from taskiq_testkit.waiting import within

WORKERS = ("has_workers",)
POISON = b"\xff\x00{ this is no message"


class SharingContract(BrokerBase):
    """Sharing."""

    @proves()
    async def test_listen(self, stage: Stage) -> None:
        """`listen` yields messages, or says by ListenError that this broker has no workers."""
        if not stage.has_workers:
            with pytest.raises(ListenError):
                await anext(stage.broker.listen())
            return
        broker = await stage.worker_broker()
        stream = broker.listen()
        task_id = await stage.kick("listen")

        async with within(stage.patience, "a message of listen()"):
            message = as_delivery(await anext(stream))

        assert broker.formatter.loads(message.data).task_id == task_id
        await message.ack()
        await stream.aclose()

    @proves(needs=WORKERS, unless=Capability.BROADCAST)
    async def test_two_workers_get_each_message_once(self, stage: Stage) -> None:
        """Each message goes to one of two workers."""
        workers = [await stage.stream(2), await stage.stream(2)]
        for worker in workers:
            worker.begin()
        got: list[str] = []
        arrived = asyncio.Event()
        consuming = [asyncio.create_task(_consume(each, got, arrived)) for each in workers]

        sent = [await stage.send(str(number)) for number in range(20)]

        async with within(stage.patience, f"the delivery of 20 messages; {len(got)} came"):
            while len(got) < len(sent):
                await arrived.wait()
                arrived.clear()
        for task in consuming:
            task.cancel()
        await asyncio.wait(consuming)
        assert sorted(got) == sorted(sent)
        for worker in workers:
            await worker.close()
        await stage.is_empty(await stage.worker())

    @proves(needs=WORKERS, unless=Capability.BROADCAST)
    async def test_two_workers_share_fairly(self, stage: Stage) -> None:
        """Two workers with two slots each hold two of four messages each."""
        workers = [await stage.stream(2), await stage.stream(2)]
        for worker in workers:
            worker.begin()

        sent = {await stage.send(str(number)) for number in range(4)}

        held = [{each.task_id for each in await worker.take(2)} for worker in workers]
        assert held[0] | held[1] == sent

    @proves(needs=WORKERS, unless=Capability.BROADCAST)
    async def test_no_hoarding_beyond_slots(self, stage: Stage) -> None:
        """What a worker has no slots for goes to another one, while the first is busy."""
        busy, other = await stage.stream(3), await stage.stream(7)
        sent = [await stage.send(str(number)) for number in range(10)]
        kept = {held.task_id for held in await busy.take(3)}

        taken = await other.take(7)

        rest = {held.task_id for held in taken}
        assert {held.attempt for held in taken} == {1}, "another worker had it before"
        assert kept | rest == set(sent)

    @proves(needs=WORKERS)
    async def test_freed_slot_is_filled(self, stage: Stage) -> None:
        """A worker with one slot gets one message after the other."""
        worker = await stage.stream(1)
        sent = [await stage.send(str(number)) for number in range(5)]

        taken = await stage.gather(worker, 5)

        assert {held.task_id for held in taken} == set(sent)

    @proves(Capability.ACK, needs=WORKERS)
    async def test_closed_stream_gives_back(self, stage: Stage) -> None:
        """What a broker fetched for a worker that stops, and did not yield, goes to another one."""
        stopping = await stage.stream(5)
        sent = {await stage.send(str(number)) for number in range(5)}
        held = await stopping.next()

        await stopping.close()

        taken = await stage.gather(await stage.stream(), 4)
        assert {each.task_id for each in taken} == sent - {held.task_id}

    @proves()
    async def test_poison_is_put_aside(self, stage: Stage) -> None:
        """Bytes that are no message stop no worker, and don't come again and again."""
        stage.task("good", _good)
        crew = await stage.crew()

        await stage.broker.kick(
            BrokerMessage(task_id="poison", task_name=PROBE, message=POISON, labels={})
        )

        outcome = await crew.outcome_of_unreadable()
        assert isinstance(outcome, Bury)
        good = await stage.call("good")
        assert isinstance(await crew.outcome_of(good.task_id), Ack)
        if stage.declares(Capability.DEAD_LETTER):
            (letter,) = await stage.until(stage.broker.dead_letters, "the burial")
            assert (letter.message, letter.task_id) == (POISON, "poison")
            assert "unreadable" in letter.reason

    @proves(unless=Capability.BROADCAST)
    async def test_unknown_task_waits_for_a_worker_that_knows_it(self, stage: Stage) -> None:
        """A task that one worker does not know is given back, and run by one that does."""
        if not stage.has_workers:
            with pytest.raises(UnknownTaskError):
                await stage.call("newer")
            return
        stage.task("good", _good)
        older = await stage.crew()
        task = await stage.call("newer")
        assert isinstance(await older.outcome_of(task.task_id), Release)
        good = await stage.call("good")
        assert isinstance(await older.outcome_of(good.task_id), Ack)
        await older.close()

        stage.task("newer", _good)
        newer = await stage.crew()

        assert isinstance(await newer.outcome_of(task.task_id), Ack)


async def _good() -> None:
    """A task that ends at once."""


async def _consume(worker: Worker, got: list[str], arrived: asyncio.Event) -> None:
    while True:
        held = await worker.next()
        await held.ack()
        got.append(held.task_id)
        arrived.set()
