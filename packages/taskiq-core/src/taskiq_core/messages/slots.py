"""How many messages a worker may hold, and how many it does."""

import asyncio
import sys
from collections.abc import Callable


class Slots:
    """The slots for deliveries in one worker.

    A worker never holds more deliveries than it has slots. Brokers that fetch in batches take at
    most `free` messages; brokers that grant credit grant `granted`, a number that only grows, and
    learn of its growth through `on_freed`.

    Args:
        limit: how many there are; None for no limit.
    """

    __slots__ = ("_waiter", "freed", "limit", "on_freed", "taken")

    def __init__(self, limit: int | None) -> None:
        self.limit = sys.maxsize if limit is None else limit
        self.taken = 0
        self.freed = 0
        self.on_freed: Callable[[], None] | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def free(self) -> int:
        """How many more deliveries the worker can take now."""
        return self.limit - self.taken

    @property
    def granted(self) -> int:
        """How many deliveries the worker could take since it began, in total."""
        return self.limit + self.freed

    def take(self) -> None:
        """Occupy one slot; the caller has seen that one is free."""
        self.taken += 1

    def release(self) -> None:
        """Free one slot."""
        self.taken -= 1
        self.freed += 1
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        if self.on_freed is not None:
            self.on_freed()

    async def wait_free(self) -> None:
        """Wait until a slot is free; for one waiter at a time."""
        while self.taken >= self.limit:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
