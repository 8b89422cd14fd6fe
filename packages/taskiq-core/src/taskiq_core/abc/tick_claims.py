"""The contract of claims: which scheduler sends a tick."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol


class TickClaims(Protocol):
    """Lets one of many schedulers send a tick, and another one if that scheduler dies.

    A tick is one moment at which one schedule is due. A scheduler claims it, sends its task under
    an id made of schedule and tick, and confirms it. Schedules are known by their ids alone: a
    store of claims need not have the schedules. An implementation must keep:

    - Concurrent claims of one tick, in any process, have exactly one winner. A tick is the same in
      whatever time zone it is written.
    - A claim is free again `claim_lease` seconds after it was made, unless it was confirmed. A
      confirmed tick is never free again: after some days, at least one, a store may forget single
      ticks, and then refuses every tick that is not later than the last one of its schedule.
    - What nobody has used for some days, at least one, is forgotten: schedules come and go.

    Attributes:
        claim_lease: seconds, as above.
    """

    claim_lease: float

    async def claim(self, schedule_id: str, tick: datetime) -> bool:
        """Claim a tick.

        Returns:
            Whether the caller, and no other scheduler, is to send the task of this tick.
        """
        ...

    async def confirm(self, schedule_id: str, tick: datetime) -> None:
        """Say that the task of this tick was sent, or is not to be sent any more."""
        ...

    async def last_ticks(self, schedule_ids: Collection[str]) -> dict[str, datetime]:
        """Return the latest confirmed tick of each schedule that has one.

        A scheduler that starts makes up for the ticks after it, as the schedule says.
        """
        ...

    async def abandoned(self) -> list[tuple[str, datetime]]:
        """Return ticks whose claim ran out before it was confirmed, as schedule id and tick.

        Their schedulers died: another one claims and sends them. Schedulers ask after each look at
        their sources.
        """
        ...
