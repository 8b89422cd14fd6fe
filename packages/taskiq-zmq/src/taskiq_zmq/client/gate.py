"""Gate: lets senders pass while a queue has free places."""

import asyncio
from collections import deque
from collections.abc import Callable


class Gate:
    """Senders wait here, first come first served, until the queue has a place for them.

    Args:
        free: returns the number of free places.
    """

    def __init__(self, free: Callable[[], int]) -> None:
        self._free = free
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def is_open(self) -> bool:
        """Whether a sender may pass without waiting."""
        return not self._waiting and self._free() > 0

    @property
    def waiting(self) -> int:
        """Number of senders that wait."""
        return len(self._waiting)

    async def enter(self, timeout: float) -> None:
        """Wait for a free place; the caller must take it before it awaits anything else.

        Raises:
            TimeoutError: there was no free place for `timeout` seconds.
            ConnectionAbortedError: the queue is closed.
        """
        if self.is_open:
            return
        async with asyncio.timeout(timeout):
            append = self._waiting.append
            while True:
                turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                append(turn)
                try:
                    await turn
                except asyncio.CancelledError:
                    self._give_up(turn)
                    raise
                if self._free() > 0:
                    return
                append = self._waiting.appendleft

    def open(self) -> None:
        """Let in as many senders as there are free places."""
        if not self._waiting:
            return
        for _ in range(self._free()):
            if not self._waiting:
                return
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)

    def close(self) -> None:
        """Fail all senders that wait."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(ConnectionAbortedError("the queue is closed"))

    def _give_up(self, turn: asyncio.Future[None]) -> None:
        if turn in self._waiting:
            self._waiting.remove(turn)
        else:
            self.open()
