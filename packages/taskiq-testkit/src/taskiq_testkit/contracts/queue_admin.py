# ruff: noqa: S101  # contract tests assert
"""The queue as operators see it: counted and purged."""

import pytest

from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import CapabilityError
from taskiq_testkit.contract import proves
from taskiq_testkit.contracts.base import BrokerBase
from taskiq_testkit.contracts.distribution import WORKERS
from taskiq_testkit.harness import BrokerHarness


class QueueAdminContract(BrokerBase):
    """Counts and purging."""

    @proves()
    async def test_stats_follow_a_message(self, harness: BrokerHarness) -> None:
        """Each message is counted once, where it is; or `stats` says that it is not implemented."""
        if not harness.has_stats:
            with pytest.raises(CapabilityError):
                await harness.broker.stats()
            return
        await harness.counts(waiting=0, delivered=0, delayed=0, dead=0)
        if harness.has_workers:
            await harness.send("waits")
            await harness.counts(waiting=1, delivered=0)
        worker = await harness.worker()
        if not harness.has_workers:
            await harness.send("runs")

        held = await worker.next()

        if harness.declares(Capability.ACK):
            await harness.counts(waiting=0, delivered=1)
        await held.ack()
        await harness.counts(waiting=0, delivered=0, delayed=0, dead=0)

    @proves(Capability.DELAY)
    async def test_stats_count_delayed(self, harness: BrokerHarness) -> None:
        """A message that waits for its time is counted as delayed, and only so."""
        await harness.send(delay=1000.0)

        if harness.has_stats:
            await harness.counts(waiting=0, delivered=0, delayed=1, dead=0)

    @proves(Capability.DEAD_LETTER)
    async def test_stats_count_dead(self, harness: BrokerHarness) -> None:
        """A buried message is counted as dead, and only so."""
        await harness.send()
        await (await (await harness.worker()).next()).bury("to be counted")

        if harness.has_stats:
            await harness.counts(waiting=0, delivered=0, delayed=0, dead=1)

    @proves(needs=WORKERS)
    async def test_purge_drops_what_waits(self, harness: BrokerHarness) -> None:
        """`purge` drops what waits or is delayed, says how much, and leaves alone what runs."""
        if not harness.has_purge:
            with pytest.raises(CapabilityError):
                await harness.broker.purge()
            return
        worker = await harness.worker()
        await harness.send("runs")
        held = await worker.next()
        for _ in range(3):
            await harness.send("waits")
        if harness.declares(Capability.DELAY):
            await harness.send("delayed", delay=2 * harness.tick)

        dropped = await harness.broker.purge()

        assert dropped == 4 if harness.declares(Capability.DELAY) else 3  # noqa: PLR2004  # sent above
        assert await harness.broker.purge() == 0
        await held.ack()
        await harness.is_empty(worker)

    @proves(Capability.DELAY)
    async def test_purge_drops_what_is_delayed(self, harness: BrokerHarness) -> None:
        """A delayed message that was purged does not come when its time has come."""
        if not harness.has_purge:
            return
        worker = await harness.worker()
        await harness.send("purged", delay=harness.tick)

        assert await harness.broker.purge() == 1

        await harness.send("later", delay=2 * harness.tick)
        assert (await worker.next()).text == "later"
