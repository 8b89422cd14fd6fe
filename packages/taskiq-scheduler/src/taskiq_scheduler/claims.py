"""SourceClaims: the claims of a source's ticks, kept by the source or by the broker."""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from hashlib import blake2b

from taskiq_core.abc.schedule_source import ScheduleSource
from taskiq_core.abc.tick_claims import TickClaims
from taskiq_core.broker import AsyncBroker
from taskiq_core.capabilities import Capability
from taskiq_core.messages.scheduled_task import ScheduledTask


def can_claim(source: ScheduleSource, broker: AsyncBroker) -> bool:
    """Whether several schedulers may serve a source: it, or the broker, keeps claims."""
    return source.can_claim or Capability.CLAIMS in (broker.capabilities or ())


class SourceClaims:
    """Claims ticks of the schedules of one source.

    Which claims are used is found out when they are first asked for: what a broker can do is final
    after its start-up.

    Args:
        source: whose schedules are meant.
        broker: keeps the claims if the source does not.
    """

    def __init__(self, source: ScheduleSource, broker: AsyncBroker) -> None:
        self.source = source
        self._broker = broker

    @cached_property
    def _store(self) -> TickClaims | None:
        if self.source.can_claim:
            return self.source
        return self._broker.tick_claims() if can_claim(self.source, self._broker) else None

    @property
    def lease(self) -> float | None:
        """Seconds after which a claim is free again; None if nothing can be claimed."""
        return None if self._store is None else self._store.claim_lease

    async def claim(self, schedule: ScheduledTask, tick: datetime) -> bool:
        """Claim a tick; True if there are no claims, as then there is no other scheduler."""
        return self._store is None or await self._store.claim(self._key(schedule), tick)

    async def confirm(self, schedule: ScheduledTask, tick: datetime) -> None:
        """Say that a tick is over."""
        if self._store is not None:
            await self._store.confirm(self._key(schedule), tick)

    async def last_ticks(self, schedules: Sequence[ScheduledTask]) -> dict[str, datetime]:
        """Return the latest confirmed ticks by schedule id."""
        if self._store is None or not schedules:
            return {}
        ids = {self._key(each): each.schedule_id for each in schedules}
        found = await self._store.last_ticks(list(ids))
        return {ids[key]: tick for key, tick in found.items()}

    async def abandoned(self, schedules: Sequence[ScheduledTask]) -> list[tuple[str, datetime]]:
        """Return ticks whose scheduler died before it confirmed them, as schedule id and tick.

        Args:
            schedules: all of the source; a broker's store has claims of other sources, too.
        """
        if self._store is None:
            return []
        found = await self._store.abandoned()
        if self._store is self.source or not found:
            return found
        ids = {self._key(each): each.schedule_id for each in schedules}
        return [(ids[key], tick) for key, tick in found if key in ids]

    def _key(self, schedule: ScheduledTask) -> str:
        if self._store is self.source:
            return schedule.schedule_id
        # A schedule that is due at other moments than before begins anew, as in sources with claims
        # of their own.
        timing = (schedule.cron, schedule.cron_offset, schedule.interval, schedule.time)
        digest = blake2b(repr(timing).encode(errors="surrogatepass"), digest_size=6).hexdigest()
        return f"{type(self.source).__name__} {schedule.schedule_id} {digest}"
