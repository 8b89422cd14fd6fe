"""Tasks that end in every way: `taskiq worker taskiq_testservers.endurance.application:broker`."""

import asyncio
import time
from collections.abc import AsyncGenerator

from taskiq_core import Context, TaskiqDepends
from taskiq_core.client.progress_tracker import ProgressTracker
from taskiq_core.plugins import broker_from_url
from taskiq_retry import SimpleRetryMiddleware

SOON = 0.05
"""Seconds of time limits and delays."""

broker = broker_from_url().with_middlewares(SimpleRetryMiddleware())


async def connection() -> AsyncGenerator[str, None]:
    """A dependency that is opened and closed."""
    yield "connection"
    await asyncio.sleep(0)


@broker.task("add")
async def add(number: int, opened: str = TaskiqDepends(connection)) -> int:
    assert opened
    return number + 1


@broker.task("plain")
def plain(number: int) -> int:
    return 2 * number


@broker.task("large")
async def large() -> str:
    return "x" * 200_000


@broker.task("later", delay=SOON)
async def later() -> str:
    return "later"


@broker.task("fails")
async def fails() -> None:
    raise ExceptionGroup("several", [ValueError("one"), KeyError("two")])


@broker.task("retried", retry_on_error=True, max_retries=3)
async def retried(context: Context = TaskiqDepends()) -> int:
    if context.attempt < 3:
        raise ConnectionError(f"attempt {context.attempt}")
    return context.attempt


@broker.task("given_up", retry_on_error=True, max_retries=2)
async def given_up() -> None:
    raise ConnectionError("never there")


@broker.task("requeued")
async def requeued(context: Context = TaskiqDepends()) -> int:
    if context.attempt < 2:
        await context.requeue()
    return context.attempt


@broker.task("rejected")
async def rejected(context: Context = TaskiqDepends()) -> None:
    context.reject()


@broker.task("too_slow", timeout=SOON)
async def too_slow() -> None:
    await asyncio.Event().wait()


@broker.task("too_slow_in_a_thread", timeout=SOON)
def too_slow_in_a_thread() -> None:
    time.sleep(4 * SOON)


@broker.task("aborted")
async def aborted() -> None:
    await asyncio.Event().wait()


@broker.task("progress")
async def progress(tracker: ProgressTracker[int] = TaskiqDepends()) -> None:
    await tracker.set_progress("HALF", 50)
