"""A task that cancels the asyncio task in which it runs fails; only a worker that ends releases."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest

from taskiq_core import Receiver, TaskiqDepends, TaskiqMiddleware
from taskiq_core.exceptions import TaskAbortedError, TaskTimeoutError

ACKED = [[("ack", None)]]


def cancel_self() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


async def old_timeout() -> None:
    """A time limit of its own, as it was written before `asyncio.timeout`."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().call_soon(task.cancel)
    await asyncio.Event().wait()


async def swallow(work: Callable[[], Awaitable[None]]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await work()


async def cancelled_at_once() -> None:
    cancel_self()
    await asyncio.sleep(0)


async def swallowed_and_then_a_cancelled_future() -> None:
    await swallow(old_timeout)
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


async def run_one(broker: Any, **options: Any) -> None:
    """A worker takes one message and runs it until it is settled."""
    await asyncio.wait_for(
        Receiver(broker, max_tasks_to_execute=1, **options).listen(asyncio.Event()), 10
    )


def settled(broker: Any) -> list[Any]:
    """How each delivery was settled; a released message would have come again."""
    return [delivery.settled for delivery in broker.yielded]


@pytest.mark.parametrize(
    "work", [cancelled_at_once, old_timeout, swallowed_and_then_a_cancelled_future]
)
async def test_it_is_an_error_result_of_one_delivery(
    broker: Any, work: Callable[[], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    task = await broker.register_task(work, "cancels").kiq()

    await run_one(broker)

    assert str(broker.results[task.task_id].error).startswith("asyncio.exceptions.CancelledError")
    assert settled(broker) == ACKED
    assert f"cancels ({task.task_id}) failed" in caplog.text


@pytest.mark.parametrize("is_swallowed", [True, False])
async def test_what_returns_all_the_same_has_its_value(broker: Any, is_swallowed: bool) -> None:
    """Storing the result and the hooks are not hit by what the function left behind."""
    torn_down: list[str] = []

    async def connection() -> AsyncGenerator[int, None]:
        yield 1
        await asyncio.sleep(0)
        torn_down.append("connection")

    class Slow(TaskiqMiddleware):
        async def post_execute(self, message: Any, result: Any) -> None:
            await asyncio.sleep(0)
            torn_down.append("middleware")

    async def work(connection: int = TaskiqDepends(connection)) -> int:
        cancel_self()
        if is_swallowed:
            await swallow(lambda: asyncio.sleep(0))
        return connection

    broker.add_middlewares(Slow())
    task = await broker.register_task(work, "work").kiq()

    await run_one(broker)

    assert broker.results[task.task_id].return_value == 1
    assert settled(broker) == ACKED
    assert torn_down == ["connection", "middleware"]


async def test_error_raised_after_it_stays_the_error(broker: Any) -> None:
    async def connection() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            await asyncio.sleep(0)

    async def work(connection: int = TaskiqDepends(connection)) -> None:
        cancel_self()
        raise LookupError("no such thing")

    task = await broker.register_task(work, "work").kiq()

    await run_one(broker)

    assert isinstance(broker.results[task.task_id].error, LookupError)
    assert settled(broker) == ACKED


@pytest.mark.parametrize("when", ["resolved", "torn down"])
async def test_dependency_that_cancels(broker: Any, when: str) -> None:
    async def connection() -> AsyncGenerator[int, None]:
        if when == "resolved":
            await cancelled_at_once()
        yield 1
        await cancelled_at_once()

    async def work(connection: int = TaskiqDepends(connection)) -> None: ...

    task = await broker.register_task(work, "work").kiq()

    await run_one(broker)

    assert str(broker.results[task.task_id].error).startswith("asyncio.exceptions.CancelledError")
    assert settled(broker) == ACKED


async def test_time_limit_holds_after_it(broker: Any) -> None:
    async def work() -> None:
        await swallow(old_timeout)
        await asyncio.Event().wait()

    task = await broker.register_task(work, "work", timeout=0.01).kiq()

    await run_one(broker)

    assert isinstance(broker.results[task.task_id].error, TaskTimeoutError)
    assert settled(broker) == ACKED


async def test_abort_holds_after_it(broker: Any) -> None:
    cancelled_itself = asyncio.Event()

    async def work() -> None:
        await swallow(old_timeout)
        cancelled_itself.set()
        await asyncio.Event().wait()

    task = await broker.register_task(work, "work").kiq()
    receiver = Receiver(broker, max_tasks_to_execute=1)
    listening = asyncio.create_task(receiver.listen(asyncio.Event()))
    await cancelled_itself.wait()

    receiver.abort(task.task_id)

    await listening
    assert isinstance(broker.results[task.task_id].error, TaskAbortedError)
    assert settled(broker) == ACKED


async def test_worker_that_ends_releases_even_what_cancelled_itself_before(broker: Any) -> None:
    cancelled_itself = asyncio.Event()

    async def work() -> None:
        await swallow(old_timeout)
        cancelled_itself.set()
        await asyncio.Event().wait()

    await broker.register_task(work, "work").kiq()
    receiver = Receiver(broker, wait_tasks_timeout=0)
    finish = asyncio.Event()
    listening = asyncio.create_task(receiver.listen(finish))
    await cancelled_itself.wait()

    finish.set()

    await listening
    assert broker.results == {}
    assert settled(broker) == [[("release", 0.0)]]


async def test_all_tasks_of_the_event_loop_cancelled_together_release(broker: Any) -> None:
    """As programs do that end by cancelling `asyncio.all_tasks()`."""
    started = asyncio.Event()

    async def work() -> None:
        started.set()
        await asyncio.Event().wait()

    await broker.register_task(work, "work").kiq()
    listening = asyncio.create_task(Receiver(broker).listen(asyncio.Event()))
    await started.wait()

    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await listening
    assert broker.results == {}
    assert settled(broker) == [[("release", 0.0)]]


def test_end_of_the_event_loop_releases(broker: Any) -> None:
    async def program() -> None:
        started = asyncio.Event()

        async def work() -> None:
            started.set()
            await asyncio.Event().wait()

        await broker.register_task(work, "work").kiq()
        receiver = Receiver(broker)
        receiver.pool.submit(broker.make(broker.sent[0].message))
        broker.yielded += receiver.pool.running
        await started.wait()

    asyncio.run(program())

    assert broker.results == {}
    assert settled(broker) == [[("release", 0.0)]]


@pytest.mark.parametrize("method", ["handle", "callback"])
async def test_program_that_is_cancelled_while_it_runs_a_delivery_sees_it(
    broker: Any, delivered: Callable[..., Any], method: str
) -> None:
    started = asyncio.Event()

    async def work() -> None:
        started.set()
        await asyncio.Event().wait()

    await broker.register_task(work, "work").kiq()
    delivery = delivered(broker)
    running = asyncio.create_task(getattr(Receiver(broker), method)(delivery))
    await started.wait()

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert broker.results == {}
    assert delivery.settled == [("release", 0.0)]


async def test_time_limit_around_an_overridden_step_holds(broker: Any) -> None:
    """A worker of the user's own, which limits every task: the limit is no doing of the task."""

    class Limited(Receiver):
        async def run_task(self, *args: Any, **kwargs: Any) -> Any:
            try:
                async with asyncio.timeout(0.01):
                    return await super().run_task(*args, **kwargs)
            except TimeoutError as error:
                limits.append(error)
                raise LookupError("too slow") from error

    async def work() -> None:
        await asyncio.Event().wait()

    limits: list[TimeoutError] = []
    await broker.register_task(work, "work").kiq()
    await asyncio.wait_for(Limited(broker, max_tasks_to_execute=1).listen(asyncio.Event()), 10)

    assert len(limits) == 1


async def test_middleware_that_cancels_comes_again_with_back_off_and_not_for_ever(
    broker: Any,
) -> None:
    class Cancels(TaskiqMiddleware):
        async def post_execute(self, message: Any, result: Any) -> None:
            await cancelled_at_once()

    async def work() -> None: ...

    broker.add_middlewares(Cancels())
    await broker.register_task(work, "work").kiq()

    await run_one(broker)

    (((how, delay),),) = settled(broker)
    assert how == "release"
    assert delay > 0


async def test_middleware_that_cancels_before_the_task_is_given_up_in_the_end(broker: Any) -> None:
    class Cancels(TaskiqMiddleware):
        async def pre_execute(self, message: Any) -> Any:
            await cancelled_at_once()

    async def work() -> None: ...

    broker.add_middlewares(Cancels())
    task = await broker.register_task(work, "work").kiq()

    await run_one(broker, max_deliveries=1)

    assert broker.results[task.task_id].is_err
    assert settled(broker)[0][0][0] == "bury"
