"""Jobs: what goes on after the request that began it has been answered."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Final

from taskiq_core.loggers import get_logger

logger = get_logger(__name__)

MAX_JOBS: Final = 20
"""Jobs that are remembered; so many may run at the same time."""
LOT: Final = 100
"""Items that are handled at once."""
_LOTS_PER_SECOND: Final = 10.0


@dataclass(slots=True)
class Job:
    """Something that is done to many items, one lot after another.

    Attributes:
        number: of the job, from 1.
        text: what it does.
        viewer: who asked for it.
        started_at: when, in UTC.
        done: items so far.
        is_running: whether it goes on.
        end: how it ended; empty while it goes on.
    """

    number: int
    text: str
    viewer: str
    started_at: datetime
    done: int = 0
    is_running: bool = True
    end: str = ""
    task: "asyncio.Task[None] | None" = field(default=None, repr=False)


class Jobs:
    """The jobs of one dashboard; they end with its process.

    Args:
        notify: called when a job has ended.
    """

    def __init__(self, notify: Callable[[], None]) -> None:
        self._notify = notify
        self._jobs: list[Job] = []
        self._numbers = count(1)

    @property
    def is_full(self) -> bool:
        """Whether no further job may be started."""
        return sum(job.is_running for job in self._jobs) >= MAX_JOBS

    def all(self) -> Sequence[Job]:
        """Return the jobs, the latest first."""
        return self._jobs[::-1]

    def start(
        self,
        text: str,
        viewer: str,
        items: AsyncGenerator[str, None],
        handle: Callable[[Sequence[str]], Awaitable[int]],
        *,
        rate: float | None,
    ) -> Job:
        """Begin a job.

        Args:
            text: what it does.
            viewer: who asked for it.
            items: what it is done to; closed in the end.
            handle: does it to some items, and returns to how many it did.
            rate: items in a second at most; None for no limit.
        """
        job = Job(next(self._numbers), text, viewer, datetime.now(UTC))
        ended = [each for each in self._jobs if not each.is_running]
        for each in ended[: max(0, len(self._jobs) - MAX_JOBS + 1)]:
            self._jobs.remove(each)
        self._jobs.append(job)
        job.task = asyncio.create_task(self._run(job, items, handle, rate))
        job.task.add_done_callback(lambda _: self._ended(job))
        return job

    def stop(self, number: int) -> Job | None:
        """Stop a job; None if there is no such job that runs."""
        for job in self._jobs:
            if job.number == number and job.is_running and job.task is not None:
                job.task.cancel()
                return job
        return None

    async def close(self) -> None:
        """Stop all jobs."""
        tasks = [job.task for job in self._jobs if job.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(
        self,
        job: Job,
        items: AsyncGenerator[str, None],
        handle: Callable[[Sequence[str]], Awaitable[int]],
        rate: float | None,
    ) -> None:
        try:
            async with aclosing(items):
                await _in_lots(job, items, handle, rate)
            job.end = "done"
        except Exception as error:  # noqa: BLE001  # the store is away, or refuses
            job.end = f"{type(error).__name__}: {error}"
            logger.warning("%s of %s ended: %s", job.text, job.viewer, job.end)

    def _ended(self, job: Job) -> None:
        # Here and not above: a job may be stopped before it has begun.
        job.is_running = False
        job.end = job.end or "stopped"
        self._notify()


async def _in_lots(
    job: Job,
    items: AsyncGenerator[str, None],
    handle: Callable[[Sequence[str]], Awaitable[int]],
    rate: float | None,
) -> None:
    size = LOT if rate is None else min(LOT, max(1, int(rate / _LOTS_PER_SECOND)))
    loop = asyncio.get_running_loop()
    start, taken = loop.time(), 0
    # All ids first: pages of letters shift when letters leave.
    waiting = [item async for item in items]
    while lot := waiting[taken : taken + size]:
        if rate is not None:
            await asyncio.sleep(max(0.0, start + taken / rate - loop.time()))
        job.done += await handle(lot)
        taken += len(lot)
