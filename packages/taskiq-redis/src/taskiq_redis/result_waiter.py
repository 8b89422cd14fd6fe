"""ResultWaiter: one subscription for all callers of a process that wait for results."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import Final

from taskiq_core.brokers.backoff import backoff_delay
from taskiq_core.exceptions import TaskiqError
from taskiq_core.loggers import get_logger
from taskiq_redis.storage.pubsub import Subscription
from taskiq_redis.storage.servers import Server

logger = get_logger(__name__)

FindReady = Callable[[Collection[str]], Awaitable[Collection[str]]]
"""Returns the keys that exist."""
Read = Callable[[], Awaitable[bytes | None]]
"""Reads a key; None if it does not exist."""
RETRY_CAP: Final = 5.0
"""Seconds at most before a lost connection is opened again."""


class _Call:
    """A call that waits for a key, and the value that was published, if it was."""

    __slots__ = ("event", "published")

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.published: bytes | None = None


class ResultWaiter:
    """Wakes the calls that wait for a key when it was set; a small value is published with that.

    A call is also woken when the subscription is confirmed, and each `poll_interval` seconds if the
    key exists: a message that was published too early, or while the connection was lost, does not
    matter.

    Args:
        server: has the keys and channels; a key's channel has its name.
        find_ready: asks which keys exist.
        poll_interval: seconds after which the keys are looked for without a message.
        timeout: seconds of silence after which the subscription is tested.
        uses_published: whether a published value is used; a key that is to be removed when it is
            read must be read.
    """

    def __init__(
        self,
        server: Server,
        find_ready: FindReady,
        poll_interval: float,
        *,
        timeout: float,
        uses_published: bool,
    ) -> None:
        self._server = server
        self._find_ready = find_ready
        self._poll_interval = poll_interval
        self._timeout = timeout
        self._uses_published = uses_published
        self._calls: defaultdict[str, set[_Call]] = defaultdict(set)
        self._new: set[str] = set()
        self._changed = asyncio.Event()
        self._failures = 0
        self._subscribing: asyncio.Task[None] | None = None

    async def wait(self, key: str, read: Read) -> bytes:
        """Return the value of a key as soon as it exists."""
        call = _Call()
        if key in self._calls:
            call.event.set()  # subscribed already: no confirmation will come
        else:
            self._new.add(key)
            self._changed.set()
        self._calls[key].add(call)
        if self._subscribing is None:
            self._subscribing = asyncio.create_task(self._subscribe_for_ever())
        try:
            while True:
                await call.event.wait()
                call.event.clear()
                if (found := call.published or await read()) is not None:
                    return found
        finally:
            self._forget(key, call)

    def _forget(self, key: str, call: _Call) -> None:
        calls = self._calls[key]
        calls.discard(call)
        if not calls:
            del self._calls[key]
            self._new.discard(key)
            self._changed.set()

    async def stop(self) -> None:
        """Disconnect."""
        subscribing, self._subscribing = self._subscribing, None
        if subscribing is not None:
            subscribing.cancel()
            await asyncio.wait({subscribing})

    def _wake(self, key: str, published: bytes | None = None) -> None:
        for call in self._calls.get(key, ()):
            call.published = published or call.published
            call.event.set()

    async def _subscribe_for_ever(self) -> None:
        while True:
            try:
                async with Subscription(self._server, timeout=self._timeout) as subscription:
                    self._new.update(self._calls)
                    self._changed.set()
                    await self._serve(subscription)
            except TaskiqError as error:
                self._failures += 1
                logger.warning("The subscription to results failed, and is renewed: %s", error)
            except Exception:  # callers must not wait for ever
                self._failures += 1
                logger.exception("The subscription to results failed, and is renewed")
            await asyncio.sleep(backoff_delay(self._failures, base=0.1, cap=RETRY_CAP, rng=random))
            with suppress(TaskiqError):
                await self._look()

    async def _serve(self, subscription: Subscription) -> None:
        tasks = [
            asyncio.create_task(self._receive(subscription)),
            asyncio.create_task(self._keep_channels(subscription)),
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

    async def _receive(self, subscription: Subscription) -> None:
        async for key, published in subscription:
            self._failures = 0  # a connection alone does not show that the user may subscribe
            has_value = self._uses_published and published is not None and b"\n" in published
            self._wake(key, published if has_value else None)

    async def _keep_channels(self, subscription: Subscription) -> None:
        """Subscribe to the keys that calls wait for; to all of one turn in one command."""
        subscribed: set[str] = set()
        while True:
            await self._changed.wait()
            self._changed.clear()
            wanted, self._new = self._new & self._calls.keys(), set()
            if wanted:
                subscribed |= wanted
                await subscription.subscribe(wanted)
            given_up = subscribed - self._calls.keys()
            if given_up:
                subscribed -= given_up
                await subscription.unsubscribe(given_up)

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._poll_interval)
            await self._look()

    async def _look(self) -> None:
        keys = list(self._calls)
        for first in range(0, len(keys), 1_000):
            for key in await self._find_ready(keys[first : first + 1_000]):
                self._wake(key)
