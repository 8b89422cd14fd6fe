"""PullSubscription: messages of a consumer, by credit."""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any, Final, NamedTuple

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from taskiq_nats.errors import NatsStreamError, NatsTimeoutError
from taskiq_nats.storage.connection import API, NatsConnection
from taskiq_nats.storage.names import WORKERS
from taskiq_nats.storage.streams import NANOSECONDS

EXPIRES: Final = 30.0
"""Seconds that the server keeps a request for messages."""
HEARTBEAT: Final = 2.0
"""Seconds after which the server says that it still has the request."""
SHORT_FORM: Final = 9
"""Tokens of a reply subject without domain and account."""
SILENCE: Final = 2.5 * HEARTBEAT
"""Seconds without a word after which the request is taken for lost."""


class Positions(NamedTuple):
    """What the reply subject of a delivered message says.

    Attributes:
        delivered: how often the message has been delivered.
        number: of the message in its stream.
        fence: of the delivery, among all deliveries of the consumer.
    """

    delivered: int
    number: int
    fence: int


def positions_of(message: Msg) -> Positions:
    """Read the reply subject of a message.

    $JS.ACK.[domain.account.]stream.consumer.delivered.number.fence.time.pending[.token]
    """
    tokens = message.reply.split(".")
    first = 4 if len(tokens) <= SHORT_FORM else 6
    return Positions(*map(int, tokens[first : first + 3]))


class PullSubscription:
    """Asks a consumer for messages: one request is under way at a time.

    Attributes:
        arrived: messages that have come, with the time by the monotonic clock.
        changed: set when a message has come, or the request has ended.

    Args:
        connection: to the server.
        stream: whose messages.
    """

    def __init__(self, connection: NatsConnection, stream: str) -> None:
        self.arrived: deque[tuple[Msg, float]] = deque()
        self.changed = asyncio.Event()
        self._connection = connection
        self._stream = stream
        self._credit = 0
        self._heard = 0.0
        self._inbox = ""
        self._subscription: Subscription | None = None
        self._missing: NatsStreamError | None = None
        self._is_stale = False

    async def wait(self, limit: int, is_over: Callable[[], bool] = lambda: False) -> None:
        """Return when messages have arrived; asks for `limit` of them if none are on their way.

        Args:
            limit: messages that may come at most.
            is_over: ends the wait; looked at whenever `changed` is set.
        """
        while not self.arrived and not is_over():
            if self._missing is not None:
                missing, self._missing = self._missing, None
                raise missing
            if self._is_stale:
                # The server has forgotten the request, or got one more while the connection was
                # renewed: with another inbox, no more messages come than were asked for.
                self._is_stale = False
                await self._end_subscription()
            if self._credit <= 0:
                await self._ask(limit)
            self.changed.clear()
            try:
                async with asyncio.timeout(max(self._heard + SILENCE - monotonic(), 0.01)):
                    await self.changed.wait()
            except TimeoutError:
                await self._end_subscription()

    async def take(self, limit: int) -> bool:
        """Fetch the messages that can be delivered now.

        Args:
            limit: messages at most.

        Returns:
            Whether any arrived.
        """
        await self._ask(limit, no_wait=True)
        while self._credit > 0 and not self._is_stale:
            self.changed.clear()
            try:
                async with asyncio.timeout(SILENCE):
                    await self.changed.wait()
            except TimeoutError as error:
                address = self._connection.server.address
                raise NatsTimeoutError(address=address, timeout=SILENCE) from error
        return bool(self.arrived)

    async def close(self) -> None:
        """End the request; messages that were on their way are in `arrived` then."""
        self._connection.on_change.discard(self._connection_changed)
        await self._end_subscription()

    async def _ask(self, limit: int, *, no_wait: bool = False) -> None:
        if self._subscription is None:
            await self._connection.open()
            self._inbox = self._connection.new_inbox()
            self._connection.on_change.add(self._connection_changed)
            self._subscription = await self._connection.subscribe(self._inbox, self._received)
        query: dict[str, Any] = {"batch": limit}
        if no_wait:
            query["no_wait"] = True
        else:
            query["expires"] = round(EXPIRES * NANOSECONDS)
            query["idle_heartbeat"] = round(HEARTBEAT * NANOSECONDS)
        self._credit = limit
        self._heard = monotonic()
        subject = f"{API}.CONSUMER.MSG.NEXT.{self._stream}.{WORKERS}"
        await self._connection.tell(subject, json.dumps(query).encode(), self._inbox)

    async def _end_subscription(self) -> None:
        subscription, self._subscription = self._subscription, None
        self._credit = 0
        if subscription is not None:
            await self._connection.unsubscribe(subscription)

    def _received(self, message: Msg) -> None:
        self._heard = monotonic()
        if message.subject != self._inbox:
            self._credit -= 1
            self.arrived.append((message, self._heard))
        elif (status := (message.headers or {}).get("Status")) != "100":
            # 408 time is up; 409 the consumer, the stream or the server has gone; 503 no consumer
            self._credit = 0
            if status == "503":
                self._missing = NatsStreamError(
                    address=self._connection.server.address,
                    request=self._stream,
                    reason="nobody answers",
                )
        else:
            return
        self.changed.set()

    def _connection_changed(self) -> None:
        self._is_stale = True
        self.changed.set()
