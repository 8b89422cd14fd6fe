# ruff: noqa: S101  # contract tests assert
"""Results that come by themselves to the callers that wait for them."""

import asyncio
from typing import Final

from taskiq_core.capabilities import Capability
from taskiq_testkit.contract import proves
from taskiq_testkit.contracts.base import BrokerBase
from taskiq_testkit.deadline import within
from taskiq_testkit.harness import BrokerHarness

NEVER: Final = 86_400.0
"""Seconds between two questions: a caller that asks would not get an answer in any test."""


class PushedResultContract(BrokerBase):
    """Pushed results."""

    @proves(Capability.PUSH_RESULTS)
    async def test_result_is_pushed(self, harness: BrokerHarness) -> None:
        """Callers that wait for a result get it when it is there, without asking again."""
        go_on = asyncio.Event()

        async def answer() -> int:
            await go_on.wait()
            return 42

        harness.task("answer", answer)
        await harness.receiver()
        task = await harness.call("answer")
        waiting = [asyncio.create_task(task.wait_result(check_interval=NEVER)) for _ in range(2)]
        await asyncio.sleep(
            harness.tick
        )  # right in any case, and a better test if they wait by then

        go_on.set()

        async with within(harness.patience, "the arrival of a result"):
            results = await asyncio.gather(*waiting)
        assert [result.return_value for result in results] == [42, 42]
