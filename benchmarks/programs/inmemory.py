"""InMemoryBroker: `kiq` and `wait_result` of a task that does nothing.

Runs under taskiq 0.13 and under ours: only public import paths of `taskiq`. `check_interval` is the
smallest there is, so that a version that polls loses no time asleep.
"""

import argparse
import asyncio
import json
import time

from taskiq import InMemoryBroker


async def microseconds_per_task(
    count: int, *, await_inplace: bool = False, at_once: int = 1, timeout: float = -1
) -> float:
    broker = InMemoryBroker(await_inplace=await_inplace)

    @broker.task(task_name="noop")
    async def noop() -> None:
        pass

    async def send_and_wait(times: int) -> None:
        for _ in range(times):
            task = await noop.kiq()
            result = await task.wait_result(check_interval=0, timeout=timeout)
            result.raise_for_error()

    await broker.startup()
    await send_and_wait(200)  # warm-up

    started = time.perf_counter()
    await asyncio.gather(*(send_and_wait(count // at_once) for _ in range(at_once)))
    elapsed = time.perf_counter() - started

    await broker.shutdown()
    return elapsed / count * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5_000)
    count = parser.parse_args().count
    figures = {
        "inmemory": asyncio.run(microseconds_per_task(count)),
        "inmemory_timeout": asyncio.run(microseconds_per_task(count, timeout=10)),
        "inmemory_inplace": asyncio.run(microseconds_per_task(count, await_inplace=True)),
        "inmemory_20_at_once": asyncio.run(microseconds_per_task(count, at_once=20)),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
