"""Dead letters as messages of AMQP; pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from taskiq_aio_pika.queue.codec import MessageHeaders, read_headers
from taskiq_core.messages.queue_stats import DeadLetter

LETTER_ID: Final = "taskiq-letter-id"
REASON: Final = "taskiq-reason"
ERROR: Final = "taskiq-error"
BURIED_AT: Final = "taskiq-buried-at"
ATTEMPT: Final = "taskiq-attempt"
UNKNOWN_REASON: Final = "another program put it here"


def letter_headers(
    headers: MessageHeaders,
    *,
    letter_id: str,
    reason: str,
    error: str | None,
    buried_at: datetime,
) -> dict[str, Any]:
    """Return the headers of a dead letter.

    Args:
        headers: of the message.
        letter_id: a new one.
        reason: why it is buried.
        error: the text of the last exception.
        buried_at: now.
    """
    table = headers.as_table()
    table |= {LETTER_ID: letter_id, REASON: reason, ATTEMPT: headers.attempt}
    table[BURIED_AT] = round(buried_at.timestamp() * 1_000_000)
    if error is not None:
        table[ERROR] = error
    return table


def read_letter(
    body: bytes, table: Mapping[str, Any] | None, *, message_id: str | None
) -> tuple[DeadLetter, MessageHeaders]:
    """Read a dead letter; one that another program put there has no reason.

    Args:
        body: the bytes of the message.
        table: its headers.
        message_id: the property; the letter's id where it lacks ours.
    """
    # The server counts how often letters were looked at.
    table = {name: value for name, value in (table or {}).items() if not name.startswith("x-")}
    try:
        headers = read_headers(table, message_id=message_id)
    except ValueError:
        headers = MessageHeaders(task_id=message_id, task_name=None)
    buried_at = table.get(BURIED_AT)
    seconds = buried_at / 1_000_000 if isinstance(buried_at, int) else 0.0
    error, attempt = table.get(ERROR), table.get(ATTEMPT)
    letter = DeadLetter(
        letter_id=str(table.get(LETTER_ID) or message_id or ""),
        task_id=headers.task_id or "",
        task_name=headers.task_name or "",
        message=body,
        attempt=attempt if isinstance(attempt, int) else 0,
        reason=str(table.get(REASON) or UNKNOWN_REASON),
        error=None if error is None else str(error),
        buried_at=datetime.fromtimestamp(seconds, UTC),
    )
    return letter, headers
