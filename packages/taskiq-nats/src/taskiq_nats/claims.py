"""NatsTickClaims: which scheduler sends a tick of a schedule, by compare-and-set."""

import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Final

from taskiq_nats.queue.jetstream_queue import JetStreamQueue
from taskiq_nats.storage import values
from taskiq_nats.storage.streams import TICK_MEMORY

MOST_ABANDONED: Final = 10_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class NatsTickClaims:
    """Which scheduler sends a tick of a schedule that is elsewhere; the contract is `TickClaims`.

    A claim is a value that is only stored if the value before it is the one that was read. When a
    tick is confirmed, that is stored first, and the claim is deleted afterwards: a claim that
    succeeds in between finds the confirmation, and is taken back.

    Args:
        queue: returns the broker's queue as the running event loop sees it.
        lease: seconds after which another scheduler may claim a tick that was not confirmed.
    """

    def __init__(self, queue: Callable[[], JetStreamQueue], *, lease: float) -> None:
        self.claim_lease = lease
        self._queue = queue

    async def claim(self, schedule_id: str, tick: datetime) -> bool:
        """Claim a tick; ValueError if it has no time zone."""
        queue, number = self._queue(), _number_of(tick)
        connection, names = queue.connection, queue.names
        subject = names.claim_subject(schedule_id, number)
        now = time.time()
        stored = await values.get_last(connection, names.ticks, subject)
        if stored is not None and float(values.read(stored).get("until", 0.0)) > now:
            return False
        value = {"id": schedule_id, "tick": number, "until": now + self.claim_lease}
        replaced = 0 if stored is None else stored.number
        claimed = await values.put(connection, subject, value, replaces=replaced)
        if claimed is None:
            return False  # another scheduler was faster
        if await self._is_over(schedule_id, number):
            await values.delete(connection, names.ticks, claimed)
            return False
        return True

    async def confirm(self, schedule_id: str, tick: datetime) -> None:
        """Confirm a tick; ValueError if it has no time zone."""
        queue, number = self._queue(), _number_of(tick)
        connection, names = queue.connection, queue.names
        await values.put(connection, names.confirmed_subject(schedule_id, number), number)
        subject = names.last_tick_subject(schedule_id)
        while True:
            stored = await values.get_last(connection, names.last_ticks, subject)
            last = number if stored is None else max(number, int(stored.payload))
            replaced = 0 if stored is None else stored.number
            if await values.put(connection, subject, last, replaces=replaced) is not None:
                break
        await values.purge(connection, names.ticks, names.claim_subject(schedule_id, number))

    async def last_ticks(self, schedule_ids: Collection[str]) -> dict[str, datetime]:
        """Return the latest confirmed ticks."""
        found: dict[str, datetime] = {}
        for schedule_id in schedule_ids:
            last = await self._last(schedule_id)
            if last is not None:
                found[schedule_id] = _EPOCH + last * _MICROSECOND
        return found

    async def abandoned(self) -> list[tuple[str, datetime]]:
        """Return ticks whose claims ran out unconfirmed; looks through 10,000 claims at most."""
        queue, found, now = self._queue(), list[tuple[str, datetime]](), time.time()
        number, subject = 1, queue.names.all_claims
        for _ in range(MOST_ABANDONED):
            stored = await values.get_next(queue.connection, queue.names.ticks, number, subject)
            if stored is None:
                break
            number = stored.number + 1
            value = values.read(stored)
            if value.get("until", now + 1) <= now:
                found.append((str(value["id"]), _EPOCH + int(value["tick"]) * _MICROSECOND))
        return found

    async def _is_over(self, schedule_id: str, number: int) -> bool:
        """Return whether a tick was confirmed; old ones are known by the last tick alone."""
        queue = self._queue()
        subject = queue.names.confirmed_subject(schedule_id, number)
        if await values.get_last(queue.connection, queue.names.ticks, subject) is not None:
            return True
        if number / 1e6 > time.time() - TICK_MEMORY / 2:
            return False
        last = await self._last(schedule_id)
        return last is not None and number <= last

    async def _last(self, schedule_id: str) -> int | None:
        queue = self._queue()
        subject = queue.names.last_tick_subject(schedule_id)
        stored = await values.get_last(queue.connection, queue.names.last_ticks, subject)
        return None if stored is None else int(stored.payload)


def _number_of(tick: datetime) -> int:
    """Return microseconds since 1970; ValueError without a time zone."""
    if tick.tzinfo is None:
        raise ValueError(f"the tick {tick} has no time zone")
    return (tick - _EPOCH) // _MICROSECOND
