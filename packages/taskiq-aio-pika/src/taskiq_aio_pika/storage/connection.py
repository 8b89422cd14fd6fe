"""RabbitConnection: one connection of one event loop, opened when it is needed."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Final, cast

import aiormq
import aiormq.abc
from yarl import URL

from taskiq_aio_pika.errors import QueueMissingError, RabbitUnreachableError
from taskiq_aio_pika.storage.error_mapping import as_broker_error, mapped_errors, to_the_end
from taskiq_aio_pika.storage.server import Server
from taskiq_core.exceptions import BrokerError

BLOCKED_AFTER: Final = 0.05
"""Seconds to wait for a connection that the server has blocked, before it counts as such."""
CLOSE_TIMEOUT: Final = 5.0


class RabbitConnection:
    """Opens a connection to the first node that answers, and again after it was lost.

    Args:
        server: the nodes.
        timeout: seconds without an answer after which a call is given up.
    """

    def __init__(self, server: Server, *, timeout: float) -> None:
        self.server = server
        self.timeout = timeout
        self._connection: aiormq.abc.AbstractConnection | None = None
        self._opening: asyncio.Task[aiormq.abc.AbstractConnection] | None = None

    @property
    def address(self) -> str:
        """The server, without credentials."""
        return self.server.address

    async def get(self) -> aiormq.abc.AbstractConnection:
        """Return the open connection.

        Raises:
            RabbitUnreachableError: no node can be reached, or all refuse the user.
        """
        if self._connection is not None and self._connection.is_opened:
            return self._connection
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._open())
        return await to_the_end(_result_of(self._opening))

    async def _open(self) -> aiormq.abc.AbstractConnection:
        failure: BrokerError | None = None
        for url in self.server.urls:
            try:
                self._connection = await self._connect(url)
            except BrokerError as error:
                failure = error
            else:
                return self._connection
        raise failure or RabbitUnreachableError(address=self.address, reason="no host is named")

    async def _connect(self, url: URL) -> aiormq.abc.AbstractConnection:
        _quieten_client_library()
        connection = aiormq.Connection(url, context=self.server.ssl_context)
        try:
            async with asyncio.timeout(self.timeout):
                await connection.connect()
        except Exception as error:
            raise as_broker_error(error, self.address, timeout=self.timeout) from error
        return connection

    async def is_blocked(self) -> bool:
        """Return whether the server takes no messages, because it has raised an alarm."""
        connection = await self.get()
        try:
            async with asyncio.timeout(BLOCKED_AFTER):
                await connection.ready()
        except TimeoutError:
            return True
        return False

    async def major_version(self) -> int:
        """Return the first number of the server's version; 3 if it does not say."""
        properties = (await self.get()).server_properties or {}
        version = properties.get("version")
        text = version.decode() if isinstance(version, bytes) else str(version)
        first = text.partition(".")[0]
        return int(first) if first.isdecimal() else 3

    async def open_channel(self, *, confirms: bool = False) -> aiormq.Channel:
        """Open a channel.

        Args:
            confirms: whether the server confirms what is published on it.
        """
        connection = await self.get()
        with mapped_errors(self.address, timeout=self.timeout):
            opening = asyncio.ensure_future(connection.channel(publisher_confirms=confirms))
            try:
                async with asyncio.timeout(self.timeout):
                    return cast("aiormq.Channel", await asyncio.shield(opening))
            except BaseException:
                opening.add_done_callback(_close_unused)
                raise

    @asynccontextmanager
    async def channel(
        self, *, confirms: bool = False, is_long: bool = False
    ) -> AsyncGenerator[aiormq.Channel, None]:
        """Open a channel for some calls, whose errors become those of this package.

        Args:
            confirms: whether the server confirms what is published on it.
            is_long: whether the calls may take longer than one answer of the server.
        """
        channel = await self.open_channel(confirms=confirms)
        try:
            with mapped_errors(self.address, timeout=self.timeout):
                async with asyncio.timeout(None if is_long else self.timeout):
                    yield channel
        finally:
            await to_the_end(close_channel(channel))

    async def has_exchange(self, name: str) -> bool:
        """Return whether an exchange is there, which needs no right to declare it."""
        try:
            async with self.channel() as channel:
                await channel.exchange_declare(name, passive=True)
        except QueueMissingError:  # the server's answer for exchanges, too
            return False
        return True

    async def count(self, queue: str) -> int | None:
        """Return the number of messages that wait in a queue; None if there is no such queue."""
        try:
            async with self.channel() as channel:
                declared = await channel.queue_declare(queue, passive=True)
        except QueueMissingError:
            return None
        return declared.message_count or 0

    async def close(self) -> None:
        """Close it; may be called twice."""
        if self._opening is not None:
            await asyncio.wait({self._opening})
        connection, self._connection = self._connection, None
        self._opening = None
        if connection is not None:
            with suppress(Exception):
                async with asyncio.timeout(self.timeout):
                    await connection.close()


def _quieten_client_library() -> None:
    """Have aiormq log no traceback for each lost connection: our errors say it in a line.

    A program that has set a level for its loggers keeps it.
    """
    logger = logging.getLogger("aiormq")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.CRITICAL)


async def close_channel(channel: aiormq.abc.AbstractChannel) -> None:
    """Close a channel that may be closed, or whose connection may be lost."""
    if channel.is_closed:
        return
    with suppress(Exception):
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await channel.close()


async def _result_of(
    opening: "asyncio.Task[aiormq.abc.AbstractConnection]",
) -> aiormq.abc.AbstractConnection:
    return await asyncio.shield(opening)


def _close_unused(opening: "asyncio.Future[aiormq.abc.AbstractChannel]") -> None:
    """Close a channel that was opened for a caller who is gone."""
    if not opening.cancelled() and opening.exception() is None:
        closing = asyncio.ensure_future(close_channel(opening.result()))
        closing.add_done_callback(lambda done: done.cancelled() or done.exception())
