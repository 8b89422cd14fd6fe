"""LaterPump: moves delayed messages into the queue when they are due; one in each worker.

A delayed message is delivered to any worker, which gives it back with a negative acknowledgement
that has the rest of its delay. When that is over, the server delivers it again, and it is moved.
"""

import asyncio
import json
import time
from dataclasses import replace
from random import Random
from typing import Final

from nats.aio.msg import Msg

from taskiq_core.brokers.backoff import backoff_delay
from taskiq_core.brokers.outage import Outage
from taskiq_core.loggers import get_logger
from taskiq_nats.queue.codec import Record
from taskiq_nats.queue.pull import PullSubscription, positions_of
from taskiq_nats.queue.settle import ACK, MESSAGE_ID
from taskiq_nats.storage.connection import NatsConnection
from taskiq_nats.storage.names import QueueNames
from taskiq_nats.storage.streams import NANOSECONDS

logger = get_logger(__name__)

BATCH: Final = 100
LONGEST: Final = 86_400.0
"""Seconds of one negative acknowledgement at most."""
ACTIVITY: Final = "Delayed messages can't be looked for"


async def move_due_messages(connection: NatsConnection, names: QueueNames) -> None:
    """Move delayed messages, as long as the caller listens."""
    pull = PullSubscription(connection, names.later)
    outage = Outage("JetStreamBroker", logger)
    rng = Random()  # spreads attempts
    failures = 0
    try:
        while True:
            try:
                await pull.wait(BATCH)
                while pull.arrived:
                    await _handle(connection, names, pull.arrived[0][0])
                    pull.arrived.popleft()
                outage.succeeded(ACTIVITY)
                failures = 0
            except Exception as error:  # noqa: BLE001  # whatever it is, delays must not end
                failures += 1
                outage.failed(ACTIVITY, error)
                pull.arrived.clear()  # they come again
                await asyncio.sleep(backoff_delay(failures, base=0.2, cap=2.0, rng=rng))
    finally:
        await asyncio.shield(pull.close())


async def _handle(connection: NatsConnection, names: QueueNames, message: Msg) -> None:
    record = Record.from_bytes(message.data)
    rest = record.due - time.time()
    if rest > 0:
        delay = round(min(rest, LONGEST) * NANOSECONDS)
        await connection.tell(message.reply, b"-NAK " + json.dumps({"delay": delay}).encode())
        return
    number = positions_of(message).number
    await move_to_now(connection, names, record, number)
    await connection.call(message.reply, ACK)


async def move_to_now(
    connection: NatsConnection, names: QueueNames, record: Record, number: int
) -> int:
    """Store a delayed message in the queue; once, even if several processes do so.

    Args:
        connection: to the server.
        names: of the queue.
        record: the message.
        number: of it in the stream of delayed messages.

    Returns:
        Its number in the queue.
    """
    return await connection.publish(
        names.now_subject(record.task_id or "unreadable"),
        replace(record, due=0.0).to_bytes(),
        {MESSAGE_ID: f"later.{number}"},
    )
