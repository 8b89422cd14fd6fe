"""Two ZeroMQ workers, one of them killed in the middle: every task runs and returns."""

import asyncio
import os
import signal
import textwrap
from collections import Counter
from pathlib import Path

from taskiq import AsyncTaskiqDecoratedTask, ZeroMQBroker
from taskiq_testservers.commands import StartWorker

TASKS = """
    import asyncio
    import os

    from taskiq import ZeroMQBroker

    ADDRESS = "tcp://127.0.0.1:{port}"
    broker = ZeroMQBroker(zmq_pub_host=ADDRESS, zmq_sub_host=ADDRESS)


    @broker.task(task_name="work")
    async def work(number: int) -> tuple[int, int]:
        await asyncio.sleep(0.002)
        return number, os.getpid()
"""
TOTAL = 2000


def client_of(port: int) -> tuple[ZeroMQBroker, AsyncTaskiqDecoratedTask[..., object]]:
    address = f"tcp://127.0.0.1:{port}"
    broker = ZeroMQBroker(zmq_pub_host=address, zmq_sub_host=address)

    async def work(number: int) -> tuple[int, int]:
        raise AssertionError("it runs in the workers")

    return broker, broker.register_task(work, task_name="work")


async def test_sigkill_of_a_worker_loses_none_of_two_thousand_tasks(
    tmp_path: Path,
    free_port: int,
    start_worker: StartWorker,
) -> None:
    (tmp_path / "tkq.py").write_text(textwrap.dedent(TASKS).format(port=free_port))
    broker, work = client_of(free_port)
    start_worker("tkq:broker", "--workers", "2", "--max-async-tasks", "20", cwd=tmp_path)
    returned: list[tuple[int, int]] = []

    async with broker:
        tasks = [await work.kiq(number) for number in range(TOTAL)]
        for result in asyncio.as_completed([task.wait_result(timeout=100) for task in tasks]):
            number, worker = (await result).raise_for_error().return_value
            returned.append((number, worker))
            if len(returned) == TOTAL // 2:
                os.kill(worker, signal.SIGKILL)

    assert sorted(number for number, _ in returned) == list(range(TOTAL))
    by_worker = Counter(worker for _, worker in returned)
    assert len(by_worker) >= 2
    assert all(count > TOTAL // 20 for _, count in by_worker.most_common(2))
