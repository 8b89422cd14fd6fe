"""A message to be sent, from what the formatter made, with its labels checked."""

import time
from collections.abc import Mapping

from taskiq_aio_pika.declarations import Queue
from taskiq_aio_pika.queue.codec import MessageHeaders
from taskiq_aio_pika.queue.delays import MAX_DELAY
from taskiq_aio_pika.queue.enqueue import NewMessage
from taskiq_core.brokers.queue_labels import queue_labels
from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import SendTaskError, UnsupportedLabelError
from taskiq_core.messages.labels import PRIORITY, QUEUE_NAME
from taskiq_core.messages.message import BrokerMessage


def new_message(
    message: BrokerMessage,
    *,
    queues: Mapping[str, Queue],
    default_queue: str,
    label_for_routing: str = QUEUE_NAME,
    label_for_priority: str = PRIORITY,
) -> NewMessage:
    """Return the message with its queue, delay and headers.

    Args:
        message: what the formatter made.
        queues: the broker's, by name.
        default_queue: of messages without the label.
        label_for_routing: the label that chooses the queue, by its name or routing key.
        label_for_priority: a label that is refused, as there are no priorities.

    Raises:
        SendTaskError: a label has a value that it can't have.
        UnsupportedLabelError: the task asks for a priority.
    """
    labels = queue_labels(message)
    if message.labels.get(label_for_priority) is not None:
        raise UnsupportedLabelError(
            task_name=message.task_name,
            label=label_for_priority,
            broker="AioPikaBroker",
            capability=Capability.PRIORITY.value,
        )
    if labels.delay > MAX_DELAY:
        days = MAX_DELAY / 86_400
        reason = f"its delay is above {int(days)} days: use a schedule instead"
        raise SendTaskError(task_name=message.task_name, reason=reason)
    expires_at = None
    if labels.expires_after is not None:
        # Never 0, which stands for no time.
        expires_at = max(round((time.time() + labels.expires_after) * 1000), 1)
    return NewMessage(
        queue=_queue_of(message, queues, default_queue, label_for_routing),
        body=message.message,
        headers=MessageHeaders(message.task_id, message.task_name, expires_at=expires_at),
        delay=labels.delay,
    )


def _queue_of(
    message: BrokerMessage, queues: Mapping[str, Queue], default_queue: str, label: str
) -> str:
    wanted = message.labels.get(label)
    if wanted is None:
        return default_queue
    for name, queue in queues.items():
        if wanted in (name, queue.routing_key):
            return name
    known = ", ".join(queues)
    reason = f"its label {label!r} is {wanted!r}, and the broker's queues are {known}"
    raise SendTaskError(task_name=message.task_name, reason=reason)
