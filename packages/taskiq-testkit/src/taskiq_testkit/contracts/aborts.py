# ruff: noqa: S101  # contract tests assert
"""Aborts: of what waits, of what runs, and of what is no more."""

import asyncio
from contextlib import aclosing
from random import Random
from typing import Final

import pytest

from taskiq_core.broker import AsyncBroker
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import TaskAbortedError
from taskiq_core.messages.aborts import AbortState
from taskiq_core.messages.outcomes import Ack, Leave
from taskiq_testkit.contract import proves
from taskiq_testkit.contracts.base import BrokerBase
from taskiq_testkit.contracts.distribution import WORKERS
from taskiq_testkit.deadline import within
from taskiq_testkit.harness import BrokerHarness
from taskiq_testkit.receiver_worker import ReceiverWorker

SENDERS: Final = 4
"""Callers that send and abort at once; as many tasks run at once."""
ABORTS: Final = 25
"""Tasks that each of them sends and aborts."""
HAND_OVER: Final = 0.01
"""Seconds after sending within which tasks are aborted: before, at and after their delivery."""


class AbortContract(BrokerBase):
    """Aborts."""

    @proves(Capability.ABORT_QUEUED)
    async def test_delayed_task_is_never_started(self, harness: BrokerHarness) -> None:
        """A task that is aborted while it waits is never run, and is done with at once."""
        started: list[str] = []

        async def never() -> None:
            started.append("started")

        harness.task("never", never)
        labels = {"delay": 1000.0} if harness.declares(Capability.DELAY) else {}
        # Nothing but a delay or a pause keeps a task waiting where it runs as it is sent.
        needs_pause = not harness.has_workers and not labels
        receiver = None if harness.has_workers else await harness.receiver()
        if needs_pause:
            await harness.broker.pause()
        task = await harness.call("never", **labels)

        state = await harness.broker.abort(task.task_id)

        if needs_pause:
            await harness.broker.resume()
        receiver = receiver or await harness.receiver()
        assert state is AbortState.QUEUED
        assert isinstance(await receiver.outcome_of(task.task_id), Ack)
        assert started == []

    @proves(Capability.ABORT_RUNNING)
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

    @proves(Capability.ABORT_QUEUED, needs=WORKERS)
    async def test_aborted_message_is_delivered_with_its_mark(self, harness: BrokerHarness) -> None:
        """What is aborted while it waits is delivered with `aborted` set."""
        worker = await harness.stream(2)
        task_id = await harness.send("aborted")
        await harness.send("other")

        state = await harness.broker.request_abort(task_id)

        marks = {held.text: held.delivery.aborted for held in await worker.take(2)}
        assert state is AbortState.QUEUED
        assert marks == {"aborted": True, "other": False}

    @proves(Capability.ABORT_QUEUED, beside=(Capability.DELAY,), needs=WORKERS)
    async def test_delayed_message_comes_at_once_when_aborted(self, harness: BrokerHarness) -> None:
        """A delayed message that is aborted is delivered soon, whatever its delay was."""
        worker = await harness.stream()
        task_id = await harness.send("delayed", delay=1000.0)
        waiting = asyncio.create_task(worker.next())

        await harness.broker.request_abort(task_id)

        held = await waiting
        assert (held.task_id, held.delivery.aborted) == (task_id, True)

    @proves(Capability.ABORT_RUNNING, needs=WORKERS)
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

    @proves(Capability.ABORT_RUNNING, beside=(Capability.ABORT_QUEUED,))
    async def test_abort_at_any_moment_reaches_the_task(self, harness: BrokerHarness) -> None:
        """An abort that was answered reaches its task, also one on its way to a worker."""
        over = asyncio.Event()
        ended: set[str] = set()

        async def endless(name: str) -> None:
            await over.wait()
            ended.add(name)

        async def short(name: str) -> None:
            ended.add(name)

        harness.task("endless", endless)
        harness.task("short", short)
        receiver = await harness.receiver(slots=SENDERS)
        senders = [_send_and_abort(harness, receiver, ended, seed) for seed in range(SENDERS)]

        try:
            lost = [name for names in await asyncio.gather(*senders) for name in names]
        finally:
            over.set()

        assert lost == [], "aborted, and run to the end all the same"

    @proves(Capability.ABORT_RUNNING, beside=(Capability.LEASE,), needs=WORKERS)
    async def test_renewal_tells_of_an_abort(self, harness: BrokerHarness) -> None:
        """A renewed lease sets `aborted` of deliveries that are to be aborted, and of no others."""
        worker = await harness.stream(3)
        texts = ("extended", "renewed", "other")
        ids = {text: await harness.send(text) for text in texts}
        held = {each.text: each.delivery for each in await worker.take(3)}
        for text in ("extended", "renewed"):
            await harness.broker.request_abort(ids[text])

        await held["extended"].extend()
        lost = await worker.broker.renew_leases([held["renewed"], held["other"]])

        assert lost == []
        marks = {text: delivery.aborted for text, delivery in held.items()}
        assert marks == {"extended": True, "renewed": True, "other": False}

    @proves(Capability.ABORT_RUNNING, needs=WORKERS)
    async def test_mark_ends_with_its_message(self, harness: BrokerHarness) -> None:
        """What is sent later under the id of an aborted task is not aborted."""
        worker = await harness.stream()
        task_id = await harness.send("first")
        first = await worker.next()
        await harness.broker.request_abort(task_id)
        await first.ack()

        await harness.send("second", task_id=task_id)

        second = await worker.next()
        assert (second.text, second.delivery.aborted) == ("second", False)
        if harness.declares(Capability.LEASE):
            await second.delivery.extend()
            assert not second.delivery.aborted
        await second.ack()

    @proves(Capability.ABORT_RUNNING, beside=(Capability.ABORT_QUEUED,))
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

    @proves(Capability.ABORT_RUNNING, beside=(Capability.PUSH_RESULTS,))
    async def test_caller_of_an_aborted_task_is_told(self, harness: BrokerHarness) -> None:
        """A caller that waits for a task that was aborted gets TaskAbortedError."""

        async def endless() -> None:
            await asyncio.Event().wait()

        harness.task("endless", endless)
        await harness.receiver()
        task = await harness.call("endless")

        await task.abort(timeout=harness.patience)

        result = await task.get_result()
        with pytest.raises(TaskAbortedError):
            result.raise_for_error()


