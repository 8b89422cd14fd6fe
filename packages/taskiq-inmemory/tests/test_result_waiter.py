"""ResultWaiter: callers are woken by results, and leave nothing behind."""

import asyncio
from typing import Any

import pytest

from taskiq_core import TaskiqResult
from taskiq_inmemory.result_waiter import ResultWaiter


def result(value: Any) -> TaskiqResult[Any]:
    return TaskiqResult(is_err=False, return_value=value, execution_time=0.0)


async def waiting(waiter: ResultWaiter[Any]) -> asyncio.Task[TaskiqResult[Any]]:
    task = asyncio.create_task(waiter.wait("id"))
    await asyncio.sleep(0)
    return task


async def test_every_caller_gets_the_result() -> None:
    waiter = ResultWaiter[Any]()
    callers = [await waiting(waiter) for _ in range(2)]

    waiter.resolve("id", result(7))

    assert [(await caller).return_value for caller in callers] == [7, 7]


async def test_every_caller_gets_the_error() -> None:
    waiter = ResultWaiter[Any]()
    caller = await waiting(waiter)

    waiter.fail("id", LookupError("gone"))

    with pytest.raises(LookupError, match="gone"):
        await caller


async def test_caller_that_gave_up_leaves_nothing_behind() -> None:
    waiter = ResultWaiter[Any]()
    impatient, patient = await waiting(waiter), await waiting(waiter)

    impatient.cancel()
    await asyncio.wait({impatient})
    waiter.resolve("id", result(7))

    assert (await patient).return_value == 7
    assert waiter.waiting == 0
    last = await waiting(waiter)
    assert waiter.waiting == 1
    last.cancel()
    await asyncio.wait({last})
    assert waiter.waiting == 0


def test_task_that_was_sent_twice_is_in_flight_until_both_have_ended() -> None:
    waiter = ResultWaiter[Any]()
    assert not waiter.is_tracking
    waiter.expect("id")
    waiter.expect("id")

    assert waiter.is_tracking
    assert not waiter.settle("id")
    assert waiter.is_expected("id")
    assert waiter.settle("id")
    assert not waiter.is_expected("id")
