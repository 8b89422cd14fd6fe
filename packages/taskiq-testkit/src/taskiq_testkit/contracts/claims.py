# ruff: noqa: S101  # contract tests assert
"""Claims of ticks in the store of a broker: which scheduler sends."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

from taskiq_core.capabilities import Capability
from taskiq_testkit.contract import proves
from taskiq_testkit.contracts.base import BrokerBase
from taskiq_testkit.stage import Stage

TICK = datetime(2031, 2, 3, 4, 5, 6, 789_000, tzinfo=UTC)
SECOND = timedelta(seconds=1)
RIVALS = 10


class ClaimsContract(BrokerBase):
    """Claims."""

    @proves(Capability.CLAIMS)
    async def test_one_claim_of_a_tick_wins(self, stage: Stage) -> None:
        """Concurrent claims of one tick have one winner; other ticks and schedules are free."""
        claims = [stage.broker.tick_claims() for _ in range(RIVALS)]

        won = await asyncio.gather(*(each.claim("id \u4e00", TICK) for each in claims))

        assert sorted(won) == [False] * (RIVALS - 1) + [True]
        assert await claims[0].claim("id \u4e00", TICK + SECOND)
        assert await claims[0].claim("another id", TICK)

    @proves(Capability.CLAIMS)
    async def test_confirmed_claim_is_over(self, stage: Stage) -> None:
        """A confirmed tick can't be claimed, in whatever time zone, nor after its lease."""
        claims = stage.broker.tick_claims(lease=stage.tick)
        assert await claims.claim("id", TICK)

        await claims.confirm("id", TICK)
        await asyncio.sleep(2 * stage.tick)

        assert not await claims.claim("id", TICK)
        assert not await claims.claim("id", TICK.astimezone(timezone(timedelta(hours=9))))
        assert ("id", TICK) not in await claims.abandoned()

    @proves(Capability.CLAIMS)
    async def test_claim_of_a_dead_owner_is_taken_over(self, stage: Stage) -> None:
        """A claim that is not confirmed is listed and free after its lease, and not before."""
        claims = stage.broker.tick_claims(lease=stage.tick)
        patient = stage.broker.tick_claims(lease=1000 * stage.patience)
        assert claims.claim_lease == stage.tick
        assert await claims.claim("dead", TICK)
        assert await patient.claim("alive", TICK)

        await asyncio.sleep(2 * stage.tick)

        assert await claims.abandoned() == [("dead", TICK)]
        assert await patient.claim("dead", TICK)
        assert await claims.abandoned() == []
        assert not await claims.claim("dead", TICK)
        assert not await claims.claim("alive", TICK)

    @proves(Capability.CLAIMS)
    async def test_last_claims_are_known(self, stage: Stage) -> None:
        """The latest confirmed tick is known, in whatever order ticks were confirmed."""
        claims = stage.broker.tick_claims()
        assert await claims.last_ticks(["id", "unknown"]) == {}
        for seconds in (0, 60, 30):
            tick = TICK + seconds * SECOND
            assert await claims.claim("id", tick)
            assert (await claims.last_ticks(["id"])).get("id") != tick, "it is not confirmed yet"
            await claims.confirm("id", tick)

        again = stage.broker.tick_claims()

        assert await again.last_ticks(["id", "unknown"]) == {"id": TICK + 60 * SECOND}
