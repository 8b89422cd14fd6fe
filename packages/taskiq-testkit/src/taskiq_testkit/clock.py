"""VirtualClock: an event loop whose time is not the machine's, so that a month takes a second."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, TypeVarTuple, Unpack

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

RESOLUTION = 1e-6
"""Seconds that make no difference: a sum of floats may miss the time of a timer by less."""


class VirtualClock:
    """A clock that jumps to the next timer whenever nothing else is to be done.

    `run` is `asyncio.run` on an event loop that this clock drives. `asyncio.sleep`, timeouts,
    `loop.call_later`, and with them schedules, delays, retries and leases, take no time::

        clock = VirtualClock(datetime(2026, 3, 1, tzinfo=UTC))
        loop = SchedulerLoop(scheduler, clock=clock)
        clock.run(main())

    While functions run in threads of the event loop (`asyncio.to_thread`), time stands still. Of
    what other threads, processes and servers do it knows nothing: give them real time with
    `settle`. `time.time()` and `datetime.now()` stay the machine's.

    Args:
        start: what `now` says at first, an aware datetime.
        settle: seconds of real time to wait for others before each jump.
    """

    def __init__(
        self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC), *, settle: float = 0.0
    ) -> None:
        if start.utcoffset() is None:
            raise ValueError(f"{start} has no time zone: datetime(..., tzinfo=UTC)")
        self._start = start.astimezone(UTC)
        self._settle = settle
        self._seconds = 0.0
        self._waiting: set[asyncio.Event] = set()

    def now(self) -> datetime:
        """The moment, in UTC."""
        return self._start + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        """Seconds that have passed on the event loop; they only grow."""
        return self._seconds

    def shift(self, by: timedelta) -> None:
        """Set `now` ahead or back, as if the machine's clock were set; timers do not notice."""
        self._start += by
        for event in self._waiting:
            event.set()

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Return when the event is set, after so many seconds, or when the clock is set."""
        was_shifted = asyncio.Event()
        self._waiting.add(was_shifted)
        waits = [asyncio.ensure_future(each.wait()) for each in (event, was_shifted)]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiting.discard(was_shifted)
            for each in waits:
                each.cancel()

    def run(self, main: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine to its end, as `asyncio.run` does.

        It may be called again: time goes on where it stood.
        """
        with asyncio.Runner(loop_factory=self._make_loop) as runner:
            return runner.run(main)

    def _make_loop(self) -> "VirtualEventLoop":
        return VirtualEventLoop(self.monotonic, self._jump, self._settle)

    def _jump(self, seconds: float) -> None:
        self._seconds += seconds


class VirtualEventLoop(asyncio.SelectorEventLoop):
    """An event loop on the time of a clock; `VirtualClock.run` makes it.

    Args:
        now: seconds that only grow.
        jump: puts them ahead.
        settle: seconds of real time to wait for others before each jump.
    """

    def __init__(
        self, now: Callable[[], float], jump: Callable[[float], None], settle: float
    ) -> None:
        self._now = now
        self._in_threads = 0
        super().__init__(_JumpingSelector(jump, self._is_thread_at_work, settle))
        self._clock_resolution = RESOLUTION

    def time(self) -> float:
        """Seconds on the clock."""
        return self._now()

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[_Ts]], _T], *args: *_Ts
    ) -> asyncio.Future[_T]:
        """Run a function in a thread; time stands still until it has ended."""
        future = super().run_in_executor(executor, func, *args)
        self._in_threads += 1
        future.add_done_callback(self._on_thread_done)
        return future

    def _is_thread_at_work(self) -> bool:
        return self._in_threads > 0

    def _on_thread_done(self, _: object) -> None:
        self._in_threads -= 1


class _JumpingSelector(selectors.DefaultSelector):
    """Asks for what has happened; where nothing has, and nothing is on its way, time jumps."""

    def __init__(
        self, jump: Callable[[float], None], is_thread_at_work: Callable[[], bool], settle: float
    ) -> None:
        super().__init__()
        self._jump = jump
        self._is_thread_at_work = is_thread_at_work
        self._settle = settle

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What has happened; waits for real only where no timer is left, or a thread runs."""
        if timeout is None or (timeout > 0 and self._is_thread_at_work()):
            return super().select(None)
        found = super().select(min(self._settle, timeout) if timeout > 0 else 0)
        if not found and timeout > 0:
            self._jump(timeout)
        return found
