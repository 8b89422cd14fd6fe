"""Waiting for several tasks at once."""

import asyncio
from typing import Any, TypeVar, overload

from taskiq_core.client.task import AsyncTaskiqTask, wait_for
from taskiq_core.exceptions import TaskiqResultTimeoutError
from taskiq_core.messages.result import TaskiqResult

_T1 = TypeVar("_T1")
_T2 = TypeVar("_T2")
_T3 = TypeVar("_T3")
_T4 = TypeVar("_T4")


@overload
async def gather(
    first: AsyncTaskiqTask[_T1],
    /,
    *,
    timeout: float | None = -1,
    with_logs: bool = False,
    periodicity: float = 0.1,
) -> tuple[TaskiqResult[_T1]]: ...


@overload
async def gather(
    first: AsyncTaskiqTask[_T1],
    second: AsyncTaskiqTask[_T2],
    /,
    *,
    timeout: float | None = -1,
    with_logs: bool = False,
    periodicity: float = 0.1,
) -> tuple[TaskiqResult[_T1], TaskiqResult[_T2]]: ...


@overload
async def gather(
    first: AsyncTaskiqTask[_T1],
    second: AsyncTaskiqTask[_T2],
    third: AsyncTaskiqTask[_T3],
    /,
    *,
    timeout: float | None = -1,
    with_logs: bool = False,
    periodicity: float = 0.1,
) -> tuple[TaskiqResult[_T1], TaskiqResult[_T2], TaskiqResult[_T3]]: ...


@overload
async def gather(
    first: AsyncTaskiqTask[_T1],
    second: AsyncTaskiqTask[_T2],
    third: AsyncTaskiqTask[_T3],
    fourth: AsyncTaskiqTask[_T4],
    /,
    *,
    timeout: float | None = -1,
    with_logs: bool = False,
    periodicity: float = 0.1,
) -> tuple[TaskiqResult[_T1], TaskiqResult[_T2], TaskiqResult[_T3], TaskiqResult[_T4]]: ...


@overload
async def gather(
    *tasks: AsyncTaskiqTask[_T1],
    timeout: float | None = -1,
    with_logs: bool = False,
    periodicity: float = 0.1,
) -> tuple[TaskiqResult[_T1], ...]: ...


async def gather(
    *tasks: AsyncTaskiqTask[Any],
    timeout: float | None = -1,  # 0.13 signature
    with_logs: bool = False,
    periodicity: float = 0.1,
) -> tuple[TaskiqResult[Any], ...]:
    """Return the results of all tasks, in the order of the arguments.

    Args:
        tasks: handles that `kiq` returned.
        timeout: seconds to wait at most for all of them; None, 0 and negative numbers set no limit.
        with_logs: whether the logs of the tasks are wanted, too.
        periodicity: seconds between two questions to a result backend that can't push.

    Raises:
        TaskiqResultTimeoutError: the time ran out.
        ResultIsReadyError: the result backend can't tell whether a result is there.
        ResultGetError: the result backend can't read a result.
    """
    limit = timeout if timeout is not None and timeout > 0 else None
    deadline = asyncio.timeout(limit)
    try:
        async with deadline, asyncio.TaskGroup() as group:
            waits = (
                wait_for(each, check_interval=periodicity, with_logs=with_logs) for each in tasks
            )
            running = [group.create_task(wait) for wait in waits]
    except BaseExceptionGroup as errors:
        first = errors.exceptions[0]
        raise first from first.__cause__
    except TimeoutError:
        if not deadline.expired():
            raise
        raise TaskiqResultTimeoutError(timeout=timeout) from None
    return tuple(task.result() for task in running)
