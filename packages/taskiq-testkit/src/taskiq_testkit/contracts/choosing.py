# ruff: noqa: S101  # contract tests assert
"""Which message is delivered at all, and first: priority, expiry, uniqueness."""

import asyncio
import contextlib
from typing import Any

from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import SendTaskError
from taskiq_testkit.contract import proves
from taskiq_testkit.contracts.base import BrokerBase
from taskiq_testkit.stage import Stage


class ChoosingContract(BrokerBase):
    """Choosing."""

    @proves(Capability.PRIORITY)
    async def test_higher_priority_first(self, stage: Stage) -> None:
        """Of those that wait, messages of higher priority are delivered first; 0 is the default."""
        for priority in (0, 7, -3, None, 9, 7):
            labels: dict[str, Any] = {} if priority is None else {"priority": priority}
            await stage.send(str(priority or 0), **labels)

        taken = await stage.gather(await stage.worker(), 6)

        assert [int(held.text) for held in taken] == [9, 7, 7, 0, 0, -3]

    @proves(Capability.PRIORITY)
    async def test_later_priority_overtakes(self, stage: Stage) -> None:
        """An urgent message overtakes those that were sent before it and are not delivered yet."""
        worker = await stage.worker()
        for number in range(5):
            await stage.send(f"usual {number}")
        await (await worker.next()).ack()

        await stage.send("urgent", priority=1)

        # One may have been fetched for the slot that was free meanwhile.
        assert "urgent" in [held.text for held in await stage.gather(worker, 2)]

    @proves(Capability.EXPIRY)
    async def test_expired_is_not_delivered(self, stage: Stage) -> None:
        """A message is not delivered when its label `expires` has passed; others are."""
        await stage.send("late", expires=stage.tick)
        await stage.send("in time", expires=1000 * stage.patience)
        await stage.send("for ever")
        await asyncio.sleep(2 * stage.tick)
        worker = await stage.worker()

        taken = await stage.gather(worker, 2)

        assert {held.text for held in taken} == {"in time", "for ever"}
        await stage.is_empty(worker)

    @proves(Capability.UNIQUE)
    async def test_unique_key_is_queued_once(self, stage: Stage) -> None:
        """Of messages with one `unique_key`, sent at the same time, one is queued."""

        async def send(number: int) -> None:
            with contextlib.suppress(SendTaskError):  # or silently: it is queued already
                await stage.send(str(number), unique_key="the only one")

        await asyncio.gather(*map(send, range(10)))
        await stage.send("another", unique_key="another one")
        worker = await stage.worker(2)

        taken = await stage.gather(worker, 2)

        assert sorted(held.text.isdigit() for held in taken) == [False, True]
        await stage.is_empty(worker)

    @proves(Capability.UNIQUE)
    async def test_unique_key_is_free_again(self, stage: Stage) -> None:
        """A key can be used again when the message that had it is acknowledged."""
        worker = await stage.worker()
        for _ in range(2):
            task_id = await stage.send(unique_key="again")

            held = await worker.next()

            assert held.task_id == task_id
            await held.ack()

    @proves(Capability.UNIQUE)
    async def test_delayed_message_has_its_key(self, stage: Stage) -> None:
        """A message that waits for its time keeps its key from others; no key, no limit."""
        if stage.declares(Capability.DELAY):
            await stage.send("first", unique_key="delayed", delay=2 * stage.tick)
        else:
            await stage.send("first", unique_key="delayed")
        with contextlib.suppress(SendTaskError):
            await stage.send("second", unique_key="delayed")
        await stage.send("free")
        await stage.send("free")
        worker = await stage.worker(3)

        taken = await stage.gather(worker, 3)

        assert sorted(held.text for held in taken) == ["first", "free", "free"]
        await stage.is_empty(worker)
