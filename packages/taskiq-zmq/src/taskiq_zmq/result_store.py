"""Results in this process's memory, as bytes, and those who wait for them."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Collection

from taskiq_zmq.errors import ResultDroppedError, ResultMissingError, ResultsClosedError


class ResultStore:
    """Keeps the latest results for a while, and hands them to waiters as they come.

    Args:
        max_results: how many; the oldest go first.
        ttl: seconds that each is kept.
        clock: seconds, monotonic.
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
        """The tasks whose results somebody waits for."""
        return self._waiters.keys()

    def has(self, task_id: str) -> bool:
        """Whether the result is here."""
        return task_id in self._results

    def put(self, task_id: str, body: bytes) -> None:
        """Keep a result, in place of an earlier one of the same task, and wake who waits for it."""
        now = self._clock()
        self._results.pop(task_id, None)
        self._results[task_id] = now + self.ttl, body
        self._drop_old(now)
        for waiter in self._waiters.pop(task_id, ()):
            if not waiter.done():
                waiter.set_result(body)

    def get(self, task_id: str) -> bytes:
        """The result.

        Raises:
            ResultDroppedError: it was here.
            ResultMissingError: it was not, so far.
        """
        self._drop_old(self._clock())
        entry = self._results.get(task_id)
        if entry is not None:
            return entry[1]
        if task_id in self._dropped:
            raise ResultDroppedError(task_id=task_id, max_results=self.max_results, ttl=self.ttl)
        raise ResultMissingError(task_id=task_id, ttl=self.ttl)

    async def wait(self, task_id: str) -> bytes:
        """The result, as soon as it is here.

        Raises:
            ResultDroppedError: it was here.
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
        """Keep how far a task has come."""
        self._progress.pop(task_id, None)
        self._progress[task_id] = body
        if len(self._progress) > self.max_results:
            self._progress.popitem(last=False)

    def get_progress(self, task_id: str) -> bytes | None:
        """How far a task has come, if it has said."""
        return self._progress.get(task_id)

    def open(self) -> None:
        """Results can come from now on."""
        self.is_open = True

    def close(self) -> None:
        """No more results will come; what is here stays."""
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
