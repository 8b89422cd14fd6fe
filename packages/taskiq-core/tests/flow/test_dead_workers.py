"""What dead workers held is given back at once, but only where their death is certain."""

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from taskiq_core import Capability
from taskiq_core.flow import dead_workers
from taskiq_core.flow.dead_workers import Neighbours
from taskiq_core.flow.process_facts import process_exists, process_space
from taskiq_core.messages.worker_record import WorkerRecord
from taskiq_core.worker_report import WorkerState


def record_of(pid: int, worker_id: str = "other", space: str | None = "here") -> WorkerRecord:
    now = datetime.now(UTC)
    return WorkerRecord(
        worker_id=worker_id,
        host="web-1",
        pid=pid,
        process_space=space,
        state=WorkerState.RUNNING,
        started_at=now,
        seen_at=now,
    )


def test_worker_whose_process_is_gone_is_dead_also_after_its_record_has_ended() -> None:
    living = {17}
    neighbours = Neighbours("here", living.__contains__)

    assert neighbours.dead([record_of(17), record_of(18, "gone")]) == ["gone"]
    neighbours.forget("gone")
    assert neighbours.dead([]) == []  # a record that has ended proves nothing
    living.clear()
    assert neighbours.dead([]) == ["other"]


@pytest.mark.parametrize("space", ["elsewhere", None])
def test_worker_that_cannot_be_seen_is_not_dead(space: str | None) -> None:
    neighbours = Neighbours("here", lambda _: False)

    assert neighbours.dead([record_of(17, space=space)]) == []


def test_processes_exist_until_they_are_reaped() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)

    assert process_exists(process.pid)
    process.communicate()
    assert not process_exists(process.pid)
    assert process_exists(os.getpid())


@pytest.mark.skipif(sys.platform != "linux", reason="process spaces are known on Linux only")
async def test_worker_gives_back_what_its_dead_neighbour_held(
    store: Any, work: Any, caplog: pytest.LogCaptureFixture
) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    store.records["gone"] = record_of(process.pid, "gone", process_space())

    async with work.running():
        await work.until(lambda: "gone" in store.withdrawn)

    assert store.reclaimed == ["gone"]
    assert "Worker gone is dead; messages given back: 1" in caplog.text


async def test_looks_go_on_after_a_failure(
    store: Any, work: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dead_workers, "LOOK_INTERVAL", 0.01)
    monkeypatch.setattr(dead_workers, "process_space", lambda: "here")
    looks = 0
    again = asyncio.Event()

    async def workers() -> list[WorkerRecord]:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise ConnectionError("away")
        again.set()
        return []

    store.workers = workers
    async with work.running():
        await again.wait()

    assert "Dead workers can't be looked for: away" in caplog.text


@pytest.mark.parametrize("lacks", ["capability", "need"])
async def test_nothing_is_given_back_where_the_broker_cannot_or_need_not(
    store: Any, work: Any, lacks: str
) -> None:
    if lacks == "need":
        store.reclaims_itself = True
    else:
        store.capabilities -= {Capability.PRESENCE}
    async with work.running() as receiver:
        assert await receiver.reclaim_from("gone") == 0

    assert store.reclaimed == []


async def test_server_that_reclaims_itself_is_not_asked_to(store: Any, work: Any) -> None:
    """The timer of `reclaim` is left out: the time of a whole task passes without a call."""
    store.reclaims_itself = True
    store.reclaim_interval = 0.001

    async def take_a_while() -> None:
        await asyncio.sleep(0.05)

    await store.register_task(take_a_while, "shop").kiq()
    await work.through()

    assert store.reclaimed == []
