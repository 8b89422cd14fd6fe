"""QueuedMessage: one message of a client."""

import time


class QueuedMessage:
    """One message of a client.

    Attributes:
        queue: the name of its queue.
        sent_at: when it was queued, in seconds since the epoch.
        place: where it is in its queue, while it waits.
        attempt: number of its deliveries.
        unsettled: number of deliveries that were lost with their worker.
        has_result: whether its worker has sent a result.
        aborted: whether its abort was requested.
    """

    __slots__ = (
        "aborted",
        "attempt",
        "body",
        "has_result",
        "place",
        "queue",
        "sent_at",
        "task_id",
        "task_name",
        "unsettled",
    )

    def __init__(self, task_id: str, task_name: str, body: bytes, queue: str) -> None:
        self.task_id = task_id
        self.task_name = task_name
        self.body = body
        self.queue = queue
        self.sent_at = time.time()
        self.place = 0
        self.attempt = 0
        self.unsettled = 0
        self.has_result = False
        self.aborted = False

    def copy(self) -> "QueuedMessage":
        """Return a copy that counts its own deliveries."""
        return QueuedMessage(self.task_id, self.task_name, self.body, self.queue)
