"""Lets senders in while a queue has room."""

import asyncio
from collections import deque
from collections.abc import Callable


class Gate:
    """Senders wait here, in the order they came, until there is room for them.

    Args:
        room: how many more there is room for now.
    """

    def __init__(self, room: Callable[[], int]) -> None:
        self._room = room
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def is_open(self) -> bool:
        """Whether a sender may pass without waiting."""
        return not self._waiting and self._room() > 0

    @property
    def waiting(self) -> int:
        """How many senders wait."""
        return len(self._waiting)

    async def enter(self, timeout: float) -> None:
        """Wait for room; the caller must take it before it awaits anything else.

        Raises:
            TimeoutError: there was none in so many seconds.
            ConnectionAbortedError: the queue is closed.
        """
        if self.is_open:
            return
        async with asyncio.timeout(timeout):
            place = self._waiting.append
            while True:
                turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                place(turn)
                try:
                    await turn
                except asyncio.CancelledError:
                    self._give_up(turn)
                    raise
                if self._room() > 0:
                    return
                place = self._waiting.appendleft

    def open(self) -> None:
        """There may be room: let in as many as there is room for."""
        if not self._waiting:
            return
        for _ in range(self._room()):
            if not self._waiting:
                return
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)

    def close(self) -> None:
        """Nobody who waits will be let in."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(ConnectionAbortedError("the queue is closed"))

    def _give_up(self, turn: asyncio.Future[None]) -> None:
        if turn in self._waiting:
            self._waiting.remove(turn)
        else:
            self.open()
