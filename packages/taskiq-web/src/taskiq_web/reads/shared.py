"""SharedReads: what several viewers ask for at the same time is read once."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

_T = TypeVar("_T")

MAX_KEPT: Final = 256
"""Answers that are kept at most; each is the content of one page."""


@dataclass(frozen=True, slots=True)
class _Kept:
    answer: "asyncio.Task[Any]"
    until: float


class SharedReads:
    """Keeps answers for a short time, and has each question asked once at a time.

    Args:
        ttl: seconds that an answer is kept.
    """

    def __init__(self, ttl: float) -> None:
        self._ttl = ttl
        self._kept: dict[Hashable, _Kept] = {}

    async def get(
        self, key: Hashable, read: Callable[[], Awaitable[_T]], *, ttl: float | None = None
    ) -> _T:
        """Return the answer to a question, read now or a moment ago.

        Args:
            key: the question.
            read: finds the answer; what it raises goes to all who wait for it, and is not kept.
            ttl: seconds that the answer is kept; None for the usual time.
        """
        now = time.monotonic()
        kept = self._kept.get(key)
        # A question that is still being asked is not asked again, however long that takes.
        if kept is None or (kept.answer.done() and kept.until <= now):
            self._drop_old(now)
            kept = _Kept(_asked(read), now + (self._ttl if ttl is None else ttl))
            self._kept[key] = kept
        try:
            # A viewer who leaves does not end the reading of the others.
            return cast("_T", await asyncio.shield(kept.answer))
        except Exception:
            if self._kept.get(key) is kept:
                del self._kept[key]
            raise

    def forget(self) -> None:
        """Have everything read again: a viewer has changed something."""
        self._kept.clear()

    def _drop_old(self, now: float) -> None:
        old = [key for key, kept in self._kept.items() if kept.answer.done() and kept.until <= now]
        for key in old:
            del self._kept[key]
        while len(self._kept) >= MAX_KEPT:
            del self._kept[next(iter(self._kept))]


def _asked(read: Callable[[], Awaitable[_T]]) -> "asyncio.Task[_T]":
    async def ask() -> _T:
        return await read()

    task = asyncio.create_task(ask())
    # Where every viewer has left by then, nobody else retrieves what it raised.
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task
