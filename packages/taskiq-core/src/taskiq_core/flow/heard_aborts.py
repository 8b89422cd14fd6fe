"""Aborts that were heard of before their deliveries: a notice may overtake a fetch."""

import time
from typing import Final

MEMORY: Final = 60.0
"""Seconds for which an abort is remembered; longer than any fetch is on its way."""
MOST: Final = 10_000
"""Aborts that are remembered at most; of more, the latest."""


class HeardAborts:
    """The ids of tasks whose abort was heard of while no such task ran here.

    Most of them run elsewhere. A worker hears of an abort on one connection and gets its deliveries
    on another one, so one of these tasks may be on its way here, or wait here without being read.
    """

    def __init__(self) -> None:
        self._heard_at: dict[str, float] = {}  # oldest first

    def add(self, task_id: str) -> None:
        """Remember an abort, and forget old ones."""
        now = time.monotonic()
        self._heard_at.pop(task_id, None)
        self._heard_at[task_id] = now
        while len(self._heard_at) > MOST or now - self._oldest() > MEMORY:
            del self._heard_at[next(iter(self._heard_at))]

    def __contains__(self, task_id: str) -> bool:
        heard_at = self._heard_at.get(task_id)
        return heard_at is not None and time.monotonic() - heard_at <= MEMORY

    def discard(self, task_id: str) -> None:
        """Forget an abort that has reached its task."""
        self._heard_at.pop(task_id, None)

    def _oldest(self) -> float:
        return next(iter(self._heard_at.values()))
