# ruff: noqa: S101  # contract tests assert
"""Aborts: of what waits, of what runs, and of what is no more."""

import asyncio
from contextlib import aclosing

import pytest

from taskiq_core.broker import AsyncBroker
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import TaskAbortedError
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.outcomes import Ack
from taskiq_testkit.contract import proves
from taskiq_testkit.contracts.base import BrokerBase
from taskiq_testkit.contracts.distribution import WORKERS
from taskiq_testkit.deadline import within
from taskiq_testkit.harness import BrokerHarness


class AbortContract(BrokerBase):
    """Aborts."""

    @proves(Capability.ABORT)
    async def test_delayed_task_is_never_started(self, harness: BrokerHarness) -> None:
        """A task that is aborted while it waits is never run, and is done with at once."""
        started: list[str] = []

        async def never() -> None:
            started.append("started")

        harness.task("never", never)
        labels = {"delay": 1000.0} if harness.declares(Capability.DELAY) else {}
        receiver = None if harness.has_workers else await harness.receiver()
        task = await harness.call("never", **labels)

        state = await harness.broker.abort(task.task_id)

        receiver = receiver or await harness.receiver()
        assert state is AbortState.QUEUED
        assert isinstance(await receiver.outcome_of(task.task_id), Ack)
        assert started == []

    @proves(Capability.ABORT)
    async def test_running_task_is_cancelled(self, harness: BrokerHarness) -> None:
        """A task that is aborted while it runs is cancelled, and its message is done with."""
        started, ended = asyncio.Event(), asyncio.Event()

        async def endless() -> None:
            started.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        harness.task("endless", endless)
        receiver = await harness.receiver()
        task = await harness.call("endless")
        async with within(harness.patience, "the start of a task"):
            await started.wait()

        state = await harness.broker.abort(task.task_id)

        assert state is AbortState.RUNNING
        assert isinstance(await receiver.outcome_of(task.task_id), Ack)
        assert ended.is_set()

    @proves(Capability.ABORT, needs=WORKERS)
    async def test_aborted_message_is_delivered_with_its_mark(self, harness: BrokerHarness) -> None:
        """What is aborted while it waits is delivered with `aborted` set."""
        worker = await harness.stream(2)
        task_id = await harness.send("aborted")
        await harness.send("other")

        state = await harness.broker.request_abort(task_id)

        marks = {held.text: held.delivery.aborted for held in await worker.take(2)}
        assert state is AbortState.QUEUED
        assert marks == {"aborted": True, "other": False}

    @proves(Capability.ABORT, beside=(Capability.DELAY,), needs=WORKERS)
    async def test_delayed_message_comes_at_once_when_aborted(self, harness: BrokerHarness) -> None:
        """A delayed message that is aborted is delivered soon, whatever its delay was."""
        worker = await harness.stream()
        task_id = await harness.send("delayed", delay=1000.0)
        waiting = asyncio.create_task(worker.next())

        await harness.broker.request_abort(task_id)

        held = await waiting
        assert (held.task_id, held.delivery.aborted) == (task_id, True)

    @proves(Capability.ABORT, needs=WORKERS)
    async def test_worker_is_told_of_a_running_task(self, harness: BrokerHarness) -> None:
        """`aborts` yields the id of a task that is delivered, also when it is opened later."""
        worker = await harness.stream()
        task_id = await harness.send("running")
        held = await worker.next()
        told = asyncio.create_task(_first_abort(worker.broker, task_id))

        state = await harness.broker.request_abort(task_id)

        async with within(harness.patience, "the news of an abort"):
            await told
            await _first_abort(worker.broker, task_id)
        assert state is AbortState.RUNNING
        await held.ack()

    @proves(Capability.ABORT)
    async def test_unknown_and_settled_tasks(self, harness: BrokerHarness) -> None:
        """The abort of a task that is nowhere says so, and harms nobody."""
        worker = await harness.worker()
        task_id = await harness.send("done")
        await (await worker.next()).ack()

        async def is_unknown() -> bool:
            return await harness.broker.request_abort(task_id) is AbortState.UNKNOWN

        await harness.until(is_unknown, "the end of a task that was acknowledged")
        assert await harness.broker.request_abort("no such task") is AbortState.UNKNOWN
        await harness.is_empty(worker)

    @proves(Capability.ABORT, beside=(Capability.PUSH_RESULTS,))
    async def test_caller_of_an_aborted_task_is_told(self, harness: BrokerHarness) -> None:
        """Whoever waits for a task that was aborted gets TaskAbortedError."""

        async def endless() -> None:
            await asyncio.Event().wait()

        harness.task("endless", endless)
        await harness.receiver()
        task = await harness.call("endless")

        await task.abort(timeout=harness.patience)

        result = await task.get_result()
        with pytest.raises(TaskAbortedError):
            result.raise_for_error()


async def _first_abort(broker: AsyncBroker, task_id: str) -> None:
    async with aclosing(broker.aborts()) as aborts:
        async for each in aborts:
            if each == task_id:
                return
    raise AssertionError("the stream of aborts ended by itself")
