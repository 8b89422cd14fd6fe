"""Aborts: a message is marked by its number, and workers are notified."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

from taskiq_core.messages.aborts import AbortState
from taskiq_nats.queue.codec import Record
from taskiq_nats.queue.later import move_to_now
from taskiq_nats.queue.watch import QueueWatch
from taskiq_nats.storage import values
from taskiq_nats.storage.connection import NatsConnection
from taskiq_nats.storage.names import WORKERS, QueueNames


async def request_abort(connection: NatsConnection, names: QueueNames, task_id: str) -> AbortState:
    """Mark the latest message of a task.

    Args:
        connection: to the server.
        names: of the queue.
        task_id: of the task.

    Returns:
        Where the message is.
    """
    number = await _number_in_queue(connection, names, task_id)
    if number is None:
        return AbortState.UNKNOWN
    value = {"id": task_id, "number": number}
    await values.put(connection, names.abort_subject(task_id), value)
    # A worker that gets the message after this answer has heard of the mark.
    info = await connection.api(f"CONSUMER.INFO.{names.now}.{WORKERS}")
    is_running = info["delivered"]["stream_seq"] >= number
    return AbortState.RUNNING if is_running else AbortState.QUEUED


async def aborts(watch: QueueWatch) -> AsyncGenerator[str, None]:
    """Yield the ids of aborted tasks: the marked ones, and each that will be."""
    await watch.start()
    told: asyncio.Queue[str] = asyncio.Queue()
    watch.on_abort.add(told.put_nowait)
    try:
        for task_id in watch.aborted_ids:
            yield task_id
        while True:
            yield await told.get()
    finally:
        watch.on_abort.discard(told.put_nowait)


async def _number_in_queue(
    connection: NatsConnection, names: QueueNames, task_id: str
) -> int | None:
    """Return the number of a task's message; a delayed one is moved into the queue first."""
    # Twice, as a message may be moved from one stream to the other meanwhile.
    for _ in range(2):
        delayed = await values.get_last(connection, names.later, names.later_subject(task_id))
        if delayed is not None:
            record = replace(Record.from_bytes(delayed.payload), aborted=True)
            number = await move_to_now(connection, names, record, delayed.number)
            await values.delete(connection, names.later, delayed.number)
            return number
        found = await values.get_last(connection, names.now, names.now_subject(task_id))
        if found is not None:
            return found.number
    return None
