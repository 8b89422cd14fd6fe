"""LeasedDelivery: each call reaches the queue with the token, once, whoever is cancelled."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from taskiq_core.brokers.lease_token import LeaseToken
from taskiq_core.brokers.leased_delivery import LeasedDelivery, Renewal, lease_lost, renew_leases
from taskiq_core.exceptions import LeaseLostError
from taskiq_core.messages.delivery import AckOnlyDelivery


class RecordingQueue:
    """Remembers calls; they wait while the gate is closed."""

    def __init__(self, *lost: int, aborted: Sequence[int] = ()) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.renewals = dict.fromkeys(lost, Renewal.LOST) | dict.fromkeys(aborted, Renewal.ABORTED)
        self.started = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def acknowledge(self, token: LeaseToken[int]) -> None:
        await self._record("acknowledge", token)

    async def release(self, token: LeaseToken[int], delay: float) -> None:
        await self._record("release", token, delay)

    async def bury(self, token: LeaseToken[int], reason: str, error: str | None) -> None:
        await self._record("bury", token, reason, error)

    async def renew(self, tokens: Sequence[LeaseToken[int]], lease: float) -> list[Renewal]:
        await self._record("renew", [token.message_id for token in tokens], lease)
        return [self.renewals.get(token.message_id, Renewal.DONE) for token in tokens]

    async def _record(self, *call: Any) -> None:
        self.started.set()
        await self.gate.wait()
        self.calls.append(call)


def delivery_of(queue: RecordingQueue, number: int = 1, lease: float = 5.0) -> LeasedDelivery[int]:
    return LeasedDelivery(
        b"data",
        queue=queue,
        token=LeaseToken(number, 9),
        task_id="task",
        attempt=3,
        unsettled=2,
        lease=lease,
    )


def test_it_says_what_the_store_said() -> None:
    delivery = delivery_of(RecordingQueue())

    assert (delivery.data, delivery.task_id, delivery.lease) == (b"data", "task", 5.0)
    assert (delivery.attempt, delivery.unsettled, delivery.fence) == (3, 2, 9)
    assert (delivery.aborted, delivery.expired) == (False, False)


async def test_settlements_show_the_token() -> None:
    queue = RecordingQueue()
    delivery = delivery_of(queue)

    await delivery.ack()
    await delivery.release(2.5)
    await delivery.release()
    await delivery.bury("poison", "ValueError: no")
    await delivery.bury("rejected")

    assert queue.calls == [
        ("acknowledge", (1, 9)),
        ("release", (1, 9), 2.5),
        ("release", (1, 9), 0),
        ("bury", (1, 9), "poison", "ValueError: no"),
        ("bury", (1, 9), "rejected", None),
    ]


@pytest.mark.parametrize("method", ["release", "bury"])
async def test_cancelled_settlement_goes_on(method: str) -> None:
    queue = RecordingQueue()
    queue.gate.clear()
    delivery = delivery_of(queue)
    settle = delivery.release(0) if method == "release" else delivery.bury("reason")
    settling = asyncio.ensure_future(settle)
    await queue.started.wait()

    settling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await settling
    assert queue.calls == []
    queue.gate.set()
    while not queue.calls:  # noqa: ASYNC110  # turns of the loop
        await asyncio.sleep(0)

    assert queue.calls[0][0] == method


async def test_error_of_the_store_reaches_the_caller() -> None:
    class LostQueue(RecordingQueue):
        async def release(self, token: LeaseToken[int], delay: float) -> None:
            raise lease_lost()

    with pytest.raises(LeaseLostError, match="it ran out and the message was reclaimed"):
        await delivery_of(LostQueue()).release()


async def test_renewal_is_one_call_for_each_queue_and_length_of_lease() -> None:
    one, other = RecordingQueue(2), RecordingQueue()
    deliveries = [
        delivery_of(one, 1),
        delivery_of(one, 2),
        delivery_of(one, 3, lease=60.0),
        delivery_of(other, 4),
    ]

    lost = await renew_leases([*deliveries, AckOnlyDelivery(b"", None)])

    assert lost == [deliveries[1]]
    assert one.calls == [("renew", [1, 2], 5.0), ("renew", [3], 60.0)]
    assert other.calls == [("renew", [4], 5.0)]


async def test_renewal_marks_what_is_to_be_aborted() -> None:
    queue = RecordingQueue(1, aborted=[2])
    deliveries = [delivery_of(queue, number) for number in (1, 2, 3)]

    assert await renew_leases(deliveries) == [deliveries[0]]

    assert [each.aborted for each in deliveries] == [False, True, False]


async def test_nothing_to_renew_asks_nobody() -> None:
    assert await renew_leases([]) == []
    assert await renew_leases([AckOnlyDelivery(b"", None)]) == []


async def test_one_lease_is_extended_or_lost() -> None:
    queue = RecordingQueue(2)

    await delivery_of(queue, 1).extend()
    with pytest.raises(LeaseLostError):
        await delivery_of(queue, 2).extend()

    assert queue.calls == [("renew", [1], 5.0), ("renew", [2], 5.0)]
