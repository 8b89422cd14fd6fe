"""How functions are run: in the loop, in threads, in processes, within their time."""

import asyncio
import contextvars
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import datetime
from typing import Any

from taskiq_core import TaskiqDepends
from taskiq_core.client.context import Context
from taskiq_core.exceptions import TaskDefinitionError, TaskTimeoutError
from taskiq_core.flow.plan import compile_plan
from taskiq_core.flow.run import run_plan
from taskiq_core.flow.run_state import Run
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.result import TaskiqResult

THREADS = ThreadPoolExecutor(4)
variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


def square(number: int) -> int:
    return number * number


async def run(
    func: Any, *args: Any, executor: Any = None, labels: dict[str, Any] | None = None, **kwargs: Any
) -> TaskiqResult[Any]:
    message = TaskiqMessage(
        task_id="1", task_name="t", labels=labels or {}, args=list(args), kwargs=kwargs
    )

    def no_context() -> Context:
        raise AssertionError("only dependencies need it")

    return await run_plan(
        compile_plan(func, validate_params=True),
        message,
        Run(),
        no_context,
        executor=executor or THREADS,
        propagate_exceptions=True,
    )


async def test_thread_sees_the_context_variables_of_its_task() -> None:
    variable.set("seen")

    result = await run(lambda: (variable.get(), threading.current_thread().name))

    assert result.return_value[0] == "seen"
    assert result.return_value[1] != threading.main_thread().name


async def test_stop_iteration_in_a_thread_is_an_error_and_no_endless_wait() -> None:
    result = await run(lambda: next(iter(())))

    assert repr(result.error) == "RuntimeError('the task raised StopIteration')"


async def test_coroutine_that_a_plain_function_returns_is_awaited() -> None:
    async def inner(number: int) -> int:
        return number

    assert (await run(lambda: inner(7))).return_value == 7


async def test_object_with_an_async_call() -> None:
    class Task:
        async def __call__(self, number: int) -> int:
            return number + 1

    assert (await run(Task(), 1)).return_value == 2


async def test_process_pool_runs_functions_by_their_name() -> None:
    import os

    with ProcessPoolExecutor(1) as pool:
        process = await run(os.getpid, executor=pool)
        lambda_result = await run(lambda: 1, executor=pool)

    assert process.return_value != os.getpid()
    assert isinstance(lambda_result.error, TaskDefinitionError)
    assert "a process pool finds functions by module and name" in str(lambda_result.error)


async def test_coroutine_is_cancelled_at_its_timeout() -> None:
    cleaned_up = False

    async def endless() -> None:
        nonlocal cleaned_up
        try:
            await asyncio.Event().wait()
        finally:
            cleaned_up = True

    result = await run(endless, labels={"timeout": 0.01})

    assert isinstance(result.error, TaskTimeoutError)
    assert str(result.error) == "Task 't' (1) ran longer than its timeout of 0.01 s"
    assert cleaned_up


async def test_thread_is_abandoned_at_its_timeout_and_the_result_says_so() -> None:
    gate = threading.Event()

    with ThreadPoolExecutor(1) as pool:
        result = await run(gate.wait, executor=pool, labels={"timeout": 0.01})
        gate.set()

    assert str(result.error) == (
        "Task 't' (1) ran longer than its timeout of 0.01 s; its thread can't be stopped and goes "
        "on, abandoned"
    )


async def test_timeout_error_of_the_task_itself_stays_what_it_is() -> None:
    async def impatient() -> None:
        raise TimeoutError("mine")

    result = await run(impatient, labels={"timeout": 100})

    assert repr(result.error) == "TimeoutError('mine')"


async def test_arguments_are_restored_wherever_they_stand() -> None:
    async def show(
        first: datetime, /, second: set[int], *rest: complex, named: bytes, **others: set[str]
    ) -> Any:
        return type(first), second, rest, named, others

    result = await run(
        show, "2026-01-02T03:04:05Z", [1, 1], "1+2j", named="/w==", more=["a"], second_="ignored"
    )

    assert result.return_value == (
        datetime,
        {1},
        (1 + 2j,),
        b"\xff",
        {"more": {"a"}, "second_": "ignored"},
    )


def test_dependencies_are_not_restored_as_arguments() -> None:
    def number() -> int:
        return 1

    async def task(value: int = TaskiqDepends(number)) -> None: ...

    plan = compile_plan(task, validate_params=True)

    assert plan.arguments is None
    assert plan.dependencies is not None
