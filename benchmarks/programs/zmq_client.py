"""ZeroMQ: tasks that do nothing, one client, one worker process.

Without `--results` (taskiq 0.13, which acknowledges and returns nothing) a task counts as done when
the worker has counted it; with `--results` when its result is here. Either way at most `--ahead`
tasks are under way: taskiq 0.13 drops what its socket's buffer of 1,000 messages cannot hold.
"""

import argparse
import asyncio
import json
import statistics
import time

from zmq_app import broker, counter, noop, read_counter


async def first_sign_of_life(seconds: float = 30) -> None:
    """Send until the worker has run something: a subscriber that is not there yet misses it."""
    deadline = time.monotonic() + seconds
    while read_counter(counter) == 0:
        if time.monotonic() > deadline:
            raise SystemExit("the worker ran nothing")
        await noop.kiq()
        await asyncio.sleep(0.1)
    await asyncio.sleep(1)  # what was sent meanwhile


async def counted_per_second(count: int, ahead: int) -> float:
    before = read_counter(counter)
    deadline = time.monotonic() + 120
    started = time.perf_counter()
    for sent in range(count):
        while sent - (read_counter(counter) - before) >= ahead:
            await asyncio.sleep(0)
        await noop.kiq()
    while read_counter(counter) - before < count:
        if time.monotonic() > deadline:
            raise SystemExit(f"{read_counter(counter) - before} of {count} tasks arrived")
        await asyncio.sleep(0)
    return count / (time.perf_counter() - started)


async def returned_per_second(count: int, ahead: int) -> float:
    async def send_and_wait(times: int) -> None:
        for _ in range(times):
            task = await noop.kiq()
            result = await task.wait_result(timeout=60)
            result.raise_for_error()

    started = time.perf_counter()
    await asyncio.gather(*(send_and_wait(count // ahead) for _ in range(ahead)))
    return count / (time.perf_counter() - started)


async def round_trip_milliseconds(count: int) -> list[float]:
    times = []
    for _ in range(count):
        started = time.perf_counter()
        task = await noop.kiq()
        await task.wait_result(timeout=10)
        times.append((time.perf_counter() - started) * 1e3)
    return times


async def measure(options: argparse.Namespace) -> dict[str, float]:
    await broker.startup()
    await first_sign_of_life()
    figures = {}
    if options.results:
        figures["zmq"] = await returned_per_second(options.count, options.ahead)
        times = await round_trip_milliseconds(options.round_trips)
        figures["zmq_round_trip"] = statistics.median(times)
        figures["zmq_round_trip_p99"] = statistics.quantiles(times, n=100)[98]
    else:
        figures["zmq"] = await counted_per_second(options.count, options.ahead)
    await broker.shutdown()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--ahead", type=int, default=500)
    parser.add_argument("--round-trips", type=int, default=1_000)
    parser.add_argument("--results", action="store_true")
    print(json.dumps(asyncio.run(measure(parser.parse_args()))))


if __name__ == "__main__":
    main()
