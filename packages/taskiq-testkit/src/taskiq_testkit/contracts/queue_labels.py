# ruff: noqa: S101  # contract tests assert
"""Which message is delivered at all, and first: priority, expiry, uniqueness."""

import asyncio
import contextlib
from typing import Any

from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import SendTaskError
from taskiq_core.messages.outcomes import Release
from taskiq_testkit.contract import proves
from taskiq_testkit.contracts.base import BrokerBase
from taskiq_testkit.contracts.distribution import WORKERS
from taskiq_testkit.harness import BrokerHarness


class QueueLabelContract(BrokerBase):
    """Priority, expiry and uniqueness."""

    @proves(Capability.PRIORITY)
    async def test_higher_priority_first(self, harness: BrokerHarness) -> None:
        """Of waiting messages, one of higher priority is delivered first; 0 is the default."""
        sent = _priorities(harness.broker.priority_levels)
        for priority in sent:
            labels: dict[str, Any] = {} if priority is None else {"priority": priority}
            await harness.send(str(priority or 0), **labels)

        taken = await harness.gather(await harness.worker(), len(sent))

        in_order = sorted((priority or 0 for priority in sent), reverse=True)
        assert [int(held.text) for held in taken] == in_order

    @proves(Capability.PRIORITY)
    async def test_later_priority_overtakes(self, harness: BrokerHarness) -> None:
        """An urgent message overtakes messages that were sent before it and still wait."""
        worker = await harness.worker()
        for number in range(5):
            await harness.send(f"usual {number}")
        await (await worker.next()).ack()

        await harness.send("urgent", priority=1)

        # One may have been fetched for the slot that was free meanwhile.
        assert "urgent" in [held.text for held in await harness.gather(worker, 2)]

    @proves(Capability.EXPIRY)
    async def test_expired_is_not_delivered(self, harness: BrokerHarness) -> None:
        """A message is not delivered when its label `expires` has passed; others are."""
        await harness.send("late", expires=harness.tick)
        await harness.send("in time", expires=1000 * harness.patience)
        await harness.send("for ever")
        await asyncio.sleep(2 * harness.tick)
        worker = await harness.worker()

        taken = await harness.gather(worker, 2)

        assert {held.text for held in taken} == {"in time", "for ever"}
        await harness.is_empty(worker)

    @proves(Capability.EXPIRY)
    async def test_expired_message_is_refused_by_its_worker(self, harness: BrokerHarness) -> None:
        """A worker gets an expired message as such: its task does not run, and its end is seen."""
        started: list[str] = []

        async def late() -> None:
            started.append("started")

        harness.task("late", late)
        task = await harness.call("late", expires=harness.tick)
        await asyncio.sleep(2 * harness.tick)

        receiver = await harness.receiver()

        assert not isinstance(await receiver.outcome_of(task.task_id), Release)
        assert started == []

    @proves(Capability.EXPIRY, needs=WORKERS)
    async def test_expired_is_found_without_a_free_worker(self, harness: BrokerHarness) -> None:
        """`expire_queued` takes expired messages, and no others, each once."""
        task_id = await harness.send("late", expires=harness.tick)
        await harness.send("in time", expires=1000 * harness.patience)
        await asyncio.sleep(2 * harness.tick)
        broker = await harness.worker_broker()

        found = await broker.expire_queued()

        assert [(each.task_id, each.expired) for each in found] == [(task_id, True)]
        assert list(await broker.expire_queued()) == []
        await found[0].ack()

    @proves(Capability.UNIQUE)
    async def test_unique_key_is_queued_once(self, harness: BrokerHarness) -> None:
        """Of messages with one `unique_key`, sent at the same time, one is queued."""

        async def send(number: int) -> None:
            with contextlib.suppress(SendTaskError):  # or silently: it is queued already
                await harness.send(str(number), unique_key="the only one")

        await asyncio.gather(*map(send, range(10)))
        await harness.send("another", unique_key="another one")
        worker = await harness.worker(2)

        taken = await harness.gather(worker, 2)

        assert sorted(held.text.isdigit() for held in taken) == [False, True]
        await harness.is_empty(worker)

    @proves(Capability.UNIQUE)
    async def test_unique_key_is_free_again(self, harness: BrokerHarness) -> None:
        """A key can be used again when the message that had it is acknowledged."""
        worker = await harness.worker()
        for _ in range(2):
            task_id = await harness.send(unique_key="again")

            held = await worker.next()

            assert held.task_id == task_id
            await held.ack()

    @proves(Capability.UNIQUE)
    async def test_delayed_message_has_its_key(self, harness: BrokerHarness) -> None:
        """A message that waits for its time keeps its key from others; no key, no limit."""
        if harness.declares(Capability.DELAY):
            await harness.send("first", unique_key="delayed", delay=2 * harness.tick)
        else:
            await harness.send("first", unique_key="delayed")
        with contextlib.suppress(SendTaskError):
            await harness.send("second", unique_key="delayed")
        await harness.send("free")
        await harness.send("free")
        worker = await harness.worker(3)

        taken = await harness.gather(worker, 3)

        assert sorted(held.text for held in taken) == ["first", "free", "free"]
        await harness.is_empty(worker)


def _priorities(levels: int | None) -> list[int | None]:
    """Return priorities to send, None for no label, that a broker of so many levels tells apart."""
    if levels is None:
        return [0, 7, -3, None, 9, 7]
    return [0, levels - 1, None, levels // 2, levels - 1]
