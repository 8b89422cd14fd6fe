"""ResultStore: results in the memory of this process, and the callers that wait for them."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Final

from taskiq_zmq.errors import ResultDroppedError, ResultMissingError, ResultsClosedError

PLACE: Final = "the memory of the client that sent it"


class ResultStore:
    """Keeps the latest results for a time, and wakes the callers that wait for them.

    Args:
        max_results: results that are kept; the oldest is dropped first.
        ttl: seconds that a result is kept.
        clock: monotonic, in seconds.
    """

    def __init__(
        self,
        *,
        max_results: int,
        ttl: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.max_results = max_results
        self.ttl = ttl
        self.is_open = False
        self._clock = clock
        self._results: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._progress: OrderedDict[str, bytes] = OrderedDict()
        self._dropped: OrderedDict[str, None] = OrderedDict()
        self._waiters: dict[str, set[asyncio.Future[bytes]]] = {}

    @property
    def awaited(self) -> Collection[str]:
        """Ids of the tasks whose results are waited for."""
        return self._waiters.keys()

    def has(self, task_id: str) -> bool:
        """Return whether the result is here."""
        return task_id in self._results

    def put(self, task_id: str, body: bytes) -> None:
        """Keep a result in place of an earlier one of its task, and wake its waiters."""
        now = self._clock()
        self._results.pop(task_id, None)
        self._results[task_id] = now + self.ttl, body
        self._drop_old(now)
        for waiter in self._waiters.pop(task_id, ()):
            if not waiter.done():
                waiter.set_result(body)

    def get(self, task_id: str) -> bytes:
        """Return the result.

        Raises:
            ResultDroppedError: it was here, and is not kept any more.
            ResultMissingError: it has not come yet.
        """
        self._drop_old(self._clock())
        entry = self._results.get(task_id)
        if entry is not None:
            return entry[1]
        if task_id in self._dropped:
            raise ResultDroppedError(task_id=task_id, max_results=self.max_results, ttl=self.ttl)
        raise ResultMissingError(task_id=task_id, place=PLACE)

    async def wait(self, task_id: str) -> bytes:
        """Wait for the result.

        Raises:
            ResultDroppedError: it was here, and is not kept any more.
            ResultsClosedError: the broker is not running, or stopped meanwhile.
        """
        try:
            return self.get(task_id)
        except ResultMissingError:
            if not self.is_open:
                raise ResultsClosedError(task_id=task_id) from None
        waiter: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(task_id, set()).add(waiter)
        try:
            return await waiter
        finally:
            waiters = self._waiters.get(task_id)
            if waiters is not None:
                waiters.discard(waiter)
                if not waiters:
                    del self._waiters[task_id]

    def put_progress(self, task_id: str, body: bytes) -> None:
        """Keep the progress of a task."""
        self._progress.pop(task_id, None)
        self._progress[task_id] = body
        if len(self._progress) > self.max_results:
            self._progress.popitem(last=False)

    def get_progress(self, task_id: str) -> bytes | None:
        """Return the progress of a task; None if it has not reported any."""
        return self._progress.get(task_id)

    def open(self) -> None:
        """Accept waiters."""
        self.is_open = True

    def close(self) -> None:
        """Fail all waiters; results that are here stay."""
        self.is_open = False
        waiters, self._waiters = self._waiters, {}
        for task_id, futures in waiters.items():
            for future in futures:
                if not future.done():
                    future.set_exception(ResultsClosedError(task_id=task_id))

    def _drop_old(self, now: float) -> None:
        results = self._results
        while results:
            task_id, (until, _) = next(iter(results.items()))
            if len(results) <= self.max_results and now < until:
                return
            del results[task_id]
            self._progress.pop(task_id, None)
            self._dropped[task_id] = None
            if len(self._dropped) > self.max_results:
                self._dropped.popitem(last=False)
