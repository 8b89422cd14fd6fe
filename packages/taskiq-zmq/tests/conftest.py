"""Clients and workers on private, free addresses."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from taskiq_testservers.zmq_workers import (
    SCRIPT,
    MakeClient,
    MakeWorker,
    SpawnWorker,
    WorkerInLoop,
    WorkerProcess,
    on_loopback,
)
from taskiq_zmq import ZeroMQBroker


@pytest.fixture
async def make_client() -> AsyncIterator[MakeClient]:
    """Start clients; stops them at the end."""
    async with AsyncExitStack() as stack:

        async def make(address: str = "tcp://127.0.0.1:0", **options: Any) -> ZeroMQBroker:
            client = on_loopback(address, **options)
            await client.startup()
            stack.push_async_callback(client.shutdown)
            return client

        yield make


@pytest.fixture
async def client(make_client: MakeClient) -> ZeroMQBroker:
    return await make_client()


@pytest.fixture
async def make_worker(make_client: MakeClient) -> AsyncIterator[MakeWorker]:
    """Make worker brokers with the tasks of clients, and run them in this loop."""
    del make_client  # asked for so that workers are stopped before their clients
    async with AsyncExitStack() as stack:

        def make(*clients: ZeroMQBroker, max_async_tasks: int = 10, **options: Any) -> WorkerInLoop:
            options.setdefault("mode", clients[0].mode)
            broker = ZeroMQBroker(
                zmq_sub_host=[each.bound_address for each in clients],
                **options,
            )
            broker.is_worker_process = True
            for each in clients:
                for task in each.get_all_tasks().values():
                    if broker.find_task(task.task_name) is None:
                        broker.register_task(task.original_func, task.task_name, **task.labels)
            worker = WorkerInLoop(broker, max_async_tasks)
            stack.push_async_callback(worker.stop)
            return worker

        yield make


@pytest.fixture
def spawn_worker() -> Iterator[SpawnWorker]:
    """Start worker processes; kills them at the end."""
    workers: list[WorkerProcess] = []

    def spawn(*addresses: str, **options: str) -> WorkerProcess:
        environment = {**os.environ, "ADDRESSES": ",".join(addresses), **options}
        process = subprocess.Popen([sys.executable, str(SCRIPT)], env=environment)
        workers.append(WorkerProcess(process))
        return workers[-1]

    yield spawn
    for worker in workers:
        worker.kill()
        worker.process.wait()
