# ruff: noqa: S101  # contract tests assert
"""A broker's life: started and stopped, twice, in several loops, with a server that restarts."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from taskiq_core.exceptions import BrokerError
from taskiq_core.messages.outcomes import Ack
from taskiq_testkit.contract import proves
from taskiq_testkit.contracts.base import BrokerBase
from taskiq_testkit.deadline import within
from taskiq_testkit.harness import BrokerHarness

LOOPS = 3
EACH = 10


class LifecycleContract(BrokerBase):
    """Starting, stopping and restarts."""

    @proves()
    async def test_startup_and_shutdown_twice(self, harness: BrokerHarness) -> None:
        """Starting and stopping twice is harmless, and a broker that was stopped starts again."""
        for _ in range(2):
            await harness.broker.startup()
            await harness.broker.startup()
            await harness.broker.shutdown()
            await harness.broker.shutdown()
        await harness.broker.startup()

        await harness.send("alive")

        assert (await (await harness.worker()).next()).text == "alive"

    @proves()
    async def test_results_and_shutdown_of_a_worker(self, harness: BrokerHarness) -> None:
        """A worker that stops lets its running task end, and the client goes on."""
        started, go_on = asyncio.Event(), asyncio.Event()

        async def patient() -> None:
            started.set()
            await go_on.wait()

        harness.task("patient", patient)
        receiver = await harness.receiver()
        task = await harness.call("patient")
        async with within(harness.patience, "the start of a task"):
            await started.wait()

        closing = asyncio.create_task(receiver.close())
        go_on.set()

        await closing
        assert isinstance(await receiver.outcome_of(task.task_id), Ack)
        await harness.send("next")

    @proves(needs=("several_event_loops",))
    async def test_several_event_loops(self, harness: BrokerHarness) -> None:
        """One broker object sends from several threads, each with an event loop of its own."""
        worker = await harness.worker(3)

        async def send_some(name: str) -> None:
            await asyncio.gather(*(harness.send(f"{name} {number}") for number in range(EACH)))

        await asyncio.gather(
            *(asyncio.to_thread(asyncio.run, send_some(f"loop {loop}")) for loop in range(LOOPS))
        )

        taken = await harness.gather(worker, LOOPS * EACH)
        expected = {f"loop {loop} {number}" for loop in range(LOOPS) for number in range(EACH)}
        assert {held.text for held in taken} == expected

    @proves(needs=("restart_server",))
    async def test_server_restarts(
        self, harness: BrokerHarness, restart_server: Callable[[], Awaitable[None]]
    ) -> None:
        """After a restart of the server a worker that listened gets what is sent, by itself."""
        harness.task("good", _good)
        receiver = await harness.receiver()
        assert isinstance(await receiver.outcome_of((await harness.call("good")).task_id), Ack)

        await restart_server()

        task_id = await _send_at_last(harness)
        assert isinstance(await receiver.outcome_of(task_id), Ack)

    @proves(needs=("restart_server", "is_durable"))
    async def test_restart_loses_nothing(
        self, harness: BrokerHarness, restart_server: Callable[[], Awaitable[None]]
    ) -> None:
        """What was sent before the server restarted is delivered afterwards."""
        sent = {await harness.send(str(number)) for number in range(5)}

        await restart_server()

        taken = await harness.gather(await harness.worker(), 5)
        assert {held.task_id for held in taken} == sent


async def _good() -> None:
    """A task that ends at once."""


async def _send_at_last(harness: BrokerHarness) -> str:
    """Send a task, again if the connection is not there yet."""

    async def send() -> str | None:
        with contextlib.suppress(BrokerError):
            return (await harness.call("good")).task_id
        return None

    task_id: str = await harness.until(send, "sending after the restart")
    return task_id
