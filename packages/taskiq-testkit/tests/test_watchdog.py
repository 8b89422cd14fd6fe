"""A test that hangs fails, and says where every task waits."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from taskiq_testkit.contract import Contract, proves
from taskiq_testkit.watchdog import watchdog


async def wait_for_ever() -> None:
    await asyncio.Event().wait()


async def messages() -> AsyncGenerator[int, None]:
    await wait_for_ever()
    yield 1


async def test_stacks_of_all_tasks_are_in_the_failure() -> None:
    worker = asyncio.create_task(wait_for_ever(), name="the worker")

    with pytest.raises(AssertionError, match=r"The test hung: 0\.01 s") as caught:
        async with watchdog(0.01):
            await wait_for_ever()

    text = str(caught.value)
    worker.cancel()
    assert "Task 'the worker':\n" in text
    assert "in test_stacks_of_all_tasks_are_in_the_failure" in text
    assert text.count("in wait_for_ever") == 2
    assert __file__ in text


async def test_timeouts_of_the_test_itself_go_on() -> None:
    with pytest.raises(TimeoutError):
        async with watchdog(60.0), asyncio.timeout(0.01):
            await wait_for_ever()


async def test_what_ends_in_time_is_let_alone() -> None:
    async with watchdog(0.05):
        done = "done"

    await asyncio.sleep(0.1)
    assert done == "done"


async def test_contract_tests_are_watched() -> None:
    class Harness:
        def declares(self, capability: object) -> bool:
            return True

    class Slow(Contract):
        time_limit = 0.01

        @proves()
        async def test_slow(self, harness: Harness) -> None:
            async for _ in messages():
                pass

    with pytest.raises(AssertionError, match="The test hung"):
        await Slow().test_slow(harness=Harness())
