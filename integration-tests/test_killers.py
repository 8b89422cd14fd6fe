"""Tasks that kill their workers are buried, and other tasks that ran beside them are not."""

import asyncio
import sys
import textwrap
from pathlib import Path

import pytest

from taskiq_sqlite import SQLiteBroker

WORKER = """
    import asyncio
    import os
    import signal

    from taskiq_core.receiver import Receiver
    from taskiq_sqlite import SQLiteBroker

    broker = SQLiteBroker("killers.db", lease=0.5)
    broker.is_worker_process = True


    @broker.task(task_name="work")
    async def work(number: int) -> int:
        await asyncio.sleep(0.05)
        return number


    @broker.task(task_name="kill")
    async def kill() -> None:
        await asyncio.sleep(0.02)
        os.kill(os.getpid(), signal.SIGKILL)


    asyncio.run(Receiver(broker, max_async_tasks=10).listen(asyncio.Event()))
"""
GOOD, KILLERS = 200, 5


async def keep_worker(folder: Path) -> None:
    """Run a worker, and the next one when it has died, until this is cancelled."""
    while True:
        process = await asyncio.create_subprocess_exec(sys.executable, "worker.py", cwd=folder)
        try:
            await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


@pytest.mark.timeout(240)
async def test_only_killers_are_buried(tmp_path: Path) -> None:
    """Two workers of ten slots run 200 good tasks with five killers among them."""
    (tmp_path / "worker.py").write_text(textwrap.dedent(WORKER))
    broker = SQLiteBroker(tmp_path / "killers.db", lease=0.5)
    work, kill = broker.task("work")(_never), broker.task("kill")(_never)

    async with broker, asyncio.TaskGroup() as workers:
        good, killers = [], []
        for number in range(GOOD):
            if number % (GOOD // KILLERS) == 3:
                killers.append(await kill.kiq())
            good.append(await work.kiq(number))
        running = [workers.create_task(keep_worker(tmp_path)) for _ in range(2)]
        returned = [(await task.wait_result(timeout=200)).return_value for task in good]
        buried = [await task.wait_result(timeout=200) for task in killers]
        while len(letters := await broker.dead_letters()) < KILLERS:  # noqa: ASYNC110  # of other processes
            await asyncio.sleep(0.05)  # results are stored before their messages are buried
        for each in running:
            each.cancel()

    assert returned == list(range(GOOD))
    assert [type(result.error).__name__ for result in buried] == ["MaxDeliveriesError"] * KILLERS
    assert {letter.task_id for letter in letters} == {task.task_id for task in killers}


async def _never(number: int = 0) -> int:
    await asyncio.sleep(0)
    raise AssertionError(f"it runs in the workers: {number}")
