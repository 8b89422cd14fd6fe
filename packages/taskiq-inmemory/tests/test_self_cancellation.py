"""A task that cancels itself in this process; and a program that is cancelled."""

import asyncio

import pytest

from taskiq_inmemory import InMemoryBroker


async def test_it_fails_once_and_its_caller_hears_of_it() -> None:
    broker = InMemoryBroker()
    runs: list[int] = []

    @broker.task
    async def cancels() -> None:
        runs.append(1)
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    result = await (await cancels.kiq()).wait_result(timeout=10)
    await broker.shutdown()

    assert str(result.error).startswith("asyncio.exceptions.CancelledError")
    assert runs == [1]


async def test_caller_that_is_cancelled_while_its_task_runs_in_place_sees_it() -> None:
    broker = InMemoryBroker(await_inplace=True)
    started = asyncio.Event()

    @broker.task
    async def hangs() -> None:
        started.set()
        await asyncio.Event().wait()

    calling = asyncio.create_task(hangs.kiq())
    await started.wait()

    calling.cancel()

    with pytest.raises(asyncio.CancelledError):
        await calling
    assert broker.result_backend.results == {}  # type: ignore[attr-defined]  # its own backend
    await broker.shutdown()
