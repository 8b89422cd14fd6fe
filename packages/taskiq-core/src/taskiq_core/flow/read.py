"""From a delivery to a message."""

from taskiq_core.abc.formatter import TaskiqFormatter
from taskiq_core.exceptions import UnreadableMessageError
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.labels import REQUEUE, attempt_of
from taskiq_core.messages.message import TaskiqMessage


def read_message(delivery: Delivery, formatter: TaskiqFormatter) -> TaskiqMessage:
    """The message of a delivery, its labels parsed, earlier attempts among them.

    Raises:
        UnreadableMessageError: whatever the formatter raised; bytes come from the network.
    """
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
