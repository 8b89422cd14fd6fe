"""ResultWaiter: callers of one process that wait for results, over its one listening connection."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import ExitStack
from hashlib import blake2b
from typing import Final

from taskiq_core.exceptions import TaskiqError
from taskiq_core.loggers import get_logger
from taskiq_pgsql.storage.notify import LONGEST_PAYLOAD, Listener, Notifier, Topic

logger = get_logger(__name__)

PARTS: Final = 16
"""Channels of results: a process hears of a part of the results of others only."""
DIGEST: Final = 8
"""Bytes that stand for the id of a task in a notification: ids may be long."""
CHUNK: Final = 1_000
FindReady = Callable[[Collection[str]], Awaitable[Collection[str]]]
"""Returns the ids that have a result."""


def notify_ready(notifier: Notifier, task_ids: Iterable[str]) -> None:
    """Wake the callers that wait for the results of tasks."""
    digests: defaultdict[str, list[str]] = defaultdict(list)
    for task_id in task_ids:
        digest = digest_of(task_id)
        digests[topic_of(digest)].append(digest)
    most = LONGEST_PAYLOAD // (2 * DIGEST)
    for topic, found in digests.items():
        for first in range(0, len(found), most):
            notifier.notify(topic, "".join(found[first : first + most]))


def digest_of(task_id: str) -> str:
    """Return the short form of an id; two ids with the same one cost a look too many."""
    return blake2b(task_id.encode(errors="surrogatepass"), digest_size=DIGEST).hexdigest()


def topic_of(digest: str) -> str:
    """Return the topic that a digest is notified by."""
    return f"{Topic.RESULTS}.{int(digest[0], PARTS)}"


class ResultWaiter:
    """Wakes the calls that wait for a task when its result was stored.

    A call is also woken when the subscription stands, and each `poll_interval` seconds if there is
    a result: a notification that was too early, or lost with the connection, does not matter.

    Args:
        listener: hears of notifications.
        find_ready: asks which tasks have results.
        poll_interval: seconds after which results are looked for without a notification.
    """

    def __init__(self, listener: Listener, find_ready: FindReady, poll_interval: float) -> None:
        self._listener = listener
        self._find_ready = find_ready
        self._poll_interval = poll_interval
        self._calls: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._ids: dict[str, str] = {}
        self._topics: set[str] = set()
        self._listening = ExitStack()
        self._looking: asyncio.Task[None] | None = None
        self._look = asyncio.Event()

    async def wait(self, task_id: str, read: Callable[[], Awaitable[bytes | None]]) -> bytes:
        """Return the result of a task as soon as it is stored.

        Args:
            task_id: of the task.
            read: reads the result; None if there is none.
        """
        digest, woken = digest_of(task_id), asyncio.Event()
        topic = topic_of(digest)
        self._calls[digest].add(woken)
        self._ids[digest] = task_id
        if self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look_for_ever())
        if topic not in self._topics:
            self._topics.add(topic)
            self._listening.enter_context(self._listener.listening(topic, self._received))
        try:
            while True:
                if (found := await read()) is not None:
                    return found
                await woken.wait()
                woken.clear()
        finally:
            self._forget(digest, woken)

    async def stop(self) -> None:
        """Stop listening."""
        self._listening.close()
        self._topics.clear()
        looking, self._looking = self._looking, None
        if looking is not None:
            looking.cancel()
            await asyncio.wait({looking})

    def _forget(self, digest: str, woken: asyncio.Event) -> None:
        calls = self._calls[digest]
        calls.discard(woken)
        if not calls:
            del self._calls[digest]
            del self._ids[digest]

    def _received(self, payload: str | None) -> None:
        if payload is None:
            self._look.set()
            return
        for first in range(0, len(payload), 2 * DIGEST):
            self._wake(payload[first : first + 2 * DIGEST])

    def _wake(self, digest: str) -> None:
        for woken in self._calls.get(digest, ()):
            woken.set()

    async def _look_for_ever(self) -> None:
        """Look for results that are there, when that was asked for and from time to time."""
        while True:
            try:
                async with asyncio.timeout(self._poll_interval):
                    await self._look.wait()
            except TimeoutError:
                pass
            self._look.clear()
            try:
                await self._look_once()
            except TaskiqError as error:
                logger.debug("Results can't be looked for, it is tried again: %s", error)
            except Exception:  # callers must not wait for ever
                logger.exception("Results can't be looked for, it is tried again")

    async def _look_once(self) -> None:
        ids = list(self._ids.values())
        for first in range(0, len(ids), CHUNK):
            for task_id in await self._find_ready(ids[first : first + CHUNK]):
                self._wake(digest_of(task_id))
