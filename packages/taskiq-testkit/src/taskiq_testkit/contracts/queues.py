# ruff: noqa: S101  # contract tests assert
"""Several queues of one broker: chosen by a label, listened to by weight or in order."""

import asyncio
from collections import Counter
from typing import Any, Final

import pytest

from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import SendTaskError
from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_core.messages.queue_stats import DeadLetter
from taskiq_testkit.contract import proves
from taskiq_testkit.contracts.base import BrokerBase
from taskiq_testkit.contracts.distribution import WORKERS
from taskiq_testkit.harness import BrokerHarness

HEAVY: Final = 3
"""The weight of a queue beside one of weight 1."""
EACH: Final = 40
"""Messages of each queue."""


class QueuesContract(BrokerBase):
    """Queues."""

    @proves(Capability.QUEUES, needs=WORKERS)
    async def test_label_chooses_the_queue(self, harness: BrokerHarness) -> None:
        """A message with the label goes to the workers of that queue, and to no others."""
        mails = harness.queue("mails")
        usual = await harness.stream(2)
        mailer = await harness.stream(2, queues=QueueSelection({mails: 1}))
        for worker in (usual, mailer):
            worker.begin()

        await harness.send("a mail", queue_name=mails)
        await harness.send("usual")
        await harness.send("named", queue_name=harness.broker.queue_name)

        assert (await mailer.next()).text == "a mail"
        assert {held.text for held in await usual.take(2)} == {"usual", "named"}
        await harness.counts(waiting=0, delivered=2)
        await harness.counts(waiting=0, delivered=1, queue=mails)

    @proves(Capability.QUEUES, needs=WORKERS)
    async def test_worker_of_several_queues_is_woken_by_each(self, harness: BrokerHarness) -> None:
        """A worker that waits gets what is sent to any of its queues."""
        names = [harness.queue(name) for name in ("first", "second", "third")]
        worker = await harness.stream(queues=QueueSelection(dict.fromkeys(names, 1)))
        for name in reversed(names):
            worker.begin()
            await asyncio.sleep(harness.tick)  # it waits

            await harness.send(name, queue_name=name)

            held = await worker.next()
            assert held.text == name
            await held.ack()

    @proves(Capability.QUEUES, needs=WORKERS)
    async def test_weights_share_the_slots(self, harness: BrokerHarness) -> None:
        """Of queues that are full, each gets its share, and none is starved."""
        heavy, light = harness.queue("heavy"), harness.queue("light")
        for _ in range(EACH):
            await harness.send("heavy", queue_name=heavy)
            await harness.send("light", queue_name=light)
        worker = await harness.stream(queues=QueueSelection({heavy: HEAVY, light: 1}))

        taken = await harness.gather(worker, EACH)

        share = Counter(held.text for held in taken)["light"] / EACH
        assert 0.1 < share < 0.4, "a quarter is its share"  # noqa: PLR2004  # 1 of 1 + HEAVY

    @proves(Capability.QUEUES, needs=WORKERS)
    async def test_strict_order(self, harness: BrokerHarness) -> None:
        """In strict order a queue is looked at when those before it are empty."""
        names = [harness.queue("urgent"), harness.queue("usual")]
        selection = QueueSelection(dict.fromkeys(names, 1), is_strict=True)
        for number in range(6):
            await harness.send(names[number % 2], queue_name=names[number % 2])
        worker = await harness.stream(queues=selection)

        taken = await harness.gather(worker, 6)

        assert [held.text for held in taken] == [names[0]] * 3 + [names[1]] * 3

    @proves(Capability.QUEUES, needs=WORKERS)
    async def test_message_returns_to_its_queue(self, harness: BrokerHarness) -> None:
        """What is delayed, released or lost by its worker comes again from its own queue."""
        mails = harness.queue("mails")
        usual = await harness.stream()
        mailer = await harness.stream(queues=QueueSelection({mails: 1}))
        delay: dict[str, Any] = (
            {"delay": harness.tick} if harness.declares(Capability.DELAY) else {}
        )
        task_id = await harness.send("a mail", queue_name=mails, **delay)
        usual.begin()

        held = await mailer.next()
        if harness.declares(Capability.RELEASE):
            await held.release()
            held = await mailer.next()
        if harness.declares(Capability.LEASE):
            await harness.vanish(mailer)
            mailer = await harness.stream(queues=QueueSelection({mails: 1}))
            held = await mailer.next()

        assert held.task_id == task_id
        await held.ack()
        await harness.send("usual")
        assert (await usual.next()).text == "usual"

    @proves(Capability.QUEUES, needs=WORKERS)
    async def test_queues_are_counted_and_purged_apart(self, harness: BrokerHarness) -> None:
        """Names, counts and `purge` are of one queue; None is the default queue."""
        mails, none = harness.queue("mails"), harness.queue("none")
        assert list(await harness.broker.queue_names())[:1] == [harness.broker.queue_name]
        for _ in range(2):
            await harness.send(queue_name=mails)
        await harness.send()

        names = await harness.broker.queue_names()

        assert names[0] == harness.broker.queue_name
        assert mails in names
        assert none not in names
        if harness.has_stats:
            await harness.counts(waiting=2, queue=mails)
            await harness.counts(waiting=1, queue=harness.broker.queue_name)
            await harness.counts(waiting=1)
            await harness.counts(waiting=0, queue=none)
        if harness.has_purge:
            assert await harness.broker.purge(queue=mails) == 2  # noqa: PLR2004  # sent above
            assert await harness.broker.purge(queue=mails) == 0
        assert len(await harness.gather(await harness.stream(), 1)) == 1

    @proves(Capability.QUEUES, beside=(Capability.DEAD_LETTER,), needs=WORKERS)
    async def test_dead_letters_of_a_queue(self, harness: BrokerHarness) -> None:
        """Dead letters are listed, replayed and purged by queue, and return to their own."""
        mails = harness.queue("mails")
        broker = harness.broker
        mailer = await harness.stream(queues=QueueSelection({mails: 1}))
        task_id = await harness.send("a mail", queue_name=mails)
        await (await mailer.next()).bury("spoilt")

        async def letters() -> list[DeadLetter]:
            return await broker.dead_letters(queue=mails)

        (letter,) = await harness.until(letters, "a dead letter")
        assert letter.task_id == task_id
        assert await broker.dead_letters() == []
        assert await broker.replay_dead_letters() == 0
        assert await broker.purge_dead_letters() == 0
        assert await broker.replay_dead_letters([letter.letter_id], queue=mails) == 1
        held = await mailer.next()
        assert held.task_id == task_id
        await held.bury("again")
        await harness.until(letters, "a dead letter")
        assert await broker.purge_dead_letters(queue=mails) == 1

    @proves(Capability.QUEUES)
    async def test_name_that_is_no_name_is_refused(self, harness: BrokerHarness) -> None:
        """A label that can't be the name of a queue is not ignored."""
        with pytest.raises(SendTaskError, match="queue_name"):
            await harness.send(queue_name="")

    @proves(Capability.QUEUES)
    async def test_queue_that_holds_a_message_is_named(self, harness: BrokerHarness) -> None:
        """A queue is listed when it has got a message, the default queue before."""
        mails = harness.queue("mails")
        before = list(await harness.broker.queue_names())
        worker = await harness.worker()

        await harness.send("a mail", queue_name=mails)

        names = list(await harness.broker.queue_names())
        assert mails not in before
        assert before[0] == names[0] == harness.broker.queue_name
        assert mails in names
        if not harness.has_workers:
            await (await worker.next()).ack()
