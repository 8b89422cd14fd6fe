"""Messages in the form in which streams keep them; pure.

[record: a JSON object in one line, the bytes of the message]
"""

import json
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

from taskiq_core.brokers.queue_labels import queue_labels
from taskiq_core.messages.message import BrokerMessage

OVERHEAD: Final = 8_192
"""Bytes that a record may add to a message at most, texts of unusual length apart."""


_UNREADABLE: Final = (ValueError, TypeError, LookupError, OverflowError, RecursionError)


class HeldKey(NamedTuple):
    """A unique key that a message has.

    Attributes:
        subject: of the key.
        number: of the value that says so.
    """

    subject: str
    number: int


@dataclass(frozen=True, slots=True)
class Record:
    """What is stored of a message.

    Attributes:
        body: the bytes of the message.
        task_id: as the sender gave it; None where the record can't be read.
        task_name: as the sender gave it.
        attempts: deliveries before it was stored, under other numbers.
        unsettled: of these, the ones that ended without being settled.
        due: when it may be delivered, in seconds since 1970; 0 for at once.
        aborted: whether the abort of the task was asked for before it was stored.
        key: the unique key that it has.
        unreadable: what can't be read of the record; the body is all of its bytes.
    """

    body: bytes
    task_id: str | None
    task_name: str = ""
    attempts: int = 0
    unsettled: int = 0
    due: float = 0.0
    aborted: bool = False
    key: HeldKey | None = None
    unreadable: str | None = None

    def to_bytes(self, **extras: Any) -> bytes:
        """Return the bytes that are stored; `extras` are those of dead letters."""
        if self.unreadable is not None and not extras:
            return self.body
        facts: dict[str, Any] = {"id": self.task_id, "name": self.task_name}
        if self.attempts:
            facts["attempts"] = self.attempts
        if self.unsettled:
            facts["unsettled"] = self.unsettled
        if self.due:
            facts["due"] = self.due
        if self.aborted:
            facts["aborted"] = True
        if self.key is not None:
            facts["key"] = self.key
        if self.unreadable is not None:
            facts["unreadable"] = self.unreadable
        return json.dumps({**facts, **extras}).encode() + b"\n" + self.body

    @classmethod
    def from_bytes(cls, stored: bytes) -> Self:
        """Read the stored bytes of a message; sets `unreadable` if that fails."""
        return cls.from_letter(stored)[0]

    @classmethod
    def from_letter(cls, stored: bytes) -> tuple[Self, dict[str, Any]]:
        """Read a dead letter: its record, and all of its facts."""
        head, separator, body = stored.partition(b"\n")
        try:
            facts = json.loads(head)
            if not separator or not isinstance(facts["id"], str | None):
                raise ValueError("its record is incomplete")  # one answer to all
            key = facts.get("key")
            record = cls(
                body=body,
                task_id=facts["id"],
                task_name=str(facts["name"]),
                attempts=int(facts.get("attempts", 0)),
                unsettled=int(facts.get("unsettled", 0)),
                due=float(facts.get("due", 0.0)),
                aborted=bool(facts.get("aborted", False)),
                key=None if key is None else HeldKey(str(key[0]), int(key[1])),
                unreadable=facts.get("unreadable"),
            )
        except _UNREADABLE as error:
            return cls(body=stored, task_id=None, unreadable=f"its record ({error})"), {}
        return record, facts


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to be sent.

    Attributes:
        record: what is stored, without the unique key.
        delay: seconds before it may be delivered.
        unique_key: a key that no other message may have at the same time.
    """

    record: Record
    delay: float
    unique_key: str | None


def new_message(message: BrokerMessage) -> NewMessage:
    """Return what is to be sent; raises SendTaskError for labels that can't be read."""
    labels = queue_labels(message)
    record = Record(message.message, message.task_id, message.task_name)
    return NewMessage(record, max(labels.delay, 0.0), labels.unique_key)
