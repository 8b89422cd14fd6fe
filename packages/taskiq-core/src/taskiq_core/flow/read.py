"""From a delivery to a message."""

import json
from collections.abc import Mapping
from typing import Any, Final

from taskiq_core.abc.formatter import TaskiqFormatter
from taskiq_core.exceptions import UnreadableMessageError
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.exception_bounds import safe_str
from taskiq_core.messages.labels import REQUEUE, RETRIES, attempt_of
from taskiq_core.messages.message import MAX_NAME, TaskiqMessage, is_unicode, wrong_task_id

MAX_REASON: Final = 200
"""Characters of the text of an error that are kept: it may quote what can't be read."""

_SHOWN: Final = 32


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
        attempt = delivery.attempt
        if message.labels:
            message.parse_labels()
            if REQUEUE in message.labels:
                attempt += attempt_of(message.labels) - 1
        _require_usable(message)
        retries = retries_of(message.labels, delivery) if attempt > 1 else 0
    except Exception as error:
        # pydantic's texts go on for lines, and any may quote the input, however long.
        text = safe_str(error).partition("\n")[0]
        reason = f"{type(error).__name__}: {text[:MAX_REASON]}"
        raise UnreadableMessageError(
            size=len(delivery.data), reason=reason, remark=_remark(delivery.data, formatter)
        ) from error
    if attempt > 1:
        message.labels[REQUEUE] = str(attempt - 1)
        if retries:
            message.labels[RETRIES] = retries
    return message


def retries_of(labels: Mapping[str, Any], delivery: Delivery) -> int:
    """Return how often the task of a message failed before this delivery.

    Args:
        labels: of the message, which may be a copy that was sent again.
        delivery: its own earlier deliveries count, unless they ended without being settled.
    """
    failures = delivery.failures
    if failures is None:
        failures = max(0, delivery.attempt - 1 - delivery.unsettled)
    return int(labels.get(RETRIES) or 0) + failures


def _remark(data: bytes, formatter: TaskiqFormatter) -> str:
    """Return how this worker reads messages, for a client that writes them in another way."""
    reader = type(formatter).__name__
    serializer = getattr(getattr(formatter, "broker", None), "serializer", None)
    if serializer is not None:
        reader = f"{type(serializer).__name__} (by {reader})"
    return (
        f". This worker reads with {reader}, and the message begins with {data[:_SHOWN]!r}. "
        "Do client and worker have the same serializer and formatter?"
    )


def _require_usable(message: TaskiqMessage) -> None:
    """Refuse an id or name that a store can't keep, or that would fill the log."""
    task_id, task_name = message.task_id, message.task_name
    if (
        len(task_id) + len(task_name) <= MAX_NAME
        and task_id.isprintable()
        and task_name.isprintable()
    ):
        return  # nearly every message, without a call
    wrong = wrong_task_id(message.task_id) or _wrong_task_name(message.task_name)
    if wrong:
        raise ValueError(wrong)


def _wrong_task_name(task_name: str) -> str | None:
    """What is wrong with the name of a task, which goes into logs and results."""
    if len(task_name) > MAX_NAME:
        return f"its task name has {len(task_name)} characters, {MAX_NAME} are allowed"
    if not task_name.isprintable() and not is_unicode(task_name):
        return "its task name is not Unicode"
    return None


def task_id_of(delivery: Delivery) -> str | None:
    """Return the task id of a delivery that can't be read, from its broker or its bytes."""
    if delivery.task_id is not None:
        return delivery.task_id
    try:
        found = json.loads(delivery.data)
    except (ValueError, RecursionError):  # also bytes that are not UTF-8
        return None
    task_id = found.get("task_id") if isinstance(found, dict) else None
    if not isinstance(task_id, str) or not task_id or wrong_task_id(task_id):
        return None
    return task_id


def name_of(delivery: Delivery, formatter: TaskiqFormatter) -> str:
    """Return the task of a delivery for a log line: its name and id, as far as they can be read."""
    try:
        message = formatter.loads(delivery.data)
    except Exception:  # noqa: BLE001  # bytes come from the network
        task_id = task_id_of(delivery)
        return "an unreadable message" + (f" ({task_id})" if task_id else "")
    return f"{message.task_name} ({message.task_id})"
