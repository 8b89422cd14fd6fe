"""Messages as the queue has them; pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from taskiq_core.brokers.queue_labels import queue_labels
from taskiq_core.exceptions import SendTaskError
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.queue_stats import DeadLetter

LONGEST_NUMBER: Final = 16
"""Digits that a number may have."""
LONGEST_PROBLEM: Final = 200
"""Bytes of what can't be read that are quoted; all of it is among the dead letters."""


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


def task_id_of(message_id: bytes) -> str:
    """The task's id; a second message of the same task has a number behind it."""
    return shown(message_id.partition(b"\n")[0])


def shown(found: bytes) -> str:
    """Bytes that should be a text, as one, whatever they are."""
    return found.decode(errors="backslashreplace")


@dataclass(frozen=True, slots=True)
class LeasedMessage:
    """A message that was leased to this worker.

    Attributes:
        record: as the queue stores it.
        problem: what else of the message can't be read; empty if all can.
    """

    message_id: bytes
    record: bytes
    fence: int
    attempt: int
    unsettled: int
    aborted: int
    problem: bytes = b""


class StoredTask(NamedTuple):
    """What the record of a message says, as far as it can be read.

    Attributes:
        task_id: None if it is not a text.
        body: the whole record where the task's name can't be told from the rest.
        unreadable: what can't be read; None if all can.
    """

    task_id: str | None
    task_name: str
    body: bytes
    unreadable: str | None = None


def stored_task(message_id: bytes, record: bytes, problem: bytes = b"") -> StoredTask:
    """Read the record of a message; the only place that does, and it never raises.

    Args:
        message_id: its id in the queue.
        record: the task's name, a line feed and the bytes.
        problem: what the server could not read of it.
    """
    name, line_feed, body = record.partition(b"\n")
    task_id: str | None = None
    try:
        task_id = message_id.partition(b"\n")[0].decode()
        task_name = name.decode()
    except UnicodeDecodeError:
        part = "id" if task_id is None else "name"
        reason = f"the {part} of its task is not UTF-8"
        return StoredTask(task_id, shown(name), body if line_feed else record, reason)
    if not line_feed:
        return StoredTask(task_id, "?", record, "its record has no name of a task")
    if problem:
        return StoredTask(task_id, task_name, body, shown(problem[:LONGEST_PROBLEM]))
    return StoredTask(task_id, task_name, body)


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
    """A letter from the stream of dead letters; its id begins with when it was buried.

    One that is not as this package writes them is shown as far as it can be read.
    """
    known = dict(zip(fields[::2], fields[1::2], strict=True))
    record, message_id = known.get(b"message"), known.get(b"id")
    error = known.get(b"error")
    reason = shown(known.get(b"reason", b""))
    if record is None or message_id is None or not reason:
        reason = f"unreadable: a letter of the fields {', '.join(map(shown, known))}"
        record = repr(known).encode() if record is None else record
    task = stored_task(message_id or b"?", record)
    attempt = known.get(b"attempt", b"")
    return DeadLetter(
        letter_id=letter_id.decode(),
        task_id=task_id_of(message_id or b"?"),
        task_name=task.task_name,
        message=task.body,
        attempt=int(attempt) if attempt.isdigit() and len(attempt) < LONGEST_NUMBER else 0,
        reason=reason,
        error=None if error is None else shown(error),
        buried_at=_moment(int(letter_id.partition(b"-")[0])),
    )


def _moment(milliseconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):  # an id that somebody made up
        return datetime.max.replace(tzinfo=UTC)


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
