"""Items of one turn of the loop are done in one call, each with an outcome of its own."""

import asyncio
from collections.abc import Sequence

import pytest

from taskiq_core.brokers.coalescer import Coalescer


class Calls:
    """Doubles numbers, and remembers which came together."""

    def __init__(self) -> None:
        self.seen: list[list[int]] = []
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def __call__(self, items: Sequence[int]) -> Sequence[int | BaseException]:
        self.seen.append(list(items))
        await self.go_on.wait()
        return [ValueError(f"{item} is odd") if item % 2 else 2 * item for item in items]


async def test_one_turn_is_one_call() -> None:
    calls = Calls()
    coalescer = Coalescer[int, int](calls)

    outcomes = await asyncio.gather(*map(coalescer, (2, 4, 6)))

    assert outcomes == [4, 8, 12]
    assert calls.seen == [[2, 4, 6]]


async def test_those_that_come_meanwhile_leave_together() -> None:
    calls = Calls()
    coalescer = Coalescer[int, int](calls)
    calls.go_on.clear()
    first = coalescer(2)
    await asyncio.sleep(0)
    later = [coalescer(4), coalescer(6)]
    await asyncio.sleep(0)
    assert calls.seen == [[2]]

    calls.go_on.set()

    assert [await first, *[await each for each in later]] == [4, 8, 12]
    assert calls.seen == [[2], [4, 6]]


async def test_a_call_has_no_more_than_it_may() -> None:
    calls = Calls()

    await asyncio.gather(*map(Coalescer[int, int](calls, most=2), (0, 2, 4, 6, 8)))

    assert calls.seen == [[0, 2], [4, 6], [8]]


async def test_an_error_is_that_of_its_item() -> None:
    coalescer = Coalescer[int, int](Calls())

    good, bad = await asyncio.gather(coalescer(2), coalescer(3), return_exceptions=True)

    assert good == 4
    assert isinstance(bad, ValueError)


async def test_a_call_that_fails_fails_for_all_and_the_next_one_goes_on() -> None:
    calls = Calls()
    failing = True

    async def perform(items: Sequence[int]) -> Sequence[int | BaseException]:
        if failing:
            raise ConnectionError("away")
        return await calls(items)

    coalescer = Coalescer[int, int](perform)
    outcomes = await asyncio.gather(*map(coalescer, (2, 4)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ConnectionError, ConnectionError]

    failing = False

    assert await coalescer(2) == 4


async def test_a_caller_that_is_cancelled_disturbs_nobody() -> None:
    calls = Calls()
    coalescer = Coalescer[int, int](calls)
    impatient = asyncio.ensure_future(coalescer(2))
    patient = coalescer(4)

    impatient.cancel()

    assert await patient == 8
    assert calls.seen == [[2, 4]]
    with pytest.raises(asyncio.CancelledError):
        await impatient


async def test_waiting_until_nothing_is_under_way() -> None:
    calls = Calls()
    coalescer = Coalescer[int, int](calls)
    calls.go_on.clear()
    future = coalescer(2)
    waiting = asyncio.create_task(coalescer.wait_idle())
    await asyncio.sleep(0)
    assert not waiting.done()

    calls.go_on.set()

    await waiting
    assert future.done()
