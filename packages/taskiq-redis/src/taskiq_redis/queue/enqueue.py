"""Sending: messages are stored, those of one turn of the event loop in one script."""

import json
from collections.abc import Sequence

from taskiq_core.brokers.coalescer import Coalescer
from taskiq_core.exceptions import DuplicateKeyError, TaskiqError
from taskiq_redis.queue.codec import NewMessage, shown, task_id_of
from taskiq_redis.queue.store import CHUNK, QueueStore
from taskiq_redis.storage.connection import Argument


class Enqueuer:
    """Stores messages.

    Attributes:
        send: stores a group of messages, all or none; raises DuplicateKeyError for the first one
            whose unique key is taken.

    Args:
        store: the queue.
    """

    def __init__(self, store: QueueStore) -> None:
        self._store = store
        self.send = Coalescer[Sequence[NewMessage], None](self._send, most=CHUNK)

    async def _send(self, groups: Sequence[Sequence[NewMessage]]) -> Sequence[TaskiqError | None]:
        answer = await self._store.run("send", *send_arguments(groups))
        if not answer:
            return [None] * len(groups)
        outcomes: list[TaskiqError | None] = [None] * len(groups)
        for number, key, holder in zip(answer[::3], answer[1::3], answer[2::3], strict=True):
            group = groups[int(number)]
            outcomes[int(number)] = DuplicateKeyError(
                task_name=group[0].task_name, unique_key=shown(key), holder=task_id_of(holder)
            )
        return outcomes


def send_arguments(groups: Sequence[Sequence[NewMessage]]) -> list[Argument]:
    """Return the arguments of the script `send`; it stores all messages of a group or none."""
    plain: list[Argument] = []
    others: list[Argument] = []
    for number, group in enumerate(groups):
        if all(message.is_plain for message in group):
            for message in group:
                plain += (message.task_id, message.record)
            continue
        for message in group:
            extras = json.dumps(message.extras or {})
            others += (number, message.task_id, message.record, message.delay, extras)
    return [len(plain) // 2, *plain, *others]
