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
from taskiq_testkit.deadline import within
from taskiq_testkit.harness import BrokerHarness
from taskiq_testkit.probe import PROBE, Worker

WORKERS = ("has_workers",)
POISON = b"\xff\x00{ this is no message"


class DistributionContract(BrokerBase):
    """Several workers."""

    @proves()
    async def test_listen(self, harness: BrokerHarness) -> None:
        """`listen` yields messages, or says by ListenError that this broker has no workers."""
        if not harness.has_workers:
            with pytest.raises(ListenError):
                await anext(harness.broker.listen())
            return
        broker = await harness.worker_broker()
        stream = broker.listen()
        task_id = await harness.kick("listen")

        async with within(harness.patience, "a message of listen()"):
            message = as_delivery(await anext(stream))

        assert broker.formatter.loads(message.data).task_id == task_id
        await message.ack()
        await stream.aclose()

    @proves(needs=WORKERS, unless=Capability.BROADCAST)
    async def test_two_workers_get_each_message_once(self, harness: BrokerHarness) -> None:
        """Each message goes to one of two workers."""
        workers = [await harness.stream(2), await harness.stream(2)]
        for worker in workers:
            worker.begin()
        got: list[str] = []
        arrived = asyncio.Event()
        consuming = [asyncio.create_task(_consume(each, got, arrived)) for each in workers]

        sent = [await harness.send(str(number)) for number in range(20)]

        async with within(harness.patience, f"the delivery of 20 messages; {len(got)} came"):
            while len(got) < len(sent):
                await arrived.wait()
                arrived.clear()
        for task in consuming:
            task.cancel()
        await asyncio.wait(consuming)
        assert sorted(got) == sorted(sent)
        for worker in workers:
            await worker.close()
        await harness.is_empty(await harness.worker())

    @proves(needs=WORKERS, unless=Capability.BROADCAST)
    async def test_two_workers_share_fairly(self, harness: BrokerHarness) -> None:
        """Two workers with two slots each hold two of four messages each."""
        workers = [await harness.stream(2), await harness.stream(2)]
        for worker in workers:
            worker.begin()

        sent = {await harness.send(str(number)) for number in range(4)}

        held = [{each.task_id for each in await worker.take(2)} for worker in workers]
        assert held[0] | held[1] == sent

    @proves(needs=WORKERS, unless=Capability.BROADCAST)
    async def test_no_hoarding_beyond_slots(self, harness: BrokerHarness) -> None:
        """What a worker has no slots for goes to another one, while the first is busy."""
        busy, other = await harness.stream(3), await harness.stream(7)
        sent = [await harness.send(str(number)) for number in range(10)]
        kept = {held.task_id for held in await busy.take(3)}

        taken = await other.take(7)

        rest = {held.task_id for held in taken}
        assert {held.attempt for held in taken} == {1}, "another worker had it before"
        assert kept | rest == set(sent)

    @proves(needs=WORKERS)
    async def test_freed_slot_is_filled(self, harness: BrokerHarness) -> None:
        """A worker with one slot gets one message after the other."""
        worker = await harness.stream(1)
        sent = [await harness.send(str(number)) for number in range(5)]

        taken = await harness.gather(worker, 5)

        assert {held.task_id for held in taken} == set(sent)

    @proves(Capability.ACK, needs=WORKERS)
    async def test_closed_stream_gives_back(self, harness: BrokerHarness) -> None:
        """What a broker fetched for a worker that stops, and did not yield, goes to another one."""
        stopping = await harness.stream(5)
        sent = {await harness.send(str(number)) for number in range(5)}
        held = await stopping.next()

        await stopping.close()

        taken = await harness.gather(await harness.stream(), 4)
        assert {each.task_id for each in taken} == sent - {held.task_id}

    @proves()
    async def test_poison_is_put_aside(self, harness: BrokerHarness) -> None:
        """Bytes that are not a message don't stop a worker, and don't come again and again."""
        harness.task("good", _good)
        receiver = await harness.receiver()

        await harness.broker.kick(
            BrokerMessage(task_id="poison", task_name=PROBE, message=POISON, labels={})
        )

        outcome = await receiver.outcome_of_unreadable()
        assert isinstance(outcome, Bury)
        good = await harness.call("good")
        assert isinstance(await receiver.outcome_of(good.task_id), Ack)
        if harness.declares(Capability.DEAD_LETTER):
            (letter,) = await harness.until(harness.broker.dead_letters, "the burial")
            assert (letter.message, letter.task_id) == (POISON, "poison")
            assert "unreadable" in letter.reason

    @proves(unless=Capability.BROADCAST)
    async def test_unknown_task_waits_for_a_worker_that_knows_it(
        self, harness: BrokerHarness
    ) -> None:
        """A task that one worker does not know is given back, and run by one that does."""
        if not harness.has_workers:
            with pytest.raises(UnknownTaskError):
                await harness.call("newer")
            return
        harness.task("good", _good)
        older = await harness.receiver()
        task = await harness.call("newer")
        assert isinstance(await older.outcome_of(task.task_id), Release)
        good = await harness.call("good")
        assert isinstance(await older.outcome_of(good.task_id), Ack)
        await older.close()

        harness.task("newer", _good)
        newer = await harness.receiver()

        assert isinstance(await newer.outcome_of(task.task_id), Ack)


async def _good() -> None:
    """A task that ends at once."""


async def _consume(worker: Worker, got: list[str], arrived: asyncio.Event) -> None:
    while True:
        held = await worker.next()
        await held.ack()
        got.append(held.task_id)
        arrived.set()
