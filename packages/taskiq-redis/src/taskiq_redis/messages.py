"""Messages as the queue has them; pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from taskiq_core.brokers.queue_labels import queue_labels
from taskiq_core.exceptions import SendTaskError
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.queue_stats import DeadLetter


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message, and what its labels say about it.

    Attributes:
        record: the task's name, a line feed and the bytes: what the queue stores.
        delay: seconds before it may be delivered.
        extras: what else the queue is to honour; the keys are those of the scripts.
    """

    task_id: str
    task_name: str
    record: bytes
    delay: float = 0.0
    extras: Mapping[str, Any] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it only waits in line."""
        return self.extras is None and self.delay <= 0


def new_message(message: BrokerMessage) -> NewMessage:
    """What to store of a message.

    Raises:
        SendTaskError: a label has no value that it can have.
    """
    name = message.task_name
    if "\n" in name or "\n" in message.task_id:
        reason = f"its name or its id {message.task_id!r} has a line feed"
        raise SendTaskError(task_name=name, reason=reason)
    record = name.encode() + b"\n" + message.message
    wishes = queue_labels(message)
    extras: dict[str, Any] = {}
    if wishes.priority:
        extras["priority"] = wishes.priority
    if wishes.expires_after is not None:
        extras["expires_after"] = wishes.expires_after
    if wishes.unique_key is not None:
        extras["unique_key"] = wishes.unique_key
    return NewMessage(message.task_id, name, record, wishes.delay, extras or None)


def task_of(record: bytes) -> tuple[str, bytes]:
    """The task's name and the bytes of a stored message."""
    name, _, body = record.partition(b"\n")
    return name.decode(), body


def task_id_of(message_id: bytes) -> str:
    """The task's id; a second message of the same task has a number behind it."""
    return message_id.partition(b"\n")[0].decode()


@dataclass(frozen=True, slots=True)
class LeasedMessage:
    """A message that was leased to this worker."""

    message_id: bytes
    record: bytes
    fence: int
    attempt: int
    unsettled: int
    aborted: int


@dataclass(frozen=True, slots=True)
class ExpiredMessage:
    """A message that nobody started in time, leased to be buried."""

    message_id: bytes
    task_name: bytes
    fence: int
    expires: bytes


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch brought.

    Attributes:
        wait: seconds until there may be more by itself; None for as long as one likes.
    """

    wait: float | None
    expired: Sequence[ExpiredMessage]
    leased: Sequence[LeasedMessage]


def fetched(answer: Sequence[Any]) -> Fetched:
    """The answer of the script `fetch`."""
    wait, expired, leased = answer
    return Fetched(
        float(wait) if wait else None,
        [ExpiredMessage(*each) for each in expired],
        [LeasedMessage(*each) for each in leased],
    )


def dead_letter(letter_id: bytes, fields: Sequence[bytes]) -> DeadLetter:
    """A letter from the stream of dead letters; its id begins with when it was buried."""
    known = dict(zip(fields[::2], fields[1::2], strict=True))
    name, body = task_of(known[b"message"])
    error = known.get(b"error")
    milliseconds = int(letter_id.partition(b"-")[0])
    return DeadLetter(
        letter_id=letter_id.decode(),
        task_id=task_id_of(known[b"id"]),
        task_name=name,
        message=body,
        attempt=int(known[b"attempt"]),
        reason=known[b"reason"].decode(),
        error=None if error is None else error.decode(),
        buried_at=datetime.fromtimestamp(milliseconds / 1000, UTC),
    )


def send_arguments(groups: Sequence[Sequence[NewMessage]]) -> list[bytes | str | int | float]:
    """The arguments of the script `send`; of a group all or none are stored."""
    plain: list[bytes | str | int | float] = []
    others: list[bytes | str | int | float] = []
    for number, group in enumerate(groups):
        if all(message.is_plain for message in group):
            for message in group:
                plain += (message.task_id, message.record)
            continue
        for message in group:
            extras = json.dumps(message.extras or {})
            others += (number, message.task_id, message.record, message.delay, extras)
    return [len(plain) // 2, *plain, *others]
