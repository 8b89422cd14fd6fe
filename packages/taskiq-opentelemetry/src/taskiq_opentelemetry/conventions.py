"""Names of attributes and metrics: OpenTelemetry's conventions for messaging, and two of ours.

Source: OpenTelemetry, "Semantic conventions for messaging spans" and "... messaging metrics". They
are in development there, so the names are written out instead of imported from a private module.
"""

from typing import Final

from taskiq_core.messages.labels import attempt_of
from taskiq_core.messages.message import TaskiqMessage

SYSTEM: Final = "messaging.system"
OPERATION_NAME: Final = "messaging.operation.name"
OPERATION_TYPE: Final = "messaging.operation.type"
MESSAGE_ID: Final = "messaging.message.id"
DESTINATION: Final = "messaging.destination.name"
ERROR_TYPE: Final = "error.type"
TASK_NAME: Final = "taskiq.task.name"
ATTEMPT: Final = "taskiq.attempt"

SENT_MESSAGES: Final = "messaging.client.sent.messages"
CONSUMED_MESSAGES: Final = "messaging.client.consumed.messages"
PROCESS_DURATION: Final = "messaging.process.duration"

QUEUE_NAME: Final = "queue_name"
"""str: the label by which tasks name a queue of their broker."""


def span_attributes(message: TaskiqMessage, operation: str) -> dict[str, str | int]:
    """Return the attributes of a span about its message."""
    return {
        **metric_attributes(message, operation),
        OPERATION_TYPE: operation,
        MESSAGE_ID: message.task_id,
        ATTEMPT: attempt_of(message.labels),
    }


def metric_attributes(message: TaskiqMessage, operation: str) -> dict[str, str]:
    """Return the attributes of a measurement: few values, as each makes a time series."""
    return {
        SYSTEM: "taskiq",
        OPERATION_NAME: operation,
        DESTINATION: str(message.labels.get(QUEUE_NAME, message.task_name)),
        TASK_NAME: message.task_name,
    }


def error_type(error: BaseException) -> str:
    """Return the full name of an exception's class."""
    cls = type(error)
    return f"{cls.__module__}.{cls.__qualname__}".removeprefix("builtins.")
