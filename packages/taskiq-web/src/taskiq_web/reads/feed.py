"""SnapshotFeed: one snapshot for each tick and all viewers, and no look when there is no viewer."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from taskiq_core.loggers import get_logger
from taskiq_web.reads.snapshot import Snapshot

logger = get_logger(__name__)

REFRESH: Final = 5
"""Ticks after which pages are read again although the snapshot looks as before: what is listed may
have changed while the counts have not."""
IDLE_TICKS: Final = 3
"""Ticks between two signs of life to a page that has nothing to read again."""


@dataclass(frozen=True, slots=True)
class Tick:
    """What viewers are sent.

    Attributes:
        number: of the tick, from 1.
        is_changed: whether pages should be read again.
        error: why the broker could not be asked; empty if it could.
    """

    number: int
    is_changed: bool
    error: str = ""


class SnapshotFeed:
    """Takes a snapshot at each tick while a viewer listens.

    Args:
        take: takes a snapshot.
        interval: seconds between two ticks.
        timeout: seconds that a snapshot may take.
        max_viewers: how many may listen at the same time.
    """

    def __init__(
        self,
        take: Callable[[], Coroutine[Any, Any, Snapshot]],
        *,
        interval: float,
        timeout: float,
        max_viewers: int,
    ) -> None:
        self._take = take
        self._interval = interval
        self._timeout = timeout
        self._max_viewers = max_viewers
        self._viewers: set[asyncio.Queue[Tick | None]] = set()
        self._loop: asyncio.Task[None] | None = None
        self._wakeup = asyncio.Event()

    @property
    def viewers(self) -> int:
        """How many viewers listen."""
        return len(self._viewers)

    @property
    def is_full(self) -> bool:
        """Whether no further viewer may listen."""
        return len(self._viewers) >= self._max_viewers

    def notify(self) -> None:
        """Have the next tick now: a viewer has changed something."""
        self._wakeup.set()

    def close(self) -> None:
        """Send all viewers away: the dashboard ends."""
        for viewer in self._viewers:
            if viewer.full():
                viewer.get_nowait()
            viewer.put_nowait(None)

    async def ticks(self) -> AsyncGenerator[Tick, None]:
        """Yield the ticks from now on; a viewer who is slow misses some."""
        viewer: asyncio.Queue[Tick | None] = asyncio.Queue(maxsize=1)
        self._viewers.add(viewer)
        if self._loop is None or self._loop.done():
            self._loop = asyncio.create_task(self._run())
        try:
            while (tick := await viewer.get()) is not None:
                yield tick
        finally:
            self._viewers.discard(viewer)
            if not self._viewers and self._loop is not None:
                self._loop.cancel()
                self._loop = None

    async def _run(self) -> None:
        number, last, quiet = 0, b"", 0
        while True:
            number += 1
            is_forced = self._wakeup.is_set()
            self._wakeup.clear()
            digest, error = await self._look()
            quiet = 0 if is_forced or digest != last or quiet >= REFRESH - 1 else quiet + 1
            last = digest
            if quiet % IDLE_TICKS == 0:
                self._send(Tick(number, quiet == 0, error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._interval):
                    await self._wakeup.wait()

    async def _look(self) -> tuple[bytes, str]:
        try:
            async with asyncio.timeout(self._timeout):
                return digest_of(await self._take()), ""
        except Exception as error:  # noqa: BLE001  # a store that is away; it is asked again
            logger.debug("The dashboard can't ask the broker: %s", error)
            return b"", f"{type(error).__name__}: {error}"

    def _send(self, tick: Tick) -> None:
        for viewer in self._viewers:
            if viewer.full():
                late = viewer.get_nowait()
                if late is None:
                    viewer.put_nowait(None)
                    continue
                is_changed = tick.is_changed or late.is_changed
                viewer.put_nowait(Tick(tick.number, is_changed, tick.error))
            else:
                viewer.put_nowait(tick)


def digest_of(snapshot: Snapshot) -> bytes:
    """Return a hash of everything in a snapshot that does not change by waiting alone."""
    queues = [
        (name, stats.waiting, stats.delivered, stats.delayed, stats.dead, stats.is_paused)
        for name, stats in (snapshot.queues or {}).items()
    ]
    workers = [
        (
            each.worker_id,
            each.state,
            each.tasks_done,
            each.running_count,
            [(task.task_id, task.attempt) for task in each.running],
        )
        for each in snapshot.workers or ()
    ]
    counters = [
        (each.minute, each.task_name, each.started, each.succeeded, each.failed, each.dead)
        for each in snapshot.counters or ()
    ]
    return blake2b(repr((queues, workers, counters)).encode(errors="replace")).digest()
