"""A worker that leaves: what is settled at the deadline, plain functions, threads."""

import asyncio
import threading
from typing import Any

from taskiq_core import Context, TaskiqDepends
from taskiq_core.exceptions import WorkerShutdownError
from taskiq_core.receiver import Receiver


async def test_acknowledgement_under_way_at_the_deadline_is_finished(
    broker: Any, delivered: Any
) -> None:
    """Or the task, whose result is stored, would run again."""
    acking, may_ack = asyncio.Event(), asyncio.Event()
    acknowledged: list[str] = []
    made: list[Any] = []

    async def ack() -> None:
        acking.set()
        await may_ack.wait()
        acknowledged.append("ack")

    @broker.task("work")
    async def work() -> None: ...

    def make(_data: bytes) -> Any:
        made.append(delivered(broker))
        made[0].ack = ack
        return made[0]

    broker.make = make
    await work.kiq()
    finish = asyncio.Event()
    listening = asyncio.create_task(Receiver(broker, wait_tasks_timeout=0.01).listen(finish))
    await acking.wait()
    finish.set()
    await asyncio.sleep(0.1)  # the deadline is over
    may_ack.set()
    await listening

    assert acknowledged == ["ack"]
    assert made[0].settled == []


async def test_plain_function_sees_that_the_worker_cancels_it(broker: Any) -> None:
    started, seen = threading.Event(), []
    loop = asyncio.get_running_loop()
    is_started = asyncio.Event()

    @broker.task("plain")
    def plain(context: Context = TaskiqDepends()) -> None:
        loop.call_soon_threadsafe(is_started.set)
        context.cancellation.wait(20)
        seen.append(context.cancellation.reason)
        started.set()

    receiver, finish = Receiver(broker), asyncio.Event()
    listening = asyncio.create_task(receiver.listen(finish))
    await plain.kiq()
    await is_started.wait()

    finish.set()
    await receiver.cancel_running()
    await listening
    await asyncio.to_thread(started.wait, 20)

    assert isinstance(seen[0], WorkerShutdownError)


async def test_worker_that_has_left_leaves_no_thread(broker: Any) -> None:
    finish = asyncio.Event()
    loop = asyncio.get_running_loop()
    threads: list[threading.Thread] = []
    of_other_tests = set(threading.enumerate())

    @broker.task("plain")
    def plain() -> None:
        threads.append(threading.current_thread())
        loop.call_soon_threadsafe(finish.set)

    await plain.kiq()
    receiver = Receiver(broker)
    await receiver.listen(finish)
    await asyncio.to_thread(threads[0].join, 20)

    assert not threads[0].is_alive()
    started = set(threading.enumerate()) - of_other_tests
    assert [each for each in started if each.name.startswith("taskiq")] == []

    finish.clear()
    await plain.kiq()
    await receiver.listen(finish)

    assert len(threads) == 2, "a receiver may listen again"
