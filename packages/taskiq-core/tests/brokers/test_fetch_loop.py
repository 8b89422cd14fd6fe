"""fetch_loop: never more deliveries than slots, and none is lost when the caller stops."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress

import pytest

from taskiq_core.brokers.fetch_loop import SHORTEST_WAIT, Fetched, fetch_loop
from taskiq_core.exceptions import BrokerConnectionError
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.slots import Slots


class Numbered(Delivery):
    """A delivery that is known by its number."""

    def __init__(self, number: int) -> None:
        super().__init__(b"")
        self.number = number

    async def ack(self) -> None: ...


class NumberQueue:
    """Numbers that are fetched in order; each step can be held up, and says when it is reached."""

    def __init__(self, count: int = 0) -> None:
        self.numbers = list(range(count))
        self.limits: list[int] = []
        self.waits: list[float] = []
        self.given_back: list[int] = []
        self.next_due: float | None = None
        self.error: Exception | None = None
        self.reached = {name: asyncio.Event() for name in ("fetch", "wait", "give_back")}
        self.gates = {name: asyncio.Event() for name in self.reached}
        for name in ("fetch", "give_back"):
            self.gates[name].set()

    async def fetch(self, limit: int) -> Fetched[Numbered]:
        self.limits.append(limit)
        await self._pass("fetch")
        if self.error is not None:
            raise self.error
        taken, self.numbers = self.numbers[:limit], self.numbers[limit:]
        return Fetched(list(map(Numbered, taken)), self.next_due)

    async def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        await self._pass("wait")

    async def give_back(self, deliveries: Sequence[Numbered]) -> None:
        numbers = [each.number for each in deliveries]
        await self._pass("give_back")
        self.given_back += numbers
        self.numbers[:0] = numbers

    async def _pass(self, name: str) -> None:
        self.reached[name].set()
        await self.gates[name].wait()


def loop_over(queue: NumberQueue, slots: Slots) -> AsyncGenerator[Numbered, None]:
    return fetch_loop(queue, slots, poll_interval=1.0)


async def next_number(stream: AsyncGenerator[Numbered, None], slots: Slots) -> int:
    delivery = await anext(stream)
    slots.take()
    return delivery.number


async def cancelled(task: "asyncio.Task[int]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# -- how much is fetched ---------------------------------------------------------------------------


async def test_half_of_the_slots_is_fetched_at_once_and_what_is_free_at_most() -> None:
    queue, slots = NumberQueue(10), Slots(6)
    stream = loop_over(queue, slots)

    assert [await next_number(stream, slots) for _ in range(6)] == [0, 1, 2, 3, 4, 5]
    slots.release()
    assert await next_number(stream, slots) == 6

    assert queue.limits == [3, 3, 1]
    await stream.aclose()


@pytest.mark.parametrize(("limit", "first"), [(1, 1), (None, 500)])
async def test_one_slot_and_slots_without_a_limit(limit: int | None, first: int) -> None:
    queue, slots = NumberQueue(1), Slots(limit)
    stream = loop_over(queue, slots)

    await next_number(stream, slots)

    assert queue.limits == [first]
    await stream.aclose()


async def test_nothing_is_fetched_while_no_slot_is_free() -> None:
    queue, slots = NumberQueue(2), Slots(1)
    stream = loop_over(queue, slots)
    await next_number(stream, slots)
    waiting = asyncio.create_task(next_number(stream, slots))
    await asyncio.sleep(0)
    assert queue.limits == [1]

    slots.release()

    assert await waiting == 1
    await stream.aclose()


# -- waiting ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("next_due", "waited"),
    [(None, 1.0), (0.25, 0.25), (60.0, 1.0), (0.0, SHORTEST_WAIT), (-3.0, SHORTEST_WAIT)],
)
async def test_waits_for_what_is_due_next_and_for_the_poll_interval_at_most(
    next_due: float | None, waited: float
) -> None:
    queue, slots = NumberQueue(), Slots(1)
    queue.next_due = next_due
    stream = loop_over(queue, slots)
    waiting = asyncio.create_task(next_number(stream, slots))
    await queue.reached["wait"].wait()
    queue.numbers = [7]

    queue.gates["wait"].set()

    assert await waiting == 7
    assert queue.waits == [waited]
    await stream.aclose()


async def test_does_not_wait_while_there_are_messages() -> None:
    queue, slots = NumberQueue(3), Slots(None)
    stream = fetch_loop(queue, slots, poll_interval=1.0, max_fetch=1)

    assert [await next_number(stream, slots) for _ in range(3)] == [0, 1, 2]

    assert queue.waits == []
    await stream.aclose()


# -- stopping --------------------------------------------------------------------------------------


async def test_closing_gives_back_what_was_not_yielded_in_its_order() -> None:
    queue, slots = NumberQueue(5), Slots(None)
    stream = loop_over(queue, slots)
    assert [await next_number(stream, slots) for _ in range(2)] == [0, 1]

    await stream.aclose()

    assert queue.given_back == [2, 3, 4]
    assert queue.numbers == [2, 3, 4]


async def test_closing_after_the_last_delivery_gives_nothing_back() -> None:
    queue, slots = NumberQueue(1), Slots(1)
    stream = loop_over(queue, slots)
    await next_number(stream, slots)

    await stream.aclose()

    assert not queue.reached["give_back"].is_set()


async def test_cancelled_while_it_waits_for_a_slot() -> None:
    queue, slots = NumberQueue(2), Slots(1)
    stream = loop_over(queue, slots)
    await next_number(stream, slots)
    waiting = asyncio.create_task(next_number(stream, slots))
    await asyncio.sleep(0)

    await cancelled(waiting)

    assert queue.numbers == [1]
    assert queue.limits == [1]


async def test_cancelled_while_it_fetches() -> None:
    """The store may have leased already: the fetch goes on, and what it brings is given back."""
    queue, slots = NumberQueue(3), Slots(None)
    queue.gates["fetch"].clear()
    fetching = asyncio.create_task(next_number(loop_over(queue, slots), slots))
    await queue.reached["fetch"].wait()

    fetching.cancel()
    await asyncio.sleep(0)
    queue.gates["fetch"].set()

    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert queue.given_back == [0, 1, 2]


async def test_cancelled_when_the_fetch_is_done_and_not_seen() -> None:
    queue, slots = NumberQueue(3), Slots(None)
    queue.gates["fetch"].clear()
    fetching = asyncio.create_task(next_number(loop_over(queue, slots), slots))
    await queue.reached["fetch"].wait()
    queue.gates["fetch"].set()
    while queue.numbers:  # noqa: ASYNC110  # turns of the loop, until the store has leased them
        await asyncio.sleep(0)

    await cancelled(fetching)

    assert queue.given_back == [0, 1, 2]


async def test_cancelled_again_while_it_gives_back() -> None:
    """Giving back goes on without the caller."""
    queue, slots = NumberQueue(3), Slots(None)
    for name in ("fetch", "give_back"):
        queue.gates[name].clear()
    fetching = asyncio.create_task(next_number(loop_over(queue, slots), slots))
    await queue.reached["fetch"].wait()
    fetching.cancel()
    await asyncio.sleep(0)
    queue.gates["fetch"].set()
    await queue.reached["give_back"].wait()

    await cancelled(fetching)
    assert queue.given_back == []
    queue.gates["give_back"].set()
    while not queue.given_back:  # noqa: ASYNC110  # turns of the loop
        await asyncio.sleep(0)

    assert queue.numbers == [0, 1, 2]


async def test_cancelled_while_it_closes() -> None:
    queue, slots = NumberQueue(3), Slots(None)
    stream = loop_over(queue, slots)
    await next_number(stream, slots)
    queue.gates["give_back"].clear()
    closing = asyncio.ensure_future(stream.aclose())
    await queue.reached["give_back"].wait()

    closing.cancel()
    with suppress(asyncio.CancelledError):
        await closing
    queue.gates["give_back"].set()
    while not queue.given_back:  # noqa: ASYNC110  # turns of the loop
        await asyncio.sleep(0)

    assert queue.numbers == [1, 2]


async def test_cancelled_while_it_waits_for_messages() -> None:
    queue, slots = NumberQueue(), Slots(1)
    waiting = asyncio.create_task(next_number(loop_over(queue, slots), slots))
    await queue.reached["wait"].wait()

    await cancelled(waiting)

    assert not queue.reached["give_back"].is_set()


@pytest.mark.parametrize(
    "error",
    [
        BrokerConnectionError(broker="NumberQueue", address="here", reason="gone"),
        OSError("an error of a client library that nobody translated"),
    ],
    ids=lambda each: type(each).__name__,
)
async def test_cancelled_while_a_fetch_fails(error: Exception) -> None:
    """The caller learns of its cancellation, not of a failure that nobody waits for."""
    queue, slots = NumberQueue(3), Slots(None)
    queue.error = error
    queue.gates["fetch"].clear()
    fetching = asyncio.create_task(next_number(loop_over(queue, slots), slots))
    await queue.reached["fetch"].wait()

    fetching.cancel()
    await asyncio.sleep(0)
    queue.gates["fetch"].set()

    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert queue.numbers == [0, 1, 2]


async def test_a_fetch_that_fails_raises_to_the_caller() -> None:
    queue, slots = NumberQueue(3), Slots(None)
    queue.error = BrokerConnectionError(broker="NumberQueue", address="here", reason="gone")

    with pytest.raises(BrokerConnectionError, match="gone"):
        await next_number(loop_over(queue, slots), slots)


# -- options of a store ----------------------------------------------------------------------------


@pytest.mark.parametrize(("share", "limit"), [(0.5, 5), (1.0, 10), (0.01, 1)])
async def test_one_fetch_fills_a_share_of_the_slots(share: float, limit: int) -> None:
    queue, slots = NumberQueue(10), Slots(10)
    stream = fetch_loop(queue, slots, poll_interval=1.0, share=share)

    await next_number(stream, slots)

    assert queue.limits == [limit]
    await stream.aclose()


@pytest.mark.parametrize(("undoes", "given_back"), [(False, [0, 1]), (True, [])])
async def test_a_cancelled_fetch_is_undone_by_the_loop_or_by_the_queue(
    undoes: bool, given_back: list[int]
) -> None:
    queue, slots = NumberQueue(2), Slots(4)
    queue.gates["fetch"].clear()
    stream = fetch_loop(queue, slots, poll_interval=1.0, undoes_cancelled_fetch=undoes)
    fetching = asyncio.create_task(next_number(stream, slots))
    await queue.reached["fetch"].wait()

    fetching.cancel()
    await asyncio.sleep(0)
    queue.gates["fetch"].set()

    with suppress(asyncio.CancelledError):
        await fetching
    assert queue.given_back == given_back
    await stream.aclose()
