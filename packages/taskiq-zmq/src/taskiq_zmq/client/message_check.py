"""MessageCheck: whether the protocol can carry a message."""

from taskiq_core.exceptions import SendTaskError
from taskiq_core.messages.message import BrokerMessage
from taskiq_zmq.errors import MessageTooLargeError
from taskiq_zmq.options import MAX_TEXT


class MessageCheck:
    """Refuses messages before they are queued, so that every queued message can be sent.

    Args:
        max_message_size: bytes that a message may have.
    """

    def __init__(self, max_message_size: int) -> None:
        self._limit = max_message_size

    def __call__(self, message: BrokerMessage) -> None:
        """Check the size of a message, and its texts.

        Raises:
            MessageTooLargeError: the message is larger than `max_message_size`.
            SendTaskError: the task's id or name is too long, or is not text in UTF-8.
        """
        size = len(message.message)
        if size > self._limit:
            raise MessageTooLargeError(task_name=message.task_name, size=size, limit=self._limit)
        task_id, task_name = message.task_id, message.task_name
        # Nearly every message passes here; ASCII has as many bytes as characters.
        if len(task_id) + len(task_name) <= MAX_TEXT and (task_id + task_name).isascii():
            return
        _check_text("id", task_id, task_name)
        _check_text("name", task_name, task_name)


def _check_text(kind: str, text: str, task_name: str) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise SendTaskError(
            task_name=task_name[:100], reason=f"its {kind} is not text in UTF-8"
        ) from None
    if size > MAX_TEXT:
        reason = f"its {kind} has {size} bytes, {MAX_TEXT} are allowed; use a shorter {kind}"
        raise SendTaskError(task_name=task_name[:100], reason=reason)
