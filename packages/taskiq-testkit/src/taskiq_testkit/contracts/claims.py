# ruff: noqa: S101  # contract tests assert
"""Claims of ticks in the store of a broker: which scheduler sends."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

from taskiq_core.capabilities import Capability
from taskiq_testkit.contract import proves
from taskiq_testkit.contracts.base import BrokerBase
from taskiq_testkit.harness import BrokerHarness

TICK = datetime(2031, 2, 3, 4, 5, 6, 789_000, tzinfo=UTC)
SECOND = timedelta(seconds=1)
RIVALS = 10


class ClaimsContract(BrokerBase):
    """Claims."""

    @proves(Capability.CLAIMS)
    async def test_one_claim_of_a_tick_wins(self, harness: BrokerHarness) -> None:
        """Concurrent claims of one tick have one winner; other ticks and schedules are free."""
        claims = [harness.broker.tick_claims() for _ in range(RIVALS)]

        won = await asyncio.gather(*(each.claim("id \u4e00", TICK) for each in claims))

        assert sorted(won) == [False] * (RIVALS - 1) + [True]
        assert await claims[0].claim("id \u4e00", TICK + SECOND)
        assert await claims[0].claim("another id", TICK)

    @proves(Capability.CLAIMS)
    async def test_confirmed_claim_is_over(self, harness: BrokerHarness) -> None:
        """A confirmed tick can't be claimed, in whatever time zone, nor after its lease."""
        claims = harness.broker.tick_claims(lease=harness.tick)
        assert await claims.claim("id", TICK)

        await claims.confirm("id", TICK)
        await asyncio.sleep(2 * harness.tick)

        assert not await claims.claim("id", TICK)
        assert not await claims.claim("id", TICK.astimezone(timezone(timedelta(hours=9))))
        assert ("id", TICK) not in await claims.abandoned()

    @proves(Capability.CLAIMS)
    async def test_claim_of_a_dead_owner_is_taken_over(self, harness: BrokerHarness) -> None:
        """A claim that is not confirmed is listed and free after its lease, and not before."""
        claims = harness.broker.tick_claims(lease=harness.tick)
        patient = harness.broker.tick_claims(lease=1000 * harness.patience)
        assert claims.claim_lease == harness.tick
        assert await claims.claim("dead", TICK)
        assert await patient.claim("alive", TICK)

        await asyncio.sleep(2 * harness.tick)

        assert await claims.abandoned() == [("dead", TICK)]
        assert await patient.claim("dead", TICK)
        assert await claims.abandoned() == []
        assert not await claims.claim("dead", TICK)
        assert not await claims.claim("alive", TICK)

    @proves(Capability.CLAIMS)
    async def test_last_claims_are_known(self, harness: BrokerHarness) -> None:
        """The latest confirmed tick is known, in whatever order ticks were confirmed."""
        claims = harness.broker.tick_claims()
        assert await claims.last_ticks(["id", "unknown"]) == {}
        for seconds in (0, 60, 30):
            tick = TICK + seconds * SECOND
            assert await claims.claim("id", tick)
            assert (await claims.last_ticks(["id"])).get("id") != tick, "it is not confirmed yet"
            await claims.confirm("id", tick)

        again = harness.broker.tick_claims()

        assert await again.last_ticks(["id", "unknown"]) == {"id": TICK + 60 * SECOND}
