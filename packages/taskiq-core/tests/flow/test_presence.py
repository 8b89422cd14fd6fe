"""A worker keeps a record of itself in the store, as long as it lives."""

import asyncio
import os
import platform
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from taskiq_core import Capability
from taskiq_core.flow import presence
from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_core.worker_report import WorkerState


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "INTERVAL", 0.05)


async def test_worker_is_announced_and_withdrawn(store: Any, work: Any) -> None:
    store.register_task(lambda: None, "shop")
    store.queues = QueueSelection.parse("mails,reports=3")

    async with work.running(max_async_tasks=7) as receiver:
        receiver.supervisor_id = "web-1-4102"
        await store.announced.wait()
        record = store.records["web-1-4102-0"]

    assert store.withdrawn == ["web-1-4102-0"]
    assert store.records == {}
    assert (record.host, record.pid) == (platform.node(), os.getpid())
    assert record.state is WorkerState.RUNNING
    assert record.queues == ("mails", "reports")
    assert record.slots_total == 7
    assert record.task_names == ["shop"]
    assert record.versions["taskiq-core"]
    assert (record.running, record.running_count, record.tasks_done) == ([], 0, 0)
    if platform.system() == "Linux":
        assert record.memory is not None
        assert record.memory > 1_000_000
        assert record.process_space


async def test_record_names_what_runs_and_counts_what_is_done(store: Any, work: Any) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        begun.set()
        await go_on.wait()

    store.options = {"attempt": 2, "unsettled": 0}
    await store.register_task(lambda: None, "quick").kiq()
    sent = await store.register_task(hang, "hang").kiq()
    before = datetime.now(UTC)

    async with work.running() as receiver:
        await begun.wait()
        await work.until(lambda: receiver.tasks_done)
        store.announced.clear()
        await store.announced.wait()
        record = store.records["web-1-4102-0"]
        go_on.set()

    [running] = record.running
    assert (running.task_id, running.task_name, running.attempt) == (sent.task_id, "hang", 2)
    assert before <= running.started_at <= record.seen_at
    assert (record.running_count, record.tasks_done) == (1, 1)


async def test_record_says_how_late_the_event_loop_was(store: Any, work: Any) -> None:
    async with work.running():
        await store.announced.wait()
        store.announced.clear()
        time.sleep(0.2)  # which is what is measured
        await store.announced.wait()
        lag = store.records["web-1-4102-0"].loop_lag

    assert lag > 0.1


async def test_worker_goes_on_while_it_cannot_be_announced(
    store: Any, work: Any, caplog: pytest.LogCaptureFixture
) -> None:
    store.failures = [ConnectionError("away")] * 2

    async with work.running():
        await store.announced.wait()

    assert caplog.text.count("This worker can't be announced: away") == 1


@pytest.mark.parametrize("lacks", ["capability", "id"])
async def test_worker_is_not_announced_without_presence(store: Any, work: Any, lacks: str) -> None:
    if lacks == "id":
        store.worker_id = ""
    else:
        store.capabilities -= {Capability.PRESENCE}
    await store.register_task(lambda: None, "shop").kiq()

    await work.through(run_startup=False)

    assert not store.announced.is_set()
    assert store.withdrawn == []


async def test_worker_without_supervisor_gets_an_id(store: Any, work: Any) -> None:
    store.worker_id = ""

    async with work.running():
        await store.announced.wait()
        [worker_id] = store.records

    assert worker_id == store.worker_id
    assert worker_id.startswith(f"{platform.node()}-{os.getpid()}-")
