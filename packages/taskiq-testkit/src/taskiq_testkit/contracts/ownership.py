# ruff: noqa: S101  # contract tests assert
"""Ownership without a lease: what a worker loses with its connection."""

import asyncio

from taskiq_core.messages.outcomes import Ack, Leave
from taskiq_testkit.contract import proves
from taskiq_testkit.contracts.base import BrokerBase, EndConnection
from taskiq_testkit.deadline import within
from taskiq_testkit.harness import BrokerHarness


class OwnershipContract(BrokerBase):
    """Deliveries that belong to a connection."""

    @proves(needs=("has_workers", "end_connection"))
    async def test_task_of_a_lost_delivery_is_stopped(
        self, harness: BrokerHarness, end_connection: EndConnection
    ) -> None:
        """When a worker's connection ends, its task is stopped, and runs again to its end.

        `lost` yields the delivery, and core stores and settles nothing of it.
        """
        runs: list[asyncio.Event] = []
        stopped = asyncio.Event()
        started = asyncio.Event()

        async def long() -> None:
            runs.append(started)
            if len(runs) > 1:
                return
            started.set()
            try:
                await asyncio.Event().wait()
            finally:
                stopped.set()

        harness.task("long", long)
        receiver = await harness.receiver(slots=1)
        task = await harness.call("long")
        async with within(harness.patience, "the start of a task"):
            await started.wait()

        await end_connection(receiver.broker)

        async with within(harness.patience, "the end of a task whose delivery is lost"):
            await stopped.wait()
        outcomes = [await receiver.outcome_of(task.task_id) for _ in range(2)]
        assert {type(each) for each in outcomes} == {Leave, Ack}
        assert len(runs) == 2  # noqa: PLR2004  # deliveries