async def _send_and_abort(
    harness: BrokerHarness, receiver: ReceiverWorker, ended: set[str], seed: int
) -> list[str]:
    """Send tasks and abort each soon after.

    Most tasks do not end by themselves: their delivery is settled because of the abort, or not.

    Returns:
        The ids of tasks whose abort was answered, and was lost.
    """
    rng = Random(seed)  # moments, and no secret
    lost: list[str] = []
    for number in range(ABORTS):
        kind = "short" if rng.random() < 0.2 else "endless"  # noqa: PLR2004  # one of five
        name = f"{kind} {seed}.{number}"
        task = await harness.call(kind, name)
        await asyncio.sleep(rng.uniform(0, HAND_OVER))
        state = await harness.broker.abort(task.task_id)
        if kind == "endless":
            assert state in (AbortState.QUEUED, AbortState.RUNNING), f"{name} is {state.value}"
        try:
            outcome = await receiver.outcome_of(task.task_id)
            while isinstance(outcome, Leave):  # the machine was slower than the lease is long
                outcome = await receiver.outcome_of(task.task_id)
        except AssertionError:
            return [name]
        assert isinstance(outcome, Ack)
        if state is AbortState.QUEUED and name in ended:
            lost.append(name)
    return lost


async def _first_abort(broker: AsyncBroker, task_id: str) -> None:
    async with aclosing(broker.aborts()) as aborts:
        async for each in aborts:
            if each == task_id:
                return
    raise AssertionError("the stream of aborts ended by itself")
