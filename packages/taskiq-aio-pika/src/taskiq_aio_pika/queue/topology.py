"""Topology: the queues and exchanges of a broker, declared when they are needed first."""

from collections.abc import Mapping
from typing import Any, Final

import aiormq.abc

from taskiq_aio_pika.declarations import Exchange, Queue, QueueType
from taskiq_aio_pika.errors import QueueMissingError, RabbitCommandError, RabbitRightsError
from taskiq_aio_pika.storage.connection import RabbitConnection

_UNLIMITED_SINCE: Final = 4
"""From this version on, quorum queues drop messages after 20 deliveries by default."""


class Topology:
    """What the broker's queues are called, and that they are there.

    Args:
        connection: of the event loop.
        queues: the queues of tasks, by name.
        exchange: that tasks are published to; None for the default exchange.
        dead_letter_queue: the name of the queue of dead letters; None for one beside each queue.
        may_create: whether what is missing is created.
    """

    def __init__(
        self,
        connection: RabbitConnection,
        queues: Mapping[str, Queue],
        *,
        exchange: Exchange | None,
        dead_letter_queue: str | None,
        may_create: bool,
    ) -> None:
        self.queues = queues
        self.exchange = exchange
        self._connection = connection
        self._dead_letter_queue = dead_letter_queue
        self._may_create = may_create
        self._ready: set[str] = set()
        self._others: set[str] = set()

    def dead_letters_of(self, queue: str) -> str:
        """Return the name of the queue of its dead letters."""
        return self._dead_letter_queue or f"{queue}.dead"

    def expired_of(self, queue: str) -> str:
        """Return the name of the queue of messages that expired before they were delivered."""
        return f"{queue}.expired"

    def expires_in_server(self, queue: str) -> bool:
        """Return whether the server takes expired messages out of a queue, and keeps them.

        A queue that another program declared may drop them.
        """
        return queue not in self._others and self.queues[queue].type == QueueType.QUORUM

    def forget(self, queue: str) -> None:
        """Declare a queue, and those beside it, again when they are needed next."""
        self._ready = {name for name in self._ready if not name.startswith(queue)}

    async def ensure_queue(self, name: str) -> None:
        """Have a queue of tasks be there, bound to the exchange if there is one.

        Raises:
            QueueMissingError: it is missing, and may not be created.
            RabbitRightsError: the user may not create it.
        """
        if name in self._ready:
            return
        queue = self.queues[name]
        arguments = {**await self._arguments_of(queue), **queue.arguments}
        may_create = queue.declare and not queue.passive
        if await self._declare(queue, arguments, may_create=may_create):
            self._others.discard(name)
        else:
            self._others.add(name)
        if self.exchange is not None:
            await self._bind(queue, self.exchange)
        self._ready.add(name)

    async def ensure_dead_letters(self, queue: str) -> str:
        """Have the queue of dead letters be there, and return its name."""
        name = self.dead_letters_of(queue)
        await self._ensure_beside(name)
        return name

    async def ensure_expired(self, queue: str) -> str:
        """Have the queue of expired messages be there, and return its name."""
        name = self.expired_of(queue)
        await self._ensure_beside(name)
        return name

    async def _ensure_beside(self, name: str) -> None:
        if name not in self._ready:
            queue = Queue(name=name)
            await self._declare(queue, await self._limits(), may_create=True)
            self._ready.add(name)

    async def _declare(self, queue: Queue, arguments: dict[str, Any], *, may_create: bool) -> bool:
        """Declare a queue, or see that it is there.

        Returns:
            Whether it has these arguments; another program may have declared it with others.
        """
        refused: RabbitCommandError | None = None
        if may_create and self._may_create:
            try:
                async with self._connection.channel() as channel:
                    await _declare_queue(channel, queue, arguments)
            except QueueMissingError:
                raise
            except RabbitCommandError as error:
                refused = error
            else:
                return True
        try:
            async with self._connection.channel() as channel:
                await channel.queue_declare(queue.name, passive=True)
        except QueueMissingError as error:
            if isinstance(refused, RabbitRightsError):
                reason = f"to create queue {queue.name!r} it needs the right to configure it"
                raise RabbitRightsError(address=refused.address, reason=reason) from error
            raise QueueMissingError(address=self._connection.address, queue=queue.name) from error
        return False

    async def _bind(self, queue: Queue, exchange: Exchange) -> None:
        if exchange.declare and self._may_create:
            async with self._connection.channel() as channel:
                await channel.exchange_declare(
                    exchange.name,
                    exchange_type=str(getattr(exchange.type, "value", exchange.type)),
                    passive=exchange.passive,
                    durable=exchange.durable,
                    auto_delete=exchange.auto_delete,
                    internal=exchange.internal,
                    arguments=dict(exchange.arguments),
                    timeout=exchange.timeout,
                )
        if self._may_create:
            async with self._connection.channel() as channel:
                await channel.queue_bind(
                    queue.name,
                    exchange.name,
                    queue.routing_key or queue.name,
                    arguments=dict(queue.bind_arguments),
                    timeout=queue.bind_timeout,
                )

    async def _arguments_of(self, queue: Queue) -> dict[str, Any]:
        if queue.type == QueueType.CLASSIC:
            return {"x-queue-type": "classic", "x-overflow": "reject-publish"}
        return {
            **await self._limits(),
            "x-overflow": "reject-publish",
            "x-dead-letter-strategy": "at-least-once",
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": self.expired_of(queue.name),
        }

    async def _limits(self) -> dict[str, Any]:
        arguments: dict[str, Any] = {"x-queue-type": "quorum"}
        if await self._connection.major_version() >= _UNLIMITED_SINCE:
            arguments["x-delivery-limit"] = -1
        return arguments


async def _declare_queue(
    channel: aiormq.abc.AbstractChannel, queue: Queue, arguments: dict[str, Any]
) -> None:
    await channel.queue_declare(
        queue.name,
        durable=queue.durable,
        exclusive=queue.exclusive,
        auto_delete=queue.auto_delete,
        arguments=arguments,
        timeout=queue.timeout,
    )
