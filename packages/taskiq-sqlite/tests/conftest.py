"""Brokers on private files."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from taskiq_sqlite import SQLiteBroker, SQLiteResultBackend
from taskiq_testservers.sqlite_workers import Inbox, SpawnWorker, WorkerProcess, spawn_process

MakeBroker = Callable[..., SQLiteBroker]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tasks.db"


@pytest.fixture
async def make_broker(path: Path) -> AsyncIterator[MakeBroker]:
    """Make brokers on one file; closes them at the end."""
    async with AsyncExitStack() as stack:

        def make(**options: Any) -> SQLiteBroker:
            broker = SQLiteBroker(path, **options)
            stack.push_async_callback(broker.shutdown)
            return broker

        yield make


@pytest.fixture
def broker(make_broker: MakeBroker) -> SQLiteBroker:
    return make_broker()


@pytest.fixture
async def backend(path: Path) -> AsyncIterator[SQLiteResultBackend[Any]]:
    backend: SQLiteResultBackend[Any] = SQLiteResultBackend(path, poll_interval=60.0)
    yield backend
    await backend.shutdown()


@pytest.fixture
async def make_inbox(make_broker: MakeBroker) -> AsyncIterator[Callable[..., Inbox]]:
    """Listen to brokers; stops at the end, and before the brokers do."""
    async with AsyncExitStack() as stack:

        def make(broker: SQLiteBroker, slots: int = 10) -> Inbox:
            inbox = Inbox(broker, slots)
            stack.push_async_callback(inbox.close)
            return inbox

        yield make


@pytest.fixture
def inbox(make_inbox: Callable[..., Inbox], broker: SQLiteBroker) -> Inbox:
    return make_inbox(broker)


@pytest.fixture
def spawn_worker(path: Path) -> Iterator[SpawnWorker]:
    """Start worker processes on the file; kills them at the end."""
    workers: list[WorkerProcess] = []

    def spawn(**options: str) -> WorkerProcess:
        workers.append(spawn_process(path, **options))
        return workers[-1]

    yield spawn
    for worker in workers:
        worker.kill()
