"""`python -m taskiq_testservers.endurance sqlite|redis [MINUTES]`: does a worker grow?

It serves mixed traffic, errors, retries, aborts and time limits, for some minutes (30). What it has
at the end is compared with what it had after the first minute, each time when all tasks have ended.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from taskiq_testservers.endurance.measures import Sample, sample
from taskiq_testservers.endurance.stores import STORES, Store

MINUTES: Final = 30.0
PATIENCE: Final = 90.0
WARM_UP: Final = 4_000
"""Tasks of the first minute at least: by then all threads have been started."""
COMMAND: Final = ("worker", "taskiq_testservers.endurance.application:broker", "--workers", "1")


async def main(name: str, minutes: float) -> int:
    """Run to the end.

    Returns:
        The exit status: 1 if something has grown.
    """
    with tempfile.TemporaryDirectory(prefix="taskiq-endurance-") as folder:
        async with STORES[name](Path(folder)) as store:
            os.environ["TASKIQ_BROKER_URL"] = store.url
            samples = await _serve(store, Path(folder), minutes)
    # How much memory is just in use differs by some megabytes; what has leaked is in each sample.
    calmest = min(samples[-5:], key=lambda each: each.workers.memory)
    grown = calmest.grown_since(samples[0])
    print("\n".join(grown) or f"Nothing has grown in {len(samples)} minutes.")
    return 1 if grown else 0


async def _serve(store: Store, folder: Path, minutes: float) -> list[Sample]:
    # Imported when the environment says which broker it is.
    from taskiq_testservers.endurance.application import broker
    from taskiq_testservers.endurance.traffic import traffic

    samples: list[Sample] = []
    async with broker, _worker(folder) as worker:  # type: ignore[attr-defined]
        for minute in range(1, round(minutes) + 1):
            count = await traffic(60.0, at_least=0 if samples else WARM_UP)
            await _settled(broker, store)
            samples.append(sample(worker.pid, store.rows()))
            print(f"minute {minute}: {count} tasks; {samples[-1]}", flush=True)
            assert worker.poll() is None, "the worker has ended"
    return samples


@asynccontextmanager
async def _worker(folder: Path) -> AsyncIterator["subprocess.Popen[bytes]"]:
    taskiq = Path(sys.executable).with_name("taskiq")
    log = folder / "worker.log"
    with log.open("wb") as output:
        worker = subprocess.Popen([taskiq, *COMMAND], cwd=folder, stdout=output, stderr=output)
    try:
        yield worker
    except BaseException:
        print(log.read_text()[-9000:])
        raise
    finally:
        worker.terminate()
        await asyncio.to_thread(worker.wait)


async def _settled(broker: Any, store: Store) -> None:
    """Wait until nothing runs and no result is left, and drop the dead letters."""
    async with asyncio.timeout(PATIENCE):
        while True:
            stats, rows = await broker.stats(), store.rows()
            kept = rows.get("results", 0) + rows.get("result", 0) + rows.get("progress", 0)
            if not (stats.waiting or stats.delayed or stats.delivered or kept):
                break
            await asyncio.sleep(0.5)
    await broker.purge_dead_letters()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1], float(sys.argv[2]) if sys.argv[2:] else MINUTES)))
