# ruff: noqa: S101  # contract tests assert
"""Cancellation inside every call, at each place where it waits: nothing is lost."""

import contextlib
from typing import Any

import pytest

from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import LeaseLostError
from taskiq_testkit.cancellation import (
    MOST_PLACES,
    Moment,
    cancelled_everywhere,
    interrupt,
)
from taskiq_testkit.contract import proves
from taskiq_testkit.contracts.base import BrokerBase
from taskiq_testkit.contracts.distribution import WORKERS
from taskiq_testkit.harness import BrokerHarness
from taskiq_testkit.stream_worker import StreamDelivery

at_each_moment = pytest.mark.parametrize("moment", list(Moment), ids=str)


class CancellationContract(BrokerBase):
    """Cancellation of calls."""

    @at_each_moment
    @proves()
    async def test_cancelled_kick(self, harness: BrokerHarness, moment: Moment) -> None:
        """A send that is cancelled was done or not; all others are delivered, once each."""
        certain: set[str] = set()
        seen: list[str] = []
        worker = await harness.worker(5)
        sending = cancelled_everywhere(lambda place: harness.kick(f"place {place}"), moment)
        async for each in sending:
            if each.is_finished:
                certain.add(f"place {each.place}")
            await harness.kick(f"after {each.place}")
            certain.add(f"after {each.place}")

        while not certain <= set(seen):
            held = await worker.next()
            await held.ack()
            seen.append(held.text)

        assert len(seen) == len(set(seen)), "a message was delivered twice"

    @at_each_moment
    @proves(Capability.ACK, needs=WORKERS)
    async def test_cancelled_fetch(self, harness: BrokerHarness, moment: Moment) -> None:
        """A fetch that is cancelled, wherever it was, leaves its message to another worker."""
        sent: set[str] = set()
        seen: set[str] = set()
        is_over = False
        while not is_over:
            sent.add(await harness.send(str(len(sent))))
            worker = await harness.stream(5)
            each = await interrupt(worker.fetch(), len(sent), moment)
            is_over = not each.was_reached or len(sent) == MOST_PLACES
            if each.value is not None:
                seen.add(worker.broker.formatter.loads(each.value.data).task_id)
                await each.value.ack()
            await harness.vanish(worker)

        other = await harness.stream(5)
        while seen != sent:
            held = await other.next()
            seen.add(held.task_id)
            await held.ack()
        await harness.is_empty(other)

    @at_each_moment
    @proves(Capability.ACK, needs=WORKERS)
    async def test_cancelled_ack(self, harness: BrokerHarness, moment: Moment) -> None:
        """An acknowledgement that was cancelled can be given again."""
        await _settle_cancelled(harness, moment, "ack")

        await harness.is_empty(await harness.stream())

    @at_each_moment
    @proves(Capability.RELEASE, needs=WORKERS, unless=Capability.BROADCAST)
    async def test_cancelled_release(self, harness: BrokerHarness, moment: Moment) -> None:
        """A release that was cancelled was done, or can be done again: the message comes."""
        released = await _settle_cancelled(harness, moment, "release")

        worker = await harness.stream()
        taken = await harness.gather(worker, len(released))
        assert sorted(held.task_id for held in taken) == sorted(released)

    @at_each_moment
    @proves(Capability.DEAD_LETTER, needs=WORKERS)
    async def test_cancelled_bury(self, harness: BrokerHarness, moment: Moment) -> None:
        """A burial that was cancelled was done, or can be done again: there is one letter."""
        buried = await _settle_cancelled(harness, moment, "bury", "cancelled")

        async def letters() -> list[str]:
            found = [each.task_id for each in await harness.broker.dead_letters()]
            return found if len(found) >= len(buried) else []

        assert sorted(await harness.until(letters, "the burials")) == sorted(buried)


async def _settle_cancelled(
    harness: BrokerHarness, moment: Moment, method: str, *args: Any
) -> list[str]:
    """Settle deliveries with calls that are cancelled at one place after the other.

    What was not settled then is settled once more. Returns the task ids.
    """
    worker = await harness.stream(MOST_PLACES)
    ids: list[str] = []
    is_over = False
    while not is_over:
        ids.append(await harness.send(str(len(ids))))
        held = await worker.next()
        each = await interrupt(getattr(held.delivery, method)(*args), len(ids), moment)
        is_over = not each.was_reached or len(ids) == MOST_PLACES
        if not each.is_finished:
            await _again(held, method, args)
        worker.settled(held.delivery)
    await worker.close()
    return ids


async def _again(held: StreamDelivery, method: str, args: tuple[Any, ...]) -> None:
    with contextlib.suppress(LeaseLostError):  # it was settled before it was cancelled
        await getattr(held.delivery, method)(*args)
