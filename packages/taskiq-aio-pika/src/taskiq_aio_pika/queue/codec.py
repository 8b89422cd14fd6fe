"""What stands beside a message's bytes, as headers of AMQP; pure.

Deliveries that end in order are counted here: the message is published again with one more. What
RabbitMQ counts, in `x-delivery-count` of a quorum queue, are then the others: deliveries whose
worker or connection was lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

TASK_ID: Final = "taskiq-task-id"
TASK_NAME: Final = "taskiq-task-name"
RELEASED: Final = "taskiq-released"
LOST: Final = "taskiq-lost"
FAILURES: Final = "taskiq-failures"
FENCE: Final = "taskiq-fence"
EXPIRES_AT: Final = "taskiq-expires-at"
SERVER_COUNT: Final = "x-delivery-count"


@dataclass(frozen=True, slots=True)
class MessageHeaders:
    """What is known of a message without reading its bytes.

    Attributes:
        task_id: of its task; None in messages of other programs.
        task_name: likewise.
        released: deliveries that ended in a release.
        lost: deliveries that ended without being settled.
        failures: releases because the task failed.
        fence: added to the number of a delivery, so that a replayed letter has a higher fence.
        expires_at: milliseconds since the epoch after which it is too late; None for never.
    """

    task_id: str | None
    task_name: str | None
    released: int = 0
    lost: int = 0
    failures: int = 0
    fence: int = 0
    expires_at: int | None = None

    @property
    def attempt(self) -> int:
        """The number of this delivery, from 1 on."""
        return self.released + self.lost + 1

    def replayed(self) -> "MessageHeaders":
        """The headers of a dead letter as a new message."""
        fence = self.fence + self.attempt
        return MessageHeaders(task_id=self.task_id, task_name=self.task_name, fence=fence)

    def after_release(self, failures: int | None) -> "MessageHeaders":
        """The headers of the next delivery of a message that was released."""
        kept = self.failures if failures is None else failures
        return replace(self, released=self.released + 1, failures=kept)

    def after_loss(self) -> "MessageHeaders":
        """The headers of a message whose delivery was lost, where the server counts none."""
        return replace(self, lost=self.lost + 1)

    def as_table(self) -> dict[str, Any]:
        """Return the headers as AMQP carries them, without empty ones."""
        table: dict[str, Any] = {
            TASK_ID: self.task_id,
            TASK_NAME: self.task_name,
            RELEASED: self.released,
            LOST: self.lost,
            FAILURES: self.failures,
            FENCE: self.fence,
            EXPIRES_AT: self.expires_at,
        }
        return {name: value for name, value in table.items() if value}


def read_headers(table: Mapping[str, Any] | None, *, message_id: str | None) -> MessageHeaders:
    """Read the headers of a message that was delivered.

    Args:
        table: its headers, those of the server among them.
        message_id: the property, which is the task's id in messages of taskiq-aio-pika 0.6.

    Raises:
        ValueError: a header of ours is not what we write.
    """
    table = table or {}
    by_server = _number(table, SERVER_COUNT)
    return MessageHeaders(
        task_id=_text(table, TASK_ID) or message_id,
        task_name=_text(table, TASK_NAME),
        released=_number(table, RELEASED),
        lost=_number(table, LOST) + by_server,
        failures=_number(table, FAILURES),
        fence=_number(table, FENCE),
        expires_at=_number(table, EXPIRES_AT) or None,
    )


def _number(table: Mapping[str, Any], name: str) -> int:
    value = table.get(name, 0)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError(f"its header {name} is {value!r}")


def _text(table: Mapping[str, Any], name: str) -> str | None:
    value = table.get(name)
    if value is None or isinstance(value, str):
        return value
    raise ValueError(f"its header {name} is {value!r}")
