"""QueueWatch: aborts and the pause of a queue, as the workers of a process know them."""

import asyncio
import json
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from taskiq_core.exceptions import TaskiqError
from taskiq_core.loggers import get_logger
from taskiq_nats.storage import values
from taskiq_nats.storage.connection import NatsConnection
from taskiq_nats.storage.names import QueueNames

logger = get_logger(__name__)

MAX_MARKS: Final = 10_000
"""Aborts that are known at once; the oldest are forgotten."""


class QueueWatch:
    """Follows the values of a queue: each that is stored comes by itself.

    A value is sent to subscribers before its sender is answered. So a message that is sent, or
    leaves the queue, after an abort or a pause was answered comes after the news of it.

    Attributes:
        is_paused: whether the queue hands out nothing.
        on_pause: called when a pause begins or ends.
        on_abort: called with the id of each task whose abort is asked for.

    Args:
        connection: to the server.
        names: of the queue.
    """

    def __init__(self, connection: NatsConnection, names: QueueNames) -> None:
        self.is_paused = False
        self.on_pause: set[Callable[[], None]] = set()
        self.on_abort: set[Callable[[str], None]] = set()
        self._connection = connection
        self._names = names
        self._marks: dict[str, int] = {}
        self._subscription: Subscription | None = None
        self._starting = asyncio.Lock()
        self._reading: asyncio.Task[None] | None = None
        self._stack = ExitStack()

    async def start(self) -> None:
        """Begin to follow the values; may be called twice."""
        async with self._starting:
            if self._subscription is not None:
                return
            self._subscription = await self._connection.subscribe(
                self._names.state_subjects, self._received
            )
            self._connection.on_change.add(self._read_again)
            self._stack.callback(self._connection.on_change.discard, self._read_again)
            await self._read()

    async def stop(self) -> None:
        """Follow them no more."""
        self._stack.close()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await self._connection.unsubscribe(subscription)

    @property
    def aborted_ids(self) -> list[str]:
        """The tasks that are known to be aborted."""
        return list(self._marks)

    def is_aborted(self, task_id: str | None, number: int) -> bool:
        """Return whether the abort of a message was asked for.

        Args:
            task_id: of the message.
            number: of the message in its stream.
        """
        return bool(self._marks) and task_id is not None and self._marks.get(task_id) == number

    async def forget(self, task_id: str, number: int) -> None:
        """Delete the mark of a message that was settled, if it has one."""
        if self.is_aborted(task_id, number):
            del self._marks[task_id]
            subject = self._names.abort_subject(task_id)
            await values.purge(self._connection, self._names.state, subject)

    def _received(self, message: Msg) -> None:
        self._take(message.subject, message.data)

    def _take(self, subject: str, payload: bytes) -> None:
        try:
            value: Any = json.loads(payload)
            if subject == self._names.pause_subject:
                self._set_paused(bool(value))
            elif subject.startswith(self._names.abort_subject("*")[:-1]):
                self._add_mark(str(value["id"]), int(value["number"]))
        except (ValueError, TypeError, KeyError) as error:
            logger.warning("The value of %s can't be read and is ignored: %s", subject, error)

    def _set_paused(self, is_paused: bool) -> None:  # the value itself
        if is_paused != self.is_paused:
            self.is_paused = is_paused
            for changed in list(self.on_pause):
                changed()

    def _add_mark(self, task_id: str, number: int) -> None:
        self._marks.pop(task_id, None)
        self._marks[task_id] = number
        if len(self._marks) > MAX_MARKS:
            del self._marks[next(iter(self._marks))]
        for told in list(self.on_abort):
            told(task_id)

    async def _read(self) -> None:
        """Read what is stored: the pause, and all aborts."""
        pause = await values.get_last(
            self._connection, self._names.state, self._names.pause_subject
        )
        self._set_paused(pause is not None and bool(json.loads(pause.payload)))
        number = 1
        while True:
            subject = self._names.abort_subject("*")
            mark = await values.get_next(self._connection, self._names.state, number, subject)
            if mark is None:
                return
            self._take(mark.subject, mark.payload)
            number = mark.number + 1

    def _read_again(self) -> None:
        """Read it when the connection is renewed: news may have been missed."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.get_running_loop().create_task(self._read_at_last())

    async def _read_at_last(self) -> None:
        while True:
            try:
                await self._read()
            except TaskiqError as error:
                logger.debug("Aborts and pauses can't be read, it is tried again: %s", error)
                await asyncio.sleep(0.1)
            else:
                return
