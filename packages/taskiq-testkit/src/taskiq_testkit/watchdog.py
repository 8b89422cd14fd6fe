"""A watchdog: a test that hangs fails, with the stacks of all asyncio tasks."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any


@asynccontextmanager
async def watchdog(seconds: float) -> AsyncGenerator[None, None]:
    """Fail the block if it takes longer than that.

    Raises:
        AssertionError: it did; with the stacks of all tasks of the event loop at that moment.
    """
    stacks: list[str] = []
    deadline = asyncio.timeout(None)
    loop = asyncio.get_running_loop()

    def bite() -> None:
        stacks.extend(map(stack_of, asyncio.all_tasks(loop)))
        deadline.reschedule(loop.time())

    timer = loop.call_later(seconds, bite)
    try:
        async with deadline:
            yield
    except TimeoutError as error:
        if not deadline.expired():
            raise
        hint = "These asyncio tasks were there then, each with the place where it waited last:"
        listing = "\n\n".join(sorted(stacks))
        raise AssertionError(f"The test hung: {seconds:g} s. {hint}\n\n{listing}") from error
    finally:
        timer.cancel()


def stack_of(task: "asyncio.Task[Any]") -> str:
    """Return a task's name and the places where its coroutines wait, the innermost last."""
    places = [
        f'  File "{frame.f_code.co_filename}", line {frame.f_lineno}, in {frame.f_code.co_name}'
        for frame in _frames(task.get_coro())
    ]
    return "\n".join([f"Task {task.get_name()!r}:", *places])


def _frames(waiting: Any) -> Iterator[FrameType]:
    """Follow what waits for what: coroutines, generators and asynchronous generators."""
    while waiting is not None:
        for kind, next_name in (("cr", "await"), ("gi", "yieldfrom"), ("ag", "await")):
            frame = getattr(waiting, f"{kind}_frame", None)
            if frame is not None:
                yield frame
                waiting = getattr(waiting, f"{kind}_{next_name}")
                break
        else:
            return
