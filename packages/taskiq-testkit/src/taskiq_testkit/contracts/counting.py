# ruff: noqa: S101  # contract tests assert
"""The queue as operators see it: counted and purged."""

import pytest

from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import CapabilityError
from taskiq_testkit.contract import proves
from taskiq_testkit.contracts.base import BrokerBase
from taskiq_testkit.contracts.sharing import WORKERS
from taskiq_testkit.stage import Stage


class CountingContract(BrokerBase):
    """Counting."""

    @proves()
    async def test_stats_follow_a_message(self, stage: Stage) -> None:
        """Each message is counted once, where it is; or `stats` says that it is not implemented."""
        if not stage.has_stats:
            with pytest.raises(CapabilityError):
                await stage.broker.stats()
            return
        await stage.counts(waiting=0, delivered=0, delayed=0, dead=0)
        if stage.has_workers:
            await stage.send("waits")
            await stage.counts(waiting=1, delivered=0)
        worker = await stage.worker()
        if not stage.has_workers:
            await stage.send("runs")

        held = await worker.next()

        if stage.declares(Capability.ACK):
            await stage.counts(waiting=0, delivered=1)
        await held.ack()
        await stage.counts(waiting=0, delivered=0, delayed=0, dead=0)

    @proves(Capability.DELAY)
    async def test_stats_count_delayed(self, stage: Stage) -> None:
        """A message that waits for its time is counted as delayed, and only so."""
        await stage.send(delay=1000.0)

        if stage.has_stats:
            await stage.counts(waiting=0, delivered=0, delayed=1, dead=0)

    @proves(Capability.DEAD_LETTER)
    async def test_stats_count_dead(self, stage: Stage) -> None:
        """A buried message is counted as dead, and only so."""
        await stage.send()
        await (await (await stage.worker()).next()).bury("to be counted")

        if stage.has_stats:
            await stage.counts(waiting=0, delivered=0, delayed=0, dead=1)

    @proves(needs=WORKERS)
    async def test_purge_drops_what_waits(self, stage: Stage) -> None:
        """`purge` drops what waits or is delayed, says how much, and leaves alone what runs."""
        if not stage.has_purge:
            with pytest.raises(CapabilityError):
                await stage.broker.purge()
            return
        worker = await stage.worker()
        await stage.send("runs")
        held = await worker.next()
        for _ in range(3):
            await stage.send("waits")
        if stage.declares(Capability.DELAY):
            await stage.send("delayed", delay=2 * stage.tick)

        dropped = await stage.broker.purge()

        assert dropped == 4 if stage.declares(Capability.DELAY) else 3  # noqa: PLR2004  # sent above
        assert await stage.broker.purge() == 0
        await held.ack()
        await stage.is_empty(worker)

    @proves(Capability.DELAY)
    async def test_purge_drops_what_is_delayed(self, stage: Stage) -> None:
        """A delayed message that was purged does not come when its time has come."""
        if not stage.has_purge:
            return
        worker = await stage.worker()
        await stage.send("purged", delay=stage.tick)

        assert await stage.broker.purge() == 1

        await stage.send("later", delay=2 * stage.tick)
        assert (await worker.next()).text == "later"
