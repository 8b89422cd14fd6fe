"""ResultWatch: one subscription for all who wait for results in this process."""

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import Final

from taskiq_core.brokers.backoff import backoff_delay
from taskiq_core.exceptions import TaskiqError
from taskiq_redis.servers import Server
from taskiq_redis.subscription import Subscription

logger = logging.getLogger(__name__)

Ready = Callable[[Collection[str]], Awaitable[Collection[str]]]
"""Which of these keys there are."""
Read = Callable[[], Awaitable[bytes | None]]
"""Reads a key; None if it is not there."""
RETRY_CAP: Final = 5.0
"""Seconds at most before a lost connection is opened again."""


class _Waiter:
    """Somebody who waits for a key, and what came with the news of it."""

    __slots__ = ("event", "told")

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.told: bytes | None = None


class ResultWatch:
    """Wakes those who wait for keys when somebody tells that a key was set, or what it was set to.

    Who waits is woken when the subscription is confirmed, too, and each `poll_interval` seconds if
    the key is there: nothing that was said too early, or while the connection was lost, is missed.

    Args:
        server: where keys and channels are; a key's channel has its name.
        ready: asks for keys.
        poll_interval: seconds between two looks although nobody has said anything.
        timeout: seconds of silence after which the subscription is looked after.
        takes_what_is_told: whether what comes with the news will do; a key that is to be removed
            when it is read must be read.
    """

    def __init__(
        self,
        server: Server,
        ready: Ready,
        poll_interval: float,
        *,
        timeout: float,
        takes_what_is_told: bool,
    ) -> None:
        self._server = server
        self._ready = ready
        self._poll_interval = poll_interval
        self._timeout = timeout
        self._takes_what_is_told = takes_what_is_told
        self._waiting: defaultdict[str, set[_Waiter]] = defaultdict(set)
        self._unheard: set[str] = set()
        self._changed = asyncio.Event()
        self._failures = 0
        self._watching: asyncio.Task[None] | None = None

    async def wait(self, key: str, read: Read) -> bytes:
        """What is stored under a key, as soon as there is something."""
        waiter = _Waiter()
        if key in self._waiting:
            waiter.event.set()  # it is listened for already: nobody would say when that began
        else:
            self._unheard.add(key)
            self._changed.set()
        self._waiting[key].add(waiter)
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        try:
            while True:
                await waiter.event.wait()
                waiter.event.clear()
                if (found := waiter.told or await read()) is not None:
                    return found
        finally:
            self._forget(key, waiter)

    def _forget(self, key: str, waiter: _Waiter) -> None:
        waiters = self._waiting[key]
        waiters.discard(waiter)
        if not waiters:
            del self._waiting[key]
            self._unheard.discard(key)
            self._changed.set()

    async def stop(self) -> None:
        """Hang up."""
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()
            await asyncio.wait({watching})

    def _wake(self, key: str, told: bytes | None = None) -> None:
        for waiter in self._waiting.get(key, ()):
            waiter.told = told or waiter.told
            waiter.event.set()

    async def _watch(self) -> None:
        while True:
            try:
                async with Subscription(self._server, timeout=self._timeout) as subscription:
                    self._unheard.update(self._waiting)
                    self._changed.set()
                    await self._serve(subscription)
            except TaskiqError as error:
                self._failures += 1
                logger.warning("Results can't be listened for: %s", error)
            except Exception:  # those who wait must not do so for ever
                self._failures += 1
                logger.exception("Results can't be listened for")
            await asyncio.sleep(backoff_delay(self._failures, base=0.1, cap=RETRY_CAP, rng=random))
            with suppress(TaskiqError):
                await self._look()

    async def _serve(self, subscription: Subscription) -> None:
        tasks = [
            asyncio.create_task(self._hear(subscription)),
            asyncio.create_task(self._tell(subscription)),
            asyncio.create_task(self._poll()),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _hear(self, subscription: Subscription) -> None:
        async for key, told in subscription:
            self._failures = 0  # to be connected is not yet to be listened to
            # It is there, or was before we listened; if we are told what it is, that will do.
            is_all = self._takes_what_is_told and told is not None and b"\n" in told
            self._wake(key, told if is_all else None)

    async def _tell(self, subscription: Subscription) -> None:
        """Subscribe to what is waited for, and to nothing else; all of one turn in one command."""
        heard: set[str] = set()
        while True:
            await self._changed.wait()
            self._changed.clear()
            wanted, self._unheard = self._unheard & self._waiting.keys(), set()
            if wanted:
                heard |= wanted
                await subscription.subscribe(wanted)
            given_up = heard - self._waiting.keys()
            if given_up:
                heard -= given_up
                await subscription.unsubscribe(given_up)

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._poll_interval)
            await self._look()

    async def _look(self) -> None:
        keys = list(self._waiting)
        for first in range(0, len(keys), 1_000):
            for key in await self._ready(keys[first : first + 1_000]):
                self._wake(key)
