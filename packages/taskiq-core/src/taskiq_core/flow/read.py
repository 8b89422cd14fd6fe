"""From a delivery to a message."""

import json

from taskiq_core.abc.formatter import TaskiqFormatter
from taskiq_core.exceptions import UnreadableMessageError
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.labels import REQUEUE, attempt_of
from taskiq_core.messages.message import TaskiqMessage


def read_message(delivery: Delivery, formatter: TaskiqFormatter) -> TaskiqMessage:
    """The message of a delivery, its labels parsed, earlier attempts among them.

    Raises:
        UnreadableMessageError: whatever the formatter raised, bytes come from the network; or the
            broker says that it can't read its record.
    """
    if delivery.unreadable is not None:
        raise UnreadableMessageError(size=len(delivery.data), reason=delivery.unreadable)
    try:
        message = formatter.loads(delivery.data)
        if message.labels:
            message.parse_labels()
            attempt = attempt_of(message.labels) - 1 + delivery.attempt
        else:
            attempt = delivery.attempt
    except Exception as error:
        # pydantic's texts go on for lines, with the input in them.
        reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        raise UnreadableMessageError(size=len(delivery.data), reason=reason) from error
    if attempt > 1:
        message.labels[REQUEUE] = attempt - 1
    return message


def task_id_of(delivery: Delivery) -> str | None:
    """Whose message a delivery is that can't be read: as its broker says, or its bytes do."""
    if delivery.task_id is not None:
        return delivery.task_id
    try:
        found = json.loads(delivery.data)
    except (ValueError, RecursionError):  # also those that are not UTF-8
        return None
    task_id = found.get("task_id") if isinstance(found, dict) else None
    return task_id if isinstance(task_id, str) and task_id else None


def name_of(delivery: Delivery, formatter: TaskiqFormatter) -> str:
    """Return the task of a delivery for a log line: its name and id, as far as they can be read."""
    try:
        message = formatter.loads(delivery.data)
    except Exception:  # noqa: BLE001  # bytes come from the network
        task_id = task_id_of(delivery)
        return "an unreadable message" + (f" ({task_id})" if task_id else "")
    return f"{message.task_name} ({message.task_id})"
