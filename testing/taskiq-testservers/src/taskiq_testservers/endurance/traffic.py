"""The client: sends tasks that end in every way, and checks how each of them ends."""

import asyncio
import random
import time
from collections.abc import Awaitable
from typing import Any, Final

from taskiq_core.client.task import AsyncTaskiqTask
from taskiq_core.exceptions import (
    TaskAbortedError,
    TaskExpiredError,
    TaskRejectedError,
    TaskTimeoutError,
)
from taskiq_testservers.endurance import application as tasks

PATIENCE: Final = 60.0
PAUSE: Final = 0.05
"""Seconds between two rounds: the machine is not to be busy with this alone."""


async def traffic(seconds: float, *, at_least: int = 0) -> int:
    """Send rounds of tasks for some seconds.

    Args:
        seconds: for how long.
        at_least: tasks to send however long that takes, on a busy machine.

    Returns:
        The number of tasks that ended, each as it should.
    """
    ended, until = 0, time.monotonic() + seconds
    while time.monotonic() < until or ended < at_least:
        ended += await one_round()
        await asyncio.sleep(PAUSE)
    return ended


async def one_round() -> int:
    """Send a task of each kind, and wait for the end of each.

    Returns:
        The number of tasks.
    """
    urgent = tasks.add.kicker().with_labels(priority=9)
    short_lived = tasks.add.kicker().with_labels(delay=2 * tasks.SOON, expires=tasks.SOON)
    checks = (
        _returns(tasks.add.kiq(1), 2),
        _returns(urgent.kiq(3), 4),
        _returns(tasks.plain.kiq(5), 10),
        _returns(tasks.large.kiq(), "x" * 200_000),
        _returns(tasks.later.kiq(), "later"),
        _returns(tasks.retried.kiq(), 3),
        _returns(tasks.requeued.kiq(), 2),
        _returns(tasks.progress.kiq(), None),
        _fails(tasks.fails.kiq(), ExceptionGroup),
        _fails(tasks.given_up.kiq(), ConnectionError),
        _fails(tasks.rejected.kiq(), TaskRejectedError),
        _fails(tasks.too_slow.kiq(), TaskTimeoutError),
        _fails(tasks.too_slow_in_a_thread.kiq(), TaskTimeoutError),
        _fails(short_lived.kiq(1), TaskExpiredError),
        _fails(_abort(tasks.aborted.kiq()), TaskAbortedError),
    )
    async with asyncio.TaskGroup() as group:
        for check in checks:
            group.create_task(check)
    return len(checks)


async def _returns(sending: Awaitable[AsyncTaskiqTask[Any]], value: object) -> None:
    result = await (await sending).wait_result(timeout=PATIENCE)
    assert (result.error, result.return_value) == (None, value)


async def _fails(sending: Awaitable[AsyncTaskiqTask[Any]], error: type[BaseException]) -> None:
    result = await (await sending).wait_result(timeout=PATIENCE)
    assert isinstance(result.error, error), repr(result.error)


async def _abort(sending: Awaitable[AsyncTaskiqTask[Any]]) -> AsyncTaskiqTask[Any]:
    sent = await sending
    await asyncio.sleep(random.uniform(0, tasks.SOON))
    await sent.abort()
    return sent
