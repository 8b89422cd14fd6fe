"""Sending: messages are stored, those of one turn of the event loop in one script."""

import json
import time
from collections.abc import Collection, Sequence
from typing import Final

from taskiq_core.brokers.coalescer import Coalescer
from taskiq_core.exceptions import DuplicateKeyError, TaskiqError
from taskiq_redis.queue.codec import NewMessage, shown, task_id_of
from taskiq_redis.queue.store import CHUNK, QueueStore
from taskiq_redis.storage.connection import Argument

NOTE_INTERVAL: Final = 1.0
"""Seconds between two messages of this process whose times are noted, in each queue."""
_DEFAULT: Final = {None}


class Enqueuer:
    """Stores messages.

    Attributes:
        send: stores a group of messages, all or none; raises DuplicateKeyError for the first one
            whose unique key is taken.

    Args:
        store: has the queues.
    """

    def __init__(self, store: QueueStore) -> None:
        self._store = store
        self._noted: dict[str, float] = {}
        self.send = Coalescer[Sequence[NewMessage], None](self._send, most=CHUNK)

    async def _send(self, groups: Sequence[Sequence[NewMessage]]) -> Sequence[TaskiqError | None]:
        default = self._store.name
        named = {each.queue for group in groups for each in group}
        queues = [default] if named == _DEFAULT else list({each or default for each in named})
        note = int(self._is_note_due(queues))
        arguments = send_arguments(groups, queues=queues, default=default)
        keys = self._store.keys_of(queues)
        answer = await self._store.run("send", note, *arguments, keys=keys)
        if not answer:
            return [None] * len(groups)
        outcomes: list[TaskiqError | None] = [None] * len(groups)
        for number, key, holder in zip(answer[::3], answer[1::3], answer[2::3], strict=True):
            group = groups[int(number)]
            outcomes[int(number)] = DuplicateKeyError(
                task_name=group[0].task_name, unique_key=shown(key), holder=task_id_of(holder)
            )
        return outcomes

    def _is_note_due(self, queues: Collection[str]) -> bool:
        """Return whether the script is to note the time, for the age of the oldest message."""
        now = time.monotonic()
        due = False
        for queue in queues:
            if now - self._noted.get(queue, 0.0) >= NOTE_INTERVAL:
                self._noted[queue] = now
                due = True
        return due


def send_arguments(
    groups: Sequence[Sequence[NewMessage]], *, queues: Sequence[str], default: str
) -> list[Argument]:
    """Return arguments of the script `send`, which stores all messages of a group or none.

    Args:
        groups: messages.
        queues: the queues that they go to, in the order of the script's keys.
        default: the queue of messages that name no other.
    """
    plain: dict[str, list[Argument]] = {queue: [] for queue in queues}
    others: list[Argument] = []
    for number, group in enumerate(groups):
        if all(message.is_plain for message in group):
            for message in group:
                pairs = plain[message.queue or default]
                pairs += (message.task_id, message.record)
            continue
        for message in group:
            place = queues.index(message.queue or default) + 1
            extras = json.dumps(message.extras or {})
            others += (number, place, message.task_id, message.record, message.delay, extras)
    arguments: list[Argument] = [len(pairs) // 2 for pairs in plain.values()]
    for pairs in plain.values():
        arguments += pairs
    arguments += others
    return arguments
