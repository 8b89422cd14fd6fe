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
from taskiq_testkit.contracts.sharing import WORKERS
from taskiq_testkit.stage import Stage
from taskiq_testkit.waiting import within


class AbortContract(BrokerBase):
    """Aborts."""

    @proves(Capability.ABORT)
    async def test_delayed_task_is_never_started(self, stage: Stage) -> None:
        """A task that is aborted while it waits is never run, and is done with at once."""
        started: list[str] = []

        async def never() -> None:
            started.append("started")

        stage.task("never", never)
        labels = {"delay": 1000.0} if stage.declares(Capability.DELAY) else {}
        crew = None if stage.has_workers else await stage.crew()
        task = await stage.call("never", **labels)

        state = await stage.broker.abort(task.task_id)

        crew = crew or await stage.crew()
        assert state is AbortState.QUEUED
        assert isinstance(await crew.outcome_of(task.task_id), Ack)
        assert started == []

    @proves(Capability.ABORT)
    async def test_running_task_is_cancelled(self, stage: Stage) -> None:
        """A task that is aborted while it runs is cancelled, and its message is done with."""
        started, ended = asyncio.Event(), asyncio.Event()

        async def endless() -> None:
            started.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        stage.task("endless", endless)
        crew = await stage.crew()
        task = await stage.call("endless")
        async with within(stage.patience, "the start of a task"):
            await started.wait()

        state = await stage.broker.abort(task.task_id)

        assert state is AbortState.RUNNING
        assert isinstance(await crew.outcome_of(task.task_id), Ack)
        assert ended.is_set()

    @proves(Capability.ABORT, needs=WORKERS)
    async def test_aborted_message_is_delivered_with_its_mark(self, stage: Stage) -> None:
        """What is aborted while it waits is delivered with `aborted` set."""
        worker = await stage.stream(2)
        task_id = await stage.send("aborted")
        await stage.send("other")

        state = await stage.broker.request_abort(task_id)

        marks = {held.text: held.delivery.aborted for held in await worker.take(2)}
        assert state is AbortState.QUEUED
        assert marks == {"aborted": True, "other": False}

    @proves(Capability.ABORT, beside=(Capability.DELAY,), needs=WORKERS)
    async def test_delayed_message_comes_at_once_when_aborted(self, stage: Stage) -> None:
        """A delayed message that is aborted is delivered soon, whatever its delay was."""
        worker = await stage.stream()
        task_id = await stage.send("delayed", delay=1000.0)
        waiting = asyncio.create_task(worker.next())

        await stage.broker.request_abort(task_id)

        held = await waiting
        assert (held.task_id, held.delivery.aborted) == (task_id, True)

    @proves(Capability.ABORT, needs=WORKERS)
    async def test_worker_is_told_of_a_running_task(self, stage: Stage) -> None:
        """`aborts` yields the id of a task that is delivered, also when it is opened later."""
        worker = await stage.stream()
        task_id = await stage.send("running")
        held = await worker.next()
        told = asyncio.create_task(_first_abort(worker.broker, task_id))

        state = await stage.broker.request_abort(task_id)

        async with within(stage.patience, "the news of an abort"):
            await told
            await _first_abort(worker.broker, task_id)
        assert state is AbortState.RUNNING
        await held.ack()

    @proves(Capability.ABORT)
    async def test_unknown_and_settled_tasks(self, stage: Stage) -> None:
        """The abort of a task that is nowhere says so, and harms nobody."""
        worker = await stage.worker()
        task_id = await stage.send("done")
        await (await worker.next()).ack()

        async def is_unknown() -> bool:
            return await stage.broker.request_abort(task_id) is AbortState.UNKNOWN

        await stage.until(is_unknown, "the end of a task that was acknowledged")
        assert await stage.broker.request_abort("no such task") is AbortState.UNKNOWN
        await stage.is_empty(worker)

    @proves(Capability.ABORT, beside=(Capability.PUSH_RESULTS,))
    async def test_caller_of_an_aborted_task_is_told(self, stage: Stage) -> None:
        """Whoever waits for a task that was aborted gets TaskAbortedError."""

        async def endless() -> None:
            await asyncio.Event().wait()

        stage.task("endless", endless)
        await stage.crew()
        task = await stage.call("endless")

        await task.abort(timeout=stage.patience)

        result = await task.get_result()
        with pytest.raises(TaskAbortedError):
            result.raise_for_error()


async def _first_abort(broker: AsyncBroker, task_id: str) -> None:
    async with aclosing(broker.aborts()) as aborts:
        async for each in aborts:
            if each == task_id:
                return
    raise AssertionError("the stream of aborts ended by itself")
