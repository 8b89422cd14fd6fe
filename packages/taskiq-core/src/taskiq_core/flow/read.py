"""From the bytes of a delivery to a message."""

from taskiq_core.abc.formatter import TaskiqFormatter
from taskiq_core.exceptions import UnreadableMessageError
from taskiq_core.message import TaskiqMessage


def read_message(data: bytes, formatter: TaskiqFormatter) -> TaskiqMessage:
    """The message of some bytes, its labels parsed.

    Raises:
        UnreadableMessageError: whatever the formatter raised; bytes come from the network.
    """
    try:
        message = formatter.loads(data)
        if message.labels:
            message.parse_labels()
    except Exception as error:
        # pydantic's texts go on for lines, with the input in them.
        reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        raise UnreadableMessageError(size=len(data), reason=reason) from error
    return message
