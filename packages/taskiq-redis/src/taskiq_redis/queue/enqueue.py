"""Sending: messages are stored, concurrent ones by one script."""

import asyncio
import json
import math
import time
from collections.abc import Awaitable, Collection, Sequence
from operator import attrgetter
from typing import Final

from taskiq_core.brokers.coalescer import Coalescer
from taskiq_core.exceptions import DuplicateKeyError, TaskiqError
from taskiq_redis.queue.codec import NewMessage, shown, task_id_of
from taskiq_redis.queue.store import CHUNK, QueueStore
from taskiq_redis.storage.connection import Argument

NOTE_INTERVAL: Final = 1.0
"""Seconds between two messages of this process whose times are noted, in each queue."""
_DEFAULT: Final = {None}
_IS_PLAIN: Final = attrgetter("is_plain")


class Enqueuer:
    """Stores messages.

    What is sent while nothing else is leaves at once. What is sent meanwhile leaves together at the
    end of its turn of the event loop, in the order in which it came.

    Args:
        store: has the queues.
    """

    def __init__(self, store: QueueStore) -> None:
        self._store = store
        self._noted: dict[str, float] = {}
        self._gathered = Coalescer[Sequence[NewMessage], None](self._send, most=CHUNK)
        self._is_sending = False  # what leaves at once
        self._idle: asyncio.Future[None] | None = None

    def send(self, group: Sequence[NewMessage]) -> Awaitable[None]:
        """Store a group of messages, all or none.

        Raises:
            DuplicateKeyError: of the first message whose unique key is taken.
        """
        if self._is_sending or self._gathered.is_calling:
            return self._gathered(group)
        return self._send_at_once(group)

    async def wait_idle(self) -> None:
        """Wait until nothing is under way."""
        if self._is_sending and self._idle is None:
            self._idle = asyncio.get_running_loop().create_future()
        if self._idle is not None:
            await asyncio.shield(self._idle)
        await self._gathered.wait_idle()

    async def _send_at_once(self, group: Sequence[NewMessage]) -> None:
        self._is_sending = True
        try:
            await self._send_alone(group)
        finally:
            self._is_sending = False
            if self._idle is not None:
                self._idle.set_result(None)
                self._idle = None

    async def _send_alone(self, group: Sequence[NewMessage]) -> None:
        message = group[0]
        default = self._store.name
        if (
            len(group) == 1
            and message.is_plain
            and message.queue in (None, default)
            and time.monotonic() - self._noted.get(default, -math.inf) < NOTE_INTERVAL
            and await self._store.run("send_one", message.task_id, message.record)
        ):
            return
        (refused,) = await self._send((group,))
        if refused is not None:
            raise refused

    async def _send(self, groups: Sequence[Sequence[NewMessage]]) -> Sequence[TaskiqError | None]:
        default = self._store.name
        named = {each.queue for group in groups for each in group}
        queues = [default] if named == _DEFAULT else list({each or default for each in named})
        note = int(self._is_note_due(queues))
        if note:
            self._noted.update(dict.fromkeys(queues, time.monotonic()))
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
        return any(now - self._noted.get(queue, -math.inf) >= NOTE_INTERVAL for queue in queues)


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
        if all(map(_IS_PLAIN, group)):
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
