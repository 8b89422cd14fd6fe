"""FetchPositions: where a worker's next fetch begins; pure, without I/O.

What was fetched leaves dead entries in the index, at the beginning of the queue. They are removed
when they are next walked over, unless anybody has a snapshot that is older: a report, a backup, a
replica. Then each fetch would walk over all that was fetched since. So a fetch begins where those
of a second ago ended, and looks at the whole queue from time to time only.

A second, as ids are given out before their rows are committed: those of concurrent senders come in
another order than that of their ids.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

LAG: Final = 1.0
"""Seconds that a position is behind."""
FULL_LOOK_INTERVAL: Final = 1.0
"""Seconds between two looks at the whole queue."""
FULL_LOOK_SHARE: Final = 20
"""A look at the whole queue takes at most one part in so many of a worker's time."""
LOWEST: Final = -(2**31)
HIGHEST: Final = 2**31 - 1

Position: TypeAlias = tuple[int, int]
"""A rank and an id."""
Part: TypeAlias = tuple[str, int, int, int]
"""A part of a queue: what comes after a rank and an id, up to a rank."""


class FetchPositions:
    """The positions that were reached, and when to look at the whole queue."""

    def __init__(self) -> None:
        self._positions: dict[str, Position] = {}
        self._reached: dict[str, Position] = {}
        self._rotated_at = 0.0
        self._full_look_at = 0.0
        self._is_complete = True

    def parts(self, queues: Sequence[str], *, is_full: bool) -> Sequence[Part]:
        """Return the parts of the queues that are to be looked at, in their order.

        Args:
            queues: in the order in which they are looked at.
            is_full: whether to look at all of each.
        """
        parts: list[Part] = []
        for queue in queues:
            position = None if is_full else self._positions.get(queue)
            if position is None:
                parts.append((queue, LOWEST, 0, HIGHEST))
                continue
            rank, message_id = position
            if rank > LOWEST + 1:  # there may be some of a higher priority
                parts.append((queue, LOWEST, 0, rank - 1))
            parts.append((queue, rank, message_id, HIGHEST))
        return parts

    def reached(self, queue: str, rank: int, message_id: int, now: float) -> None:
        """Keep that a message was fetched, the last one of its fetch last.

        Args:
            queue: of the message.
            rank: of the message.
            message_id: of the message.
            now: of a monotonic clock.
        """
        if now - self._rotated_at >= LAG:
            self._positions, self._reached = self._reached, {}
            self._rotated_at = now
        self._reached[queue] = (rank, message_id)
        self._is_complete = False

    def looked(self, begin: float, end: float) -> None:
        """Keep that a look at the whole queue lasted from `begin` to `end`."""
        pause = max(FULL_LOOK_INTERVAL, FULL_LOOK_SHARE * (end - begin))
        self._full_look_at = end + pause
        self._is_complete = True

    def is_full_look_due(self, now: float) -> bool:
        """Return whether it is time to look at the whole queue."""
        return now >= self._full_look_at

    def seconds_to_full_look(self, now: float) -> float | None:
        """Return when to look at the whole queue; None if that was done since the last fetch."""
        return None if self._is_complete else max(self._full_look_at - now, 0.0)
