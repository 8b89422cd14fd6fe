"""Waiting for several tasks at once."""

import asyncio
from typing import Any

import pytest

from taskiq_core import AsyncResultBackend, AsyncTaskiqTask, TaskiqResult, gather
from taskiq_core.exceptions import ResultGetError, TaskiqResultTimeoutError


class Pushed(AsyncResultBackend[Any]):
    """Results, or failures, that come when the test says so."""

    def __init__(self) -> None:
        self.arrivals: dict[str, asyncio.Future[Any]] = {}
        self.options: list[tuple[float, bool]] = []
        self.cancelled: list[str] = []
        self.all_asked = asyncio.Event()

    def handles(self, *task_ids: str) -> list[AsyncTaskiqTask[Any]]:
        for task_id in task_ids:
            self.arrivals[task_id] = asyncio.get_running_loop().create_future()
        return [AsyncTaskiqTask(task_id, self) for task_id in task_ids]

    def push(self, task_id: str, value: Any) -> None:
        result = TaskiqResult[Any](is_err=False, return_value=value, execution_time=0.0)
        self.arrivals[task_id].set_result(result)

    async def set_result(self, task_id: str, result: TaskiqResult[Any]) -> None: ...

    async def is_result_ready(self, task_id: str) -> bool:
        return self.arrivals[task_id].done()

    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[Any]:
        return self.arrivals[task_id].result()

    async def wait(
        self, task_id: str, *, check_interval: float = 0.2, with_logs: bool = False
    ) -> TaskiqResult[Any]:
        self.options.append((check_interval, with_logs))
        if len(self.options) == len(self.arrivals):
            self.all_asked.set()
        try:
            return await self.arrivals[task_id]
        except asyncio.CancelledError:
            self.cancelled.append(task_id)
            raise


async def test_results_are_in_the_order_of_the_arguments() -> None:
    results = Pushed()
    tasks = results.handles("a", "b", "c")
    waiting = asyncio.create_task(gather(*tasks))

    for task_id in "cab":
        results.push(task_id, task_id)

    assert [result.return_value for result in await waiting] == ["a", "b", "c"]


async def test_nothing_to_wait_for() -> None:
    assert await gather() == ()


async def test_one_task_may_be_waited_for_twice() -> None:
    results = Pushed()
    (task,) = results.handles("a")
    results.push("a", 1)

    assert [result.return_value for result in await gather(task, task)] == [1, 1]


async def test_error_of_a_task_is_in_its_result() -> None:
    results = Pushed()
    tasks = results.handles("a", "b")
    failed = TaskiqResult[Any](
        is_err=True, return_value=None, execution_time=0.0, error=ValueError("no")
    )
    results.arrivals["a"].set_result(failed)
    results.push("b", 1)

    first, second = await gather(*tasks)

    assert (first.is_err, second.return_value) == (True, 1)


async def test_first_failure_of_a_store_ends_the_wait_for_all() -> None:
    results = Pushed()
    tasks = results.handles("a", "b", "c")
    results.push("a", 1)
    failure = ResultGetError()
    results.arrivals["b"].set_exception(failure)

    with pytest.raises(ResultGetError) as caught:
        await gather(*tasks)

    assert caught.value is failure
    assert results.cancelled == ["c"]


@pytest.mark.parametrize("timeout", [None, 0, -1])
async def test_no_timeout_is_no_limit(timeout: float | None) -> None:
    results = Pushed()
    tasks = results.handles("a")
    waiting = asyncio.create_task(gather(*tasks, timeout=timeout))
    await results.all_asked.wait()
    results.push("a", 1)

    assert [result.return_value for result in await waiting] == [1]


async def test_objects_that_look_like_handles_are_asked() -> None:
    class Double:
        def __init__(self) -> None:
            self.answers = [True, False, False]

        async def is_ready(self) -> bool:
            return self.answers.pop()

        async def get_result(self, with_logs: bool = False) -> str:
            return f"with logs: {with_logs}"

    double: Any = Double()

    assert await gather(double, periodicity=0, with_logs=True) == ("with logs: True",)


async def test_cause_of_a_failure_stays() -> None:
    results = Pushed()
    tasks = results.handles("a")
    failure = OSError("disk")
    results.arrivals["a"].set_exception(failure)

    with pytest.raises(ResultGetError) as caught:
        await gather(*tasks)

    assert caught.value.__cause__ is failure


async def test_time_is_for_all_of_them() -> None:
    results = Pushed()
    tasks = results.handles("a", "b")
    results.push("a", 1)

    with pytest.raises(TaskiqResultTimeoutError) as caught:
        await gather(*tasks, timeout=0.01)

    assert caught.value.timeout == 0.01


async def test_options_reach_the_store() -> None:
    results = Pushed()
    tasks = results.handles("a", "b")
    for task_id in "ab":
        results.push(task_id, 1)

    await gather(*tasks)
    await gather(*tasks, with_logs=True, periodicity=3)

    assert results.options == [(0.1, False)] * 2 + [(3, True)] * 2


async def test_cancelling_it_cancels_every_wait() -> None:
    results = Pushed()
    waiting = asyncio.create_task(gather(*results.handles("a", "b")))
    await results.all_asked.wait()

    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert sorted(results.cancelled) == ["a", "b"]
