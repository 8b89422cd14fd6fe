"""Values: the latest message of a subject, read, and replaced if it has not changed."""

import base64
import json
from typing import Any, NamedTuple

from taskiq_nats.errors import NatsCommandError
from taskiq_nats.storage.connection import MESSAGE_MISSING, WRONG_SEQUENCE, NatsConnection

EXPECTED = "Nats-Expected-Last-Subject-Sequence"


class Stored(NamedTuple):
    """A message of a stream.

    Attributes:
        number: in the stream.
        subject: of the message.
        payload: its bytes.
    """

    number: int
    subject: str
    payload: bytes


async def get_last(connection: NatsConnection, stream: str, subject: str) -> Stored | None:
    """Return the latest message of a subject.

    Args:
        connection: to the server.
        stream: its name.
        subject: of the message.

    Returns:
        None if there is no message.
    """
    return await _get(connection, stream, {"last_by_subj": subject})


async def get_next(
    connection: NatsConnection, stream: str, number: int, subject: str = ">"
) -> Stored | None:
    """Return the first message from a number on.

    Args:
        connection: to the server.
        stream: its name.
        number: that it has at least.
        subject: of the message; `>` for any.

    Returns:
        None if there is no such message.
    """
    return await _get(connection, stream, {"seq": number, "next_by_subj": subject})


async def put(
    connection: NatsConnection, subject: str, value: Any, *, replaces: int | None = None
) -> int | None:
    """Store a value as JSON.

    Args:
        connection: to the server.
        subject: its key.
        value: to be stored.
        replaces: the number of the value that it takes the place of; 0 for a new one; None for any.

    Returns:
        Its number; None if there is another value.
    """
    headers = None if replaces is None else {EXPECTED: str(replaces)}
    try:
        return await connection.publish(subject, json.dumps(value).encode(), headers)
    except NatsCommandError as error:
        if error.code == WRONG_SEQUENCE:
            return None
        raise


async def delete(connection: NatsConnection, stream: str, number: int) -> bool:
    """Delete a message.

    Args:
        connection: to the server.
        stream: its name.
        number: of the message.

    Returns:
        Whether it was there.
    """
    try:
        await connection.api(f"STREAM.MSG.DELETE.{stream}", {"seq": number})
    except NatsCommandError as error:
        if error.code in (MESSAGE_MISSING, 10043, 10057) or "no message" in error.reason:
            return False
        raise
    return True


async def purge(connection: NatsConnection, stream: str, subject: str | None = None) -> int:
    """Delete messages.

    Args:
        connection: to the server.
        stream: its name.
        subject: of the messages; None for all.

    Returns:
        The number of messages.
    """
    body = None if subject is None else {"filter": subject}
    purged: int = (await connection.api(f"STREAM.PURGE.{stream}", body))["purged"]
    return purged


async def _get(connection: NatsConnection, stream: str, query: dict[str, Any]) -> Stored | None:
    try:
        answer = await connection.api(f"STREAM.MSG.GET.{stream}", query)
    except NatsCommandError as error:
        if error.code == MESSAGE_MISSING:
            return None
        raise
    message = answer["message"]
    payload = base64.b64decode(message.get("data", ""))
    return Stored(message["seq"], message["subject"], payload)


def read(stored: Stored) -> dict[str, Any]:
    """Return the value of a message; an empty one if it can't be read."""
    try:
        value = json.loads(stored.payload)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
