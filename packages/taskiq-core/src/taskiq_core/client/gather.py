"""Waiting for several tasks at once."""

import asyncio
from typing import Any

from taskiq_core.client.task import AsyncTaskiqTask
from taskiq_core.messages.result import TaskiqResult


async def gather(
    *tasks: AsyncTaskiqTask[Any],
    timeout: float = -1,  # 0.13 signature
    with_logs: bool = False,
    periodicity: float = 0.1,
) -> tuple[TaskiqResult[Any], ...]:
    """The results of all tasks, in the order of the arguments.

    Args:
        tasks: handles that `kiq` returned.
        timeout: seconds to wait at most for all of them; negative for no limit.
        with_logs: whether the logs of the tasks are wanted, too.
        periodicity: seconds between two questions to a result backend that can't push.

    Raises:
        TaskiqResultTimeoutError: the time ran out.
    """
    waits = (
        task.wait_result(check_interval=periodicity, timeout=timeout, with_logs=with_logs)
        for task in tasks
    )
    try:
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(wait) for wait in waits]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return tuple(task.result() for task in running)
