"""Aborts of running tasks: a request to all workers, answered by the one that has the task."""

import asyncio
from contextlib import suppress

import aiormq.abc
import aiormq.exceptions
from pamqp import commands

from taskiq_aio_pika.errors import QueueMissingError
from taskiq_aio_pika.queue.held import HeldDeliveries
from taskiq_aio_pika.storage.connection import RabbitConnection, close_channel
from taskiq_aio_pika.storage.error_mapping import mapped_errors
from taskiq_core.loggers import get_logger

logger = get_logger(__name__)

_DIRECT_REPLY = "amq.rabbitmq.reply-to"
_HERE = b"running"


def control_exchange(queue: str) -> str:
    """Return the name of the exchange of requests to the workers of a broker."""
    return f"{queue}.control"


async def _ensure_exchange(connection: RabbitConnection, queue: str) -> str:
    name = control_exchange(queue)
    if not await connection.has_exchange(name):
        async with connection.channel() as channel:
            await channel.exchange_declare(name, exchange_type="fanout", durable=True)
    return name


async def ask_workers(
    connection: RabbitConnection, queue: str, task_id: str, *, timeout: float
) -> bool:
    """Ask all workers for a task, and have the one that runs it abort it.

    Args:
        connection: of the event loop.
        queue: the default queue of the broker.
        task_id: of the task.
        timeout: seconds to wait for the worker that has it.

    Returns:
        Whether a worker has it.
    """
    answered = asyncio.Event()

    async def answer(message: aiormq.abc.DeliveredMessage) -> None:
        del message
        answered.set()

    exchange = await _ensure_exchange(connection, queue)
    try:
        async with connection.channel(confirms=True) as channel:
            await channel.basic_consume(_DIRECT_REPLY, answer, no_ack=True)
            await channel.basic_publish(
                task_id.encode(),
                exchange=exchange,
                properties=commands.Basic.Properties(reply_to=_DIRECT_REPLY),
                mandatory=True,
            )
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await answered.wait()
    except QueueMissingError:
        return False  # no worker listens
    return answered.is_set()


class ControlListener:
    """Listens to requests in a worker, as long as its connection lasts.

    Args:
        connection: of the event loop.
        held: what the worker has.
        queue: the default queue of the broker.
    """

    def __init__(self, connection: RabbitConnection, held: HeldDeliveries, queue: str) -> None:
        self._connection = connection
        self._held = held
        self._queue = queue
        self._channel: aiormq.abc.AbstractChannel | None = None

    async def open(self) -> None:
        """Listen; does nothing where it listens already."""
        if self._channel is not None and not self._channel.is_closed:
            return
        exchange = await _ensure_exchange(self._connection, self._queue)
        channel = await self._connection.open_channel()
        with mapped_errors(self._connection.address, timeout=self._connection.timeout):
            declared = await channel.queue_declare(exclusive=True, auto_delete=True)
            name = declared.queue or ""
            await channel.queue_bind(name, exchange)
            await channel.basic_consume(name, self._requested, no_ack=True)
        self._channel = channel

    async def close(self) -> None:
        """Stop listening."""
        if self._channel is not None:
            await close_channel(self._channel)
            self._channel = None

    async def _requested(self, message: aiormq.abc.DeliveredMessage) -> None:
        task_id = message.body.decode(errors="replace")
        reply_to = message.header.properties.reply_to
        if not self._held.mark_aborted(task_id) or reply_to is None:
            return
        try:
            await message.channel.basic_publish(_HERE, routing_key=reply_to)
        except (aiormq.exceptions.AMQPError, aiormq.exceptions.ChannelInvalidStateError) as error:
            logger.warning("The abort of task %s is not answered: %s", task_id, error)
