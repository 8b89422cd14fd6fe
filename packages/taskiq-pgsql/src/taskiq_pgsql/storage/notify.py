"""Notifications: workers and callers are woken, over one connection of each process.

A NOTIFY takes a lock that all commits of the server with a NOTIFY wait for, until it is on disk. So
it is never in the transaction that inserts: that one is committed first, and then a transaction
that has written nothing notifies, and does not wait for the disk.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import Any, Final, TypeAlias

from taskiq_core.brokers.backoff import backoff_delay
from taskiq_core.exceptions import TaskiqError, reason_of
from taskiq_core.loggers import get_logger
from taskiq_pgsql.storage.connection import HeldConnection
from taskiq_pgsql.storage.error_mapping import ERRORS
from taskiq_pgsql.storage.server import Server

logger = get_logger(__name__)

INTERVAL: Final = 0.002
"""Seconds between two NOTIFYs of one process."""
POOLED_POLL: Final = 0.5
"""Seconds between two looks behind a pooler, where no notification comes."""
CHECK_INTERVAL: Final = 10.0
"""Seconds after which a silent connection is tested."""
RETRY_CAP: Final = 5.0
"""Seconds at most before a lost connection is opened again."""
LONGEST_PAYLOAD: Final = 7_900
"""Bytes; the server refuses more than 8,000."""
NOTIFY: Final = "SELECT pg_notify(c, p) FROM unnest($1::text[], $2::text[]) AS n(c, p)"

Callback: TypeAlias = Callable[[str | None], object]
"""Is called with the payload; with None when notifications may have been missed."""


class Topic(StrEnum):
    """What a notification is about."""

    MESSAGES = "messages"
    ABORTS = "aborts"
    RESULTS = "results"
    SCHEDULES = "schedules"


class Notifier:
    """Notifies other processes, soon after it was asked to; all notices of a moment at once.

    Args:
        connection: to the server.
        schema: part of the names of the channels.
    """

    def __init__(self, connection: HeldConnection, schema: str) -> None:
        self._connection = connection
        self._schema = schema
        self._pending: dict[tuple[str, str], None] = {}
        self._sending: asyncio.Task[None] | None = None

    def notify(self, topic: str, payload: str = "") -> None:
        """Notify the listeners of a topic."""
        self._pending[channel(self._schema, topic), payload] = None
        if self._sending is None:
            self._sending = asyncio.get_running_loop().create_task(self._send_all())

    async def wait_idle(self) -> None:
        """Wait until all is sent."""
        while self._sending is not None:
            await asyncio.wait({self._sending})

    async def _send_all(self) -> None:
        try:
            while self._pending:
                pending, self._pending = list(self._pending), {}
                try:
                    await self._connection.fetch(NOTIFY, *map(list, zip(*pending, strict=True)))
                except TaskiqError as error:
                    logger.debug("Others are not notified, and find out later: %s", error)
                    return
                await asyncio.sleep(INTERVAL)
        finally:
            self._sending = None


class Listener:
    """One connection that listens to all topics that are wanted, and is renewed when it is lost.

    Behind a pooler, which passes no notifications on, everybody is called each half second.

    Args:
        server: opens connections.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._callbacks: defaultdict[str, list[Callback]] = defaultdict(list)
        self._changed = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._failures = 0
        self._standing: set[str] = set()

    @contextmanager
    def listening(self, topic: str, callback: Callback) -> Iterator[None]:
        """Call a function for each notification of a topic, and once when the subscription stands.

        Args:
            topic: a `Topic`, or the name of a part of one.
            callback: must not raise.
        """
        name = channel(self._server.schema, topic)
        self._callbacks[name].append(callback)
        self._changed.set()
        loop = asyncio.get_running_loop()
        if name in self._standing:
            loop.call_soon(callback, None)
        if self._running is None:
            self._running = loop.create_task(self._run())
        try:
            yield
        finally:
            self._callbacks[name].remove(callback)
            if not self._callbacks[name]:
                del self._callbacks[name]
                self._changed.set()

    async def close(self) -> None:
        """Disconnect."""
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            await asyncio.wait({running})

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except (TaskiqError, *ERRORS, TimeoutError) as error:
                self._failures += 1
                text = "No notifications from %s: %s; the connection is renewed"
                log = logger.warning if self._failures == 1 else logger.debug
                log(text, self._server.address, reason_of(error))
            except Exception:  # callers must not wait for ever
                self._failures += 1
                logger.exception("Notifications failed, and the connection is renewed")
            delay = backoff_delay(max(self._failures, 1), base=0.1, cap=RETRY_CAP, rng=random)
            await asyncio.sleep(delay)
            self._call_all()

    async def _listen(self) -> None:
        """Listen until the connection is lost."""
        connection, is_pooled = await self._server.connect()
        following: asyncio.Future[None] | None = None
        try:
            if is_pooled:
                await self._poll()
            connection.add_termination_listener(lambda _: self._changed.set())
            while not connection.is_closed():
                self._changed.clear()
                following = asyncio.ensure_future(self._follow(connection))
                await asyncio.shield(following)
                with suppress(TimeoutError):
                    async with asyncio.timeout(CHECK_INTERVAL):
                        await self._changed.wait()
        finally:
            self._standing.clear()
            connection.terminate()
            if following is not None:
                await asyncio.gather(following, return_exceptions=True)

    async def _follow(self, connection: Any) -> None:
        """Listen to the channels that are wanted, and to no other; test the connection."""
        wanted = set(self._callbacks)
        # Not by a time-out of asyncpg, which would open another connection to cancel a statement.
        timer = asyncio.get_running_loop().call_later(self._server.timeout, connection.terminate)
        try:
            await connection.fetchval("SELECT 1")
            for name in wanted - self._standing:
                await connection.add_listener(name, self._received)
                self._standing.add(name)
                self._call(name, None)
            for name in self._standing - wanted:
                self._standing.discard(name)
                await connection.remove_listener(name, self._received)
        finally:
            timer.cancel()
        if self._failures:
            logger.warning("Notifications from %s come again", self._server.address)
            self._failures = 0

    async def _poll(self) -> None:
        text = "A pooler stands before %s and passes no notifications on: polling each %s s"
        logger.info(text, self._server.address, POOLED_POLL)
        while True:
            self._failures = 0
            self._call_all()
            await asyncio.sleep(POOLED_POLL)

    def _received(self, connection: object, pid: int, name: str, payload: object) -> None:
        self._call(name, str(payload))

    def _call_all(self) -> None:
        for name in list(self._callbacks):
            self._call(name, None)

    def _call(self, name: str, payload: str | None) -> None:
        for callback in list(self._callbacks.get(name, ())):
            callback(payload)


def channel(schema: str, topic: str) -> str:
    """Return the name of a channel: at most 63 bytes; a notice too many is harmless."""
    # Cut after encoding: a schema may have characters of several bytes.
    name = schema.encode()[:40].decode(errors="ignore")
    return f"taskiq:{name}:{topic}"
