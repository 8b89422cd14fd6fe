# ruff: noqa: S101  # contract tests assert
"""What is sent is delivered: one, many, of any size and any text."""

import asyncio
from typing import Any

import pytest

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import BrokerError
from taskiq_testkit.contract import proves
from taskiq_testkit.contracts.base import BrokerBase
from taskiq_testkit.harness import BrokerHarness
from taskiq_testkit.probe import formatted

MEGABYTE = 1_000_000
BULK = 100
TEXTS = "naïve Ψυχή 任务 \u202e\u05d0\u05d1 \U0001f9ea\x00\n\t\"'\\"


class EnqueueContract(BrokerBase):
    """Sending, by `kick` and `kick_many`."""

    @proves()
    async def test_sent_is_delivered(self, harness: BrokerHarness) -> None:
        """A message that was sent is delivered, as its first attempt."""
        worker = await harness.worker()

        task_id = await harness.send("hello")

        held = await worker.next()
        assert (held.task_id, held.text, held.attempt) == (task_id, "hello", 1)

    @proves()
    async def test_sent_before_a_worker_is_there(self, harness: BrokerHarness) -> None:
        """Messages wait for the first worker."""
        sent = {await harness.send(str(number)) for number in range(3)}

        taken = await harness.gather(await harness.worker(), 3)

        assert {held.task_id for held in taken} == sent

    @proves()
    async def test_waiting_worker_is_woken(self, harness: BrokerHarness) -> None:
        """A worker that waits on an empty queue gets what is sent then."""
        worker = await harness.worker()
        await harness.send("first")
        await harness.gather(worker, 1)
        waiting = asyncio.create_task(worker.next())
        await asyncio.sleep(
            harness.tick
        )  # right in any case, and a better test if it waits by then

        await harness.send("wake up")

        assert (await waiting).text == "wake up"

    @proves()
    async def test_bulk_arrives_once_each(self, harness: BrokerHarness) -> None:
        """All messages of `kick_many` are delivered, each once; a bulk may be empty."""
        texts = [str(number) for number in range(BULK)]
        await harness.broker.kick_many([])
        await harness.broker.kick_many([formatted(harness.broker, text, text) for text in texts])
        worker = await harness.worker(7)

        taken = await harness.gather(worker, BULK)

        assert sorted(held.text for held in taken) == sorted(texts)
        await harness.is_empty(worker)

    @proves()
    async def test_concurrent_senders(self, harness: BrokerHarness) -> None:
        """Messages that are sent at the same time are all delivered, each once."""
        sent = await asyncio.gather(*(harness.send(str(number)) for number in range(BULK)))
        worker = await harness.worker(7)

        taken = await harness.gather(worker, BULK)

        assert sorted(held.task_id for held in taken) == sorted(sent)

    @pytest.mark.parametrize("size", [0, 1, MEGABYTE])
    @proves()
    async def test_payload_of_any_size(self, harness: BrokerHarness, size: int) -> None:
        """An argument of no byte, of one and of a megabyte arrives as it was."""
        worker = await harness.worker()

        await harness.send("x" * size)

        assert (await worker.next()).text == "x" * size

    @proves(needs=("max_message_size",))
    async def test_payload_over_the_limit(self, harness: BrokerHarness) -> None:
        """A message that is too large is refused when it is sent, and harms no other."""
        worker = await harness.worker()

        with pytest.raises(BrokerError):
            await harness.send("x" * (self.max_message_size or 0))

        await harness.is_empty(worker)

    @proves()
    async def test_any_text(self, harness: BrokerHarness) -> None:
        """Arguments, labels and task ids of any script arrive as they were."""
        worker = await harness.worker()

        await harness.send(TEXTS, task_id="задача-任务", label=TEXTS)

        held = await worker.next()
        assert (held.text, held.task_id, held.message.labels["label"]) == (
            TEXTS,
            "задача-任务",
            TEXTS,
        )

    @proves()
    async def test_labels_keep_their_types(self, harness: BrokerHarness) -> None:
        """Labels are numbers, flags, bytes and text again when they arrive."""
        labels: dict[str, Any] = {
            "int": 3,
            "float": 0.5,
            "flag": False,
            "bytes": b"\x00\xff",
            "word": "3",
        }
        worker = await harness.worker()

        await harness.send(**labels)

        arrived = (await worker.next()).message.labels
        assert {name: arrived[name] for name in labels} == labels

    @proves(Capability.BATCH)
    async def test_bulk_is_one_operation(self, harness: BrokerHarness) -> None:
        """A broker that declares `batch` has a `kick_many` of its own."""
        own = type(harness.broker).kick_many
        assert own is not AbstractBroker.kick_many, "the inherited one sends one by one"
        worker = await harness.worker(3)

        await own(
            harness.broker, [formatted(harness.broker, text, text) for text in ("a", "b", "c")]
        )

        assert {held.text for held in await worker.take(3)} == {"a", "b", "c"}
