"""ReferenceTickClaims: claims in the store of a ReferenceServer."""

from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime
from typing import Any


class ReferenceTickClaims:
    """The contract `TickClaims` as a program.

    Args:
        call: calls a method of the server's store.
        lease: seconds after which a claim that was not confirmed is free again.
    """

    def __init__(self, call: Callable[..., Awaitable[Any]], lease: float) -> None:
        self.claim_lease = lease
        self._call = call

    async def claim(self, schedule_id: str, tick: datetime) -> bool:
        """Claim a tick."""
        return bool(await self._call("claim", schedule_id, _text(tick), self.claim_lease))

    async def confirm(self, schedule_id: str, tick: datetime) -> None:
        """Confirm a tick."""
        await self._call("confirm", schedule_id, _text(tick))

    async def last_ticks(self, schedule_ids: Collection[str]) -> dict[str, datetime]:
        """Return the latest confirmed ticks."""
        found = await self._call("last_ticks", list(schedule_ids))
        return {schedule_id: datetime.fromisoformat(tick) for schedule_id, tick in found}

    async def abandoned(self) -> list[tuple[str, datetime]]:
        """Return the ticks whose claims have run out."""
        found = await self._call("abandoned")
        return [(schedule_id, datetime.fromisoformat(tick)) for schedule_id, tick in found]


def _text(tick: datetime) -> str:
    return tick.astimezone(UTC).isoformat(timespec="microseconds")
