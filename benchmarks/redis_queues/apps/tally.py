"""What the tasks of all queues do: put a mark in a file, which the runner counts."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable

URL = os.environ["BENCHMARK_URL"]
KEEPS_RESULTS = os.environ.get("BENCHMARK_RESULTS") == "1"
KEEPS_HISTORY = os.environ.get("BENCHMARK_HISTORY") == "1"
CONCURRENCY = int(os.environ.get("BENCHMARK_CONCURRENCY", "100"))
TEXT = "The payload of each task: a number, and a text of some sixty letters."
NAP = 0.05
_FILE = os.open(os.environ["BENCHMARK_TALLY"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def mark() -> None:
    """One byte in one write, which is atomic among processes and threads."""
    os.write(_FILE, b".")


def work(number: int) -> int:
    """A task that does next to nothing."""
    mark()
    return number


async def nap() -> None:
    """A task that waits for something; marked at its start and at its end."""
    mark()
    await asyncio.sleep(NAP)
    mark()


def nap_in_thread() -> None:
    """Sleep, where tasks have threads or greenlets; see `nap`."""
    mark()
    time.sleep(NAP)
    mark()


async def gathered(
    send: Callable[[int], Awaitable[object]], count: int, *, at_once: int = 1000
) -> None:
    """Send many where plain sends are gathered for that, so many at a time."""
    for first in range(0, count, at_once):
        await asyncio.gather(*map(send, range(first, min(first + at_once, count))))
