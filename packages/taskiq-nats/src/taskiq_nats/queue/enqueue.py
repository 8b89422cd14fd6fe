"""Sending: messages are stored, those with unique keys after their keys."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from taskiq_core.exceptions import DuplicateKeyError
from taskiq_nats.queue.codec import HeldKey, NewMessage, Record
from taskiq_nats.storage import values
from taskiq_nats.storage.connection import NatsConnection
from taskiq_nats.storage.names import QueueNames
from taskiq_nats.storage.values import Stored

KEY_GRACE: Final = 10.0
"""Seconds that a sender has to store the message of a key that it holds."""
WINDOW: Final = 2_000
"""Messages of `kick_many` that are under way at a time."""
_ATTEMPTS: Final = 20


class Enqueuer:
    """Stores messages.

    Args:
        connection: to the server.
        names: of the queue.
    """

    def __init__(self, connection: NatsConnection, names: QueueNames) -> None:
        self._connection = connection
        self._names = names

    async def send(self, message: NewMessage) -> None:
        """Store a message.

        Raises:
            DuplicateKeyError: its unique key is taken.
        """
        if message.unique_key is None:
            await self._connection.publish(*self._placed(message.record, message.delay))
        else:
            await self.send_many([message])

    async def send_many(self, messages: Sequence[NewMessage]) -> None:
        """Store messages in one write; if a unique key is taken, nothing is stored.

        Raises:
            DuplicateKeyError: of the first message whose unique key is taken.
        """
        records = await self._with_keys(messages)
        for first in range(0, len(records), WINDOW):
            chunk = zip(records[first : first + WINDOW], messages[first:], strict=False)
            requests = [(*self._placed(record, each.delay), None) for record, each in chunk]
            for (subject, _, _), reply in zip(
                requests, await self._connection.call_many(requests), strict=True
            ):
                if isinstance(reply, Exception):
                    raise reply
                self._connection.answer_of(reply, subject)

    def _placed(self, record: Record, delay: float) -> tuple[str, bytes]:
        """Return the subject and the bytes of a message."""
        task_id = record.task_id or ""
        if delay > 0:
            due = replace(record, due=time.time() + delay)
            return self._names.later_subject(task_id), due.to_bytes()
        return self._names.now_subject(task_id), record.to_bytes()

    async def _with_keys(self, messages: Sequence[NewMessage]) -> list[Record]:
        """Take the unique keys of messages, all or none."""
        records: list[Record] = []
        taken: list[HeldKey] = []
        try:
            for message in messages:
                key = None if message.unique_key is None else await self._take_key(message)
                if key is not None:
                    taken.append(key)
                records.append(replace(message.record, key=key) if key else message.record)
        except BaseException:
            for held in taken:
                await values.delete(self._connection, self._names.state, held.number)
            raise
        return records

    async def _take_key(self, message: NewMessage) -> HeldKey:
        key, record = message.unique_key or "", message.record
        subject = self._names.key_subject(key)
        value = {"id": record.task_id, "key": key, "at": time.time()}
        replaced = 0
        for _ in range(_ATTEMPTS):
            number = await values.put(self._connection, subject, value, replaces=replaced)
            if number is not None:
                return HeldKey(subject, number)
            stored = await values.get_last(self._connection, self._names.state, subject)
            replaced = 0 if stored is None else stored.number
            if stored is not None and (holder := await self._holder(stored)) is not None:
                raise DuplicateKeyError(task_name=record.task_name, unique_key=key, holder=holder)
        raise DuplicateKeyError(task_name=record.task_name, unique_key=key, holder="another")

    async def _holder(self, stored: Stored) -> str | None:
        """Return the task that has a key; None if there is no such message any more."""
        value: dict[str, Any] = values.read(stored)
        task_id = str(value.get("id", ""))
        if time.time() - float(value.get("at", 0.0)) < KEY_GRACE:
            return task_id
        # Looked for in this order, it is not missed while it moves from one stream to the other.
        for stream, subject in (
            (self._names.later, self._names.later_subject(task_id)),
            (self._names.now, self._names.now_subject(task_id)),
            (self._names.later, self._names.later_subject(task_id)),
        ):
            if await values.get_last(self._connection, stream, subject) is not None:
                return task_id
        return None
