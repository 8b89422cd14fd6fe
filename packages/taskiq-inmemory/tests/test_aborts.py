"""Aborts and time limits: what a task, its caller and its slot see of them."""

import asyncio
import threading
from typing import Any

import pytest

from taskiq_core import Context, TaskiqDepends, TaskiqMiddleware
from taskiq_core.client.task import AsyncTaskiqTask
from taskiq_core.exceptions import (
    CapabilityError,
    TaskAbortedError,
    TaskiqResultTimeoutError,
    TaskRetryError,
    TaskTimeoutError,
)
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.outcomes import Ack, Bury, Release
from taskiq_inmemory import InMemoryBroker


async def test_running_coroutine_is_cancelled_and_its_finally_runs() -> None:
    broker = InMemoryBroker()
    started, seen = asyncio.Event(), []

    @broker.task
    async def hang(context: Context = TaskiqDepends()) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append(context.cancellation.reason)
            raise
        finally:
            await asyncio.sleep(0)
            seen.append("finally")

    task = await hang.kiq()
    await started.wait()

    assert await task.abort(timeout=10) is AbortState.RUNNING

    result = await task.wait_result()
    assert isinstance(result.error, TaskAbortedError)
    assert str(result.error) == f"Task '{hang.task_name}' ({task.task_id}) was aborted"
    assert isinstance(seen[0], TaskAbortedError)
    assert seen[1] == "finally"
    assert await task.abort() is AbortState.FINISHED


async def test_queued_task_is_never_started() -> None:
    broker = InMemoryBroker(max_async_tasks=1)
    started, go_on, ran = asyncio.Event(), asyncio.Event(), []

    @broker.task
    async def block() -> None:
        started.set()
        await go_on.wait()

    @broker.task
    async def never() -> None:
        ran.append(1)

    await block.kiq()
    await started.wait()
    queued = await never.kiq()
    delayed = await never.kicker().with_labels(delay=600).kiq()

    assert await queued.abort() is AbortState.QUEUED
    assert await delayed.abort() is AbortState.QUEUED
    go_on.set()

    for task in (queued, delayed):
        error = (await task.wait_result(timeout=10)).error
        assert str(error).endswith("was aborted before it was started")
    assert ran == []


async def test_unknown_task() -> None:
    assert await InMemoryBroker().abort("nobody") is AbortState.UNKNOWN


async def test_task_that_does_not_end_in_time_is_said_so() -> None:
    broker = InMemoryBroker()
    started, go_on = asyncio.Event(), asyncio.Event()

    @broker.task
    async def stubborn() -> str:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await go_on.wait()
        return "did not let itself be aborted"

    task = await stubborn.kiq()
    await started.wait()

    with pytest.raises(TaskiqResultTimeoutError):
        await task.abort(timeout=0.01)
    go_on.set()

    assert (await task.wait_result(timeout=10)).return_value == "did not let itself be aborted"


async def test_task_without_its_broker_says_what_to_do() -> None:
    task: AsyncTaskiqTask[Any] = AsyncTaskiqTask("1", InMemoryBroker().result_backend)

    with pytest.raises(CapabilityError, match=r"broker\.abort"):
        await task.abort()


async def test_plain_function_ends_when_it_asks() -> None:
    broker = InMemoryBroker()
    started, ended = threading.Event(), threading.Event()

    @broker.task
    def work(context: Context = TaskiqDepends()) -> None:
        started.set()
        assert context.cancellation.wait(timeout=30)
        ended.set()
        context.cancellation.raise_if_requested()

    task = await work.kiq()
    await asyncio.to_thread(started.wait, 30)

    await task.abort(timeout=10)

    result = await task.wait_result()
    assert isinstance(result.error, TaskAbortedError)
    assert await asyncio.to_thread(ended.wait, 30)


async def test_slot_of_an_abandoned_thread_is_taken_until_it_ends() -> None:
    broker = InMemoryBroker(max_async_tasks=1)
    go_on = threading.Event()
    order = []

    @broker.task(timeout=0.05)
    def stuck() -> None:
        go_on.wait(30)
        order.append("thread ended")

    @broker.task
    async def after() -> None:
        order.append("next began")

    first = await stuck.kiq()
    second = await after.kiq()
    result = await first.wait_result(timeout=10)
    assert isinstance(result.error, TaskTimeoutError)
    assert not await second.is_ready()

    go_on.set()
    await second.wait_result(timeout=10)

    assert order == ["thread ended", "next began"]


async def test_timed_out_coroutine_knows_why() -> None:
    broker = InMemoryBroker()
    reasons = []

    @broker.task(timeout=0.01)
    async def slow(context: Context = TaskiqDepends()) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            reasons.append(context.cancellation.reason)

    result = await (await slow.kiq()).wait_result(timeout=10)

    assert isinstance(result.error, TaskTimeoutError)
    assert isinstance(reasons[0], TaskTimeoutError)


async def test_middleware_sees_how_deliveries_are_settled() -> None:
    seen = []

    class Watch(TaskiqMiddleware):
        async def post_settle(self, message: Any, outcome: Any) -> None:
            seen.append((message.task_name, outcome))
            raise RuntimeError("changes nothing")

    broker = InMemoryBroker().with_middlewares(Watch())

    @broker.task("again")
    async def again(context: Context = TaskiqDepends()) -> None:
        if context.attempt == 1:
            await context.requeue()
        context.reject()

    @broker.task("well")
    async def well() -> None: ...

    await well.kiq()
    await again.kiq()
    await broker.wait_all()

    assert seen == [
        ("well", Ack()),
        ("again", Release(0.0)),
        ("again", Bury("rejected by the task")),
    ]


async def test_task_that_was_just_given_a_slot_is_found() -> None:
    """Between the end of one task and the first step of the next one, that one has only a slot."""
    broker = InMemoryBroker(max_async_tasks=1)
    go_on, ran, states = asyncio.Event(), [], []

    @broker.task
    async def first() -> None:
        await go_on.wait()

    @broker.task
    async def second() -> None:
        ran.append("second")

    class AbortAtTheHandOver(TaskiqMiddleware):
        def post_settle(self, message: Any, outcome: Any) -> None:
            if message.task_name == first.task_name:
                # It runs when the slot was handed on, just before the task that got it.
                states.append(asyncio.ensure_future(waiting.abort()))

    broker.add_middlewares(AbortAtTheHandOver())
    await first.kiq()
    waiting = await second.kiq()

    go_on.set()

    result = await waiting.wait_result(timeout=10)
    assert isinstance(result.error, TaskAbortedError)
    assert ran == []
    assert [await each for each in states] == [AbortState.QUEUED]


async def test_abort_of_a_task_that_asks_for_a_retry_ends_it() -> None:
    """The abort comes after the attempt has ended: the next attempt is not begun."""
    broker = InMemoryBroker()
    attempts, states = [], []

    class AbortBeforeSettling(TaskiqMiddleware):
        async def post_execute(self, message: Any, result: Any) -> None:
            states.append(await broker.abort(message.task_id))

    @broker.task
    async def retry(context: Context = TaskiqDepends()) -> None:
        attempts.append(context.attempt)
        raise TaskRetryError(delay=1_000)

    broker.add_middlewares(AbortBeforeSettling())

    task = await retry.kiq()

    assert isinstance((await task.wait_result(timeout=10)).error, TaskAbortedError)
    assert attempts == [1]
    assert states[0] is AbortState.RUNNING
