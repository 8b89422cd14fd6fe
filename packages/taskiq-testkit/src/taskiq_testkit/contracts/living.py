# ruff: noqa: S101  # contract tests assert
"""A broker's life: started and stopped, twice, in several loops, with a server that restarts."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from taskiq_core.exceptions import BrokerError
from taskiq_core.messages.outcomes import Ack
from taskiq_testkit.contract import proves
from taskiq_testkit.contracts.base import BrokerBase
from taskiq_testkit.stage import Stage
from taskiq_testkit.waiting import within

LOOPS = 3
EACH = 10


class LivingContract(BrokerBase):
    """Living."""

    @proves()
    async def test_startup_and_shutdown_twice(self, stage: Stage) -> None:
        """Starting and stopping twice is harmless, and a broker that was stopped starts again."""
        for _ in range(2):
            await stage.broker.startup()
            await stage.broker.startup()
            await stage.broker.shutdown()
            await stage.broker.shutdown()
        await stage.broker.startup()

        await stage.send("alive")

        assert (await (await stage.worker()).next()).text == "alive"

    @proves()
    async def test_results_and_shutdown_of_a_worker(self, stage: Stage) -> None:
        """A worker that stops lets its running task end, and the client goes on."""
        started, go_on = asyncio.Event(), asyncio.Event()

        async def patient() -> None:
            started.set()
            await go_on.wait()

        stage.task("patient", patient)
        crew = await stage.crew()
        task = await stage.call("patient")
        async with within(stage.patience, "the start of a task"):
            await started.wait()

        closing = asyncio.create_task(crew.close())
        go_on.set()

        await closing
        assert isinstance(await crew.outcome_of(task.task_id), Ack)
        await stage.send("next")

    @proves(needs=("several_event_loops",))
    async def test_several_event_loops(self, stage: Stage) -> None:
        """One broker object sends from several threads, each with an event loop of its own."""
        worker = await stage.worker(3)

        async def send_some(name: str) -> None:
            await asyncio.gather(*(stage.send(f"{name} {number}") for number in range(EACH)))

        await asyncio.gather(
            *(asyncio.to_thread(asyncio.run, send_some(f"loop {loop}")) for loop in range(LOOPS))
        )

        taken = await stage.gather(worker, LOOPS * EACH)
        expected = {f"loop {loop} {number}" for loop in range(LOOPS) for number in range(EACH)}
        assert {held.text for held in taken} == expected

    @proves(needs=("restart_server",))
    async def test_server_restarts(
        self, stage: Stage, restart_server: Callable[[], Awaitable[None]]
    ) -> None:
        """After a restart of the server a worker that listened gets what is sent, by itself."""
        stage.task("good", _good)
        crew = await stage.crew()
        assert isinstance(await crew.outcome_of((await stage.call("good")).task_id), Ack)

        await restart_server()

        task_id = await _send_at_last(stage)
        assert isinstance(await crew.outcome_of(task_id), Ack)

    @proves(needs=("restart_server", "is_durable"))
    async def test_restart_loses_nothing(
        self, stage: Stage, restart_server: Callable[[], Awaitable[None]]
    ) -> None:
        """What was sent before the server restarted is delivered afterwards."""
        sent = {await stage.send(str(number)) for number in range(5)}

        await restart_server()

        taken = await stage.gather(await stage.worker(), 5)
        assert {held.task_id for held in taken} == sent


async def _good() -> None:
    """A task that ends at once."""


async def _send_at_last(stage: Stage) -> str:
    """Send a task, again if the connection is not there yet."""

    async def send() -> str | None:
        with contextlib.suppress(BrokerError):
            return (await stage.call("good")).task_id
        return None

    task_id: str = await stage.until(send, "sending after the restart")
    return task_id
