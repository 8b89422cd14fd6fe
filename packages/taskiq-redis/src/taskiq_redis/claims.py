"""RedisTickClaims: claims of ticks beside the queues of a broker."""

from collections.abc import Callable, Collection
from datetime import datetime

from taskiq_redis.options import LAST_TICK_MEMORY, WEEK
from taskiq_redis.queue.store import QueueStore
from taskiq_redis.ticks import read_claims, read_last_ticks, tick_number


class RedisTickClaims:
    """Which scheduler sends a tick of a schedule that is elsewhere; the contract is `TickClaims`.

    Args:
        store: returns the broker's store as the running event loop sees it.
        lease: seconds after which another scheduler may claim a tick that was not confirmed.
        memory: seconds for which ticks are kept after they were confirmed or their claims ran out.
    """

    def __init__(
        self, store: Callable[[], QueueStore], *, lease: float, memory: float = WEEK
    ) -> None:
        self.claim_lease = lease
        self._store = store
        self._memory = memory

    async def claim(self, schedule_id: str, tick: datetime) -> bool:
        """Claim a tick; ValueError if it has no time zone."""
        number = tick_number(schedule_id, tick)
        arguments = (schedule_id, number, self.claim_lease, self._memory)
        return bool(await self._store().run("claim_tick", *arguments))

    async def confirm(self, schedule_id: str, tick: datetime) -> None:
        """Confirm a tick, and forget old ones; ValueError if it has no time zone."""
        number = tick_number(schedule_id, tick)
        arguments = (schedule_id, number, self._memory, LAST_TICK_MEMORY)
        await self._store().run("confirm_tick", *arguments)

    async def last_ticks(self, schedule_ids: Collection[str]) -> dict[str, datetime]:
        """Return the latest ticks of many schedules, in one command."""
        ids = list(schedule_ids)
        if not ids:
            return {}
        store = self._store()
        found = await store.connection.call("HMGET", f"{store.base}:tick_last", *ids)
        return read_last_ticks(ids, found)

    async def abandoned(self) -> list[tuple[str, datetime]]:
        """Return ticks whose claims ran out unconfirmed, the 10,000 oldest at most."""
        return read_claims(await self._store().run("abandoned_ticks"))
