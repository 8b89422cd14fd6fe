"""Time that passes when nothing else is to be done."""

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from taskiq_testkit.clock import VirtualClock

START = datetime(2026, 3, 1, tzinfo=UTC)


def test_month_of_sleep_takes_no_time() -> None:
    clock = VirtualClock(START)

    async def main() -> datetime:
        for _ in range(31 * 24):
            await asyncio.sleep(3600)
        return clock.now()

    started = time.perf_counter()
    ended = clock.run(main())

    assert ended == START + timedelta(days=31)
    assert time.perf_counter() - started < 30


def test_timers_fire_in_their_order_at_their_time() -> None:
    clock = VirtualClock(START)
    fired: list[tuple[str, float]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for name, seconds in (("late", 5e8), ("soon", 0.1), ("later", 5e8 + 0.25)):
            loop.call_later(seconds, lambda name=name: fired.append((name, clock.monotonic())))
        await asyncio.sleep(1e9)

    clock.run(main())

    assert [name for name, _ in fired] == ["soon", "late", "later"]
    assert [seconds for _, seconds in fired] == pytest.approx([0.1, 5e8, 5e8 + 0.25])


def test_timeouts_are_of_virtual_time() -> None:
    clock = VirtualClock(START)

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await asyncio.Event().wait()

    clock.run(main())

    assert clock.now() == START + timedelta(hours=1)


def test_time_goes_on_in_the_next_run() -> None:
    clock = VirtualClock(START)

    clock.run(asyncio.sleep(60))
    clock.run(asyncio.sleep(60))

    assert clock.monotonic() == pytest.approx(120)


def test_time_stands_still_while_a_thread_works() -> None:
    clock = VirtualClock(START)
    release = threading.Event()

    async def main() -> str:
        threading.Timer(0.05, release.set).start()
        async with asyncio.timeout(1):
            await asyncio.to_thread(release.wait)
        return "ended"

    assert clock.run(main()) == "ended"
    assert clock.now() == START


def test_others_are_waited_for_where_it_is_told_to() -> None:
    """A thread of which the event loop knows nothing."""
    clock = VirtualClock(START, settle=30)

    async def main() -> float:
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        threading.Timer(0.05, loop.call_soon_threadsafe, [done.set]).start()
        async with asyncio.timeout(60):
            await done.wait()
        return clock.monotonic()

    assert clock.run(main()) == 0


def test_clock_that_is_set_moves_no_timer() -> None:
    clock = VirtualClock(START)

    async def main() -> None:
        sleeping = asyncio.create_task(asyncio.sleep(100))
        clock.shift(timedelta(hours=-1))
        await sleeping

    clock.run(main())

    assert clock.now() == START - timedelta(hours=1) + timedelta(seconds=100)
    assert clock.monotonic() == pytest.approx(100)


def test_waiting_ends_by_the_event_by_time_and_when_the_clock_is_set() -> None:
    clock = VirtualClock(START)
    ended: list[float] = []

    async def main() -> None:
        event, never = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        await clock.wait(never, 10)
        ended.append(clock.monotonic())
        loop.call_later(5, event.set)
        await clock.wait(event, 100)
        ended.append(clock.monotonic())
        loop.call_later(7, clock.shift, timedelta(days=1))
        await clock.wait(never, 100)
        ended.append(clock.monotonic())

    clock.run(main())

    assert ended == pytest.approx([10, 15, 22])


def test_start_is_an_aware_moment() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        VirtualClock(datetime(2026, 1, 1))  # noqa: DTZ001  # what is refused
    there = VirtualClock(START.astimezone(timezone(timedelta(hours=5))))
    assert there.now().utcoffset() == timedelta(0)
