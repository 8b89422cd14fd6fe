# ruff: noqa: S101  # contract tests assert
"""Workers of all machines: announced, listed, forgotten, and what a dead one held given back."""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import LeaseLostError
from taskiq_core.messages.worker_record import RunningTask, WorkerRecord
from taskiq_core.worker_report import WorkerState
from taskiq_testkit.contract import proves
from taskiq_testkit.contracts.base import BrokerBase
from taskiq_testkit.contracts.distribution import WORKERS
from taskiq_testkit.harness import BrokerHarness

MOMENT = datetime(2031, 2, 3, 4, 5, 6, 789_000, tzinfo=UTC)


class PresenceContract(BrokerBase):
    """Presence."""

    @proves(Capability.PRESENCE)
    async def test_announced_worker_is_listed(self, harness: BrokerHarness) -> None:
        """A record is listed as it was announced, by any broker of the queue, in order of ids.

        Where the queue is in one process, it is listed there.
        """
        ids = sorted(uuid4().hex for _ in range(3))
        records = [record_of(each) for each in ids]
        for record in reversed(records):
            await harness.broker.announce(record, ttl=1000.0)

        brokers = [harness.broker]
        if not harness.broker.private_to_process:
            brokers.append(await harness.worker_broker())

        for broker in brokers:
            assert [each for each in await broker.workers() if each.worker_id in ids] == records

    @proves(Capability.PRESENCE, needs=WORKERS)
    async def test_worker_announces_itself(self, harness: BrokerHarness) -> None:
        """What a worker's broker announces is listed for clients, until it is withdrawn."""
        worker = await harness.stream(worker_id=uuid4().hex)
        worker.begin()
        record = record_of(worker.broker.worker_id)

        async def is_listed() -> bool:
            return await _listed(harness, [record.worker_id]) == [record]

        await worker.broker.announce(record, ttl=1000.0)
        await harness.until(is_listed, "the record of a worker")
        await worker.broker.withdraw(record.worker_id)

        async def is_gone() -> bool:
            return await _listed(harness, [record.worker_id]) == []

        await harness.until(is_gone, "the end of a worker's record")

    @proves(Capability.PRESENCE)
    async def test_record_takes_the_place_of_the_last_one(self, harness: BrokerHarness) -> None:
        """A worker has one record, the last that it announced."""
        first = record_of(uuid4().hex)
        second = first.model_copy(update={"state": WorkerState.DRAINING, "running": []})
        await harness.broker.announce(first, ttl=1000.0)

        await harness.broker.announce(second, ttl=1000.0)

        assert await _listed(harness, [first.worker_id]) == [second]

    @proves(Capability.PRESENCE)
    async def test_record_ends_by_itself(self, harness: BrokerHarness) -> None:
        """A worker that announces nothing more is not listed when its time is over."""
        silent, alive = record_of(uuid4().hex), record_of(uuid4().hex)
        ids = [silent.worker_id, alive.worker_id]
        await harness.broker.announce(alive, ttl=1000.0)
        await harness.broker.announce(silent, ttl=2 * harness.tick)
        await asyncio.sleep(4 * harness.tick)

        assert await _listed(harness, ids) == [alive]

    @proves(Capability.PRESENCE)
    async def test_withdrawn_worker_is_gone(self, harness: BrokerHarness) -> None:
        """A worker that ends is not listed; it may say so twice."""
        gone, stays = record_of(uuid4().hex), record_of(uuid4().hex)
        for each in (gone, stays):
            await harness.broker.announce(each, ttl=1000.0)

        await harness.broker.withdraw(gone.worker_id)
        await harness.broker.withdraw(gone.worker_id)

        assert await _listed(harness, [gone.worker_id, stays.worker_id]) == [stays]

    @proves(Capability.PRESENCE, beside=(Capability.LEASE,), needs=WORKERS)
    async def test_dead_worker_loses_what_it_held(self, harness: BrokerHarness) -> None:
        """`reclaim` of an owner gives back its messages at once, and nobody else's."""
        dead_id, alive_id = uuid4().hex, uuid4().hex
        dead = await harness.stream(2, worker_id=dead_id)
        for text in ("first", "second"):
            await harness.send(text)
        lost = await dead.take(2)  # it renews their leases, so that these do not run out
        alive = await harness.stream(3, worker_id=alive_id)
        await harness.send("another's")
        kept = await alive.next()

        assert await harness.broker.reclaim(owner=uuid4().hex) == 0
        count = await harness.broker.reclaim(owner=dead_id)

        assert count == (0 if harness.broker.reclaims_itself else 2)
        again = await alive.take(2)
        assert {held.task_id for held in again} == {held.task_id for held in lost}
        assert {(held.attempt, held.delivery.unsettled) for held in again} == {(2, 1)}
        with pytest.raises(LeaseLostError):
            await lost[0].delivery.ack()
        for held in (kept, *again):
            await held.ack()
        await harness.is_empty(alive)


def record_of(worker_id: str) -> WorkerRecord:
    """Return the record of a worker, with every field."""
    return WorkerRecord(
        worker_id=worker_id,
        supervisor_id="supervisor \u4e00",
        host="host",
        pid=4711,
        state=WorkerState.RUNNING,
        started_at=MOMENT,
        seen_at=MOMENT,
        queues=["default", "mails"],
        slots_total=10,
        running=[RunningTask(task_id="id", task_name="name", attempt=2, started_at=MOMENT)],
        running_count=1,
        tasks_done=12,
        loop_lag=0.25,
        memory=50_000_000,
        versions={"taskiq": "1.0.0"},
        task_names=["name"],
    )


async def _listed(harness: BrokerHarness, ids: list[str]) -> list[WorkerRecord]:
    """Return the listed workers of these ids; there may be others."""
    return [each for each in await harness.broker.workers() if each.worker_id in ids]
