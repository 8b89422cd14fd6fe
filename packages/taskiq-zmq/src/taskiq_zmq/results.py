"""ZeroMQResultBackend: results that come back over the broker's own sockets."""

from typing import Any, Protocol, TypeVar

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.abc.serializer import TaskiqSerializer
from taskiq_core.brokers.result_coding import ResultCoding
from taskiq_core.messages.progress import TaskProgress
from taskiq_core.messages.result import TaskiqResult
from taskiq_zmq.errors import ResultMissingError, ResultsClosedError
from taskiq_zmq.result_store import ResultStore

_ReturnType = TypeVar("_ReturnType")


class ResultChannel(Protocol):
    """A worker's access to the clients whose tasks it runs, and to their results."""

    def send_result(self, task_id: str, body: bytes) -> None:
        """Send a result to the client of the task."""

    def send_progress(self, task_id: str, body: bytes) -> None:
        """Send the progress to the client of the task."""

    def watch(self, task_id: str) -> None:
        """Have the result put into the store when a client has it."""

    async def look_up(self, task_id: str) -> None:
        """Ask the clients for the result, which goes into the store, and wait for their answer."""


class ZeroMQResultBackend(AsyncResultBackend[_ReturnType]):
    """Results travel to the client that sent the task, which keeps them in memory.

    The default of `ZeroMQBroker`; make one to set its options. A worker sends results, a client
    keeps them and wakes their waiters. A task can read and wait for results of other tasks, too:
    the worker asks the clients that it is connected to. In broadcast mode the first result counts.

    Args:
        max_results: results that are kept; the oldest is dropped first.
        ttl: seconds that a result is kept, whether it was read or not.
        serializer: of results, the same everywhere; JSON by pydantic by default.
    """

    private_to_process = (
        "the results are in the memory of the program that sent the tasks, and no other process "
        "can see them. Ask there: `await task.get_result()`; or give the broker a result backend "
        "that stores them: ZeroMQBroker(result_backend=...)."
    )

    def __init__(
        self,
        *,
        max_results: int = 100_000,
        ttl: float = 3_600.0,
        serializer: TaskiqSerializer | None = None,
    ) -> None:
        if max_results < 1 or ttl <= 0:
            raise ValueError("ZeroMQResultBackend: max_results must be at least 1, ttl above 0")
        self.store = ResultStore(max_results=max_results, ttl=ttl)
        self._coding = ResultCoding(serializer)
        self._channel: ResultChannel | None = None

    def attach(self, channel: ResultChannel | None) -> None:
        """Start, with a channel in a worker and without one in a client; called by the broker."""
        self._channel = channel
        self.store.open()

    def detach(self) -> None:
        """Stop, and fail all waiters; called by the broker."""
        self._channel = None
        self.store.close()

    async def set_result(self, task_id: str, result: TaskiqResult[_ReturnType]) -> None:
        """Send the result to the client, in the batch of its acknowledgement or before.

        If the worker dies before that, the delivery is not acknowledged either, and the task is
        delivered again.

        Raises:
            ValueError: the return value can't be serialized (also TypeError, by some serializers),
                or is larger than the broker's `max_message_size`.
            ResultsClosedError: the broker is not running.
        """
        body = self._coding.dumps(result)
        if self._channel is not None:
            self._channel.send_result(task_id, body)
        elif self.store.is_open:
            self.store.put(task_id, body)
        else:
            raise ResultsClosedError(task_id=task_id)

    async def is_result_ready(self, task_id: str) -> bool:
        """Return whether the result is here; in a worker, whether a client has it."""
        if not self.store.has(task_id) and self._channel is not None:
            await self._channel.look_up(task_id)
        return self.store.has(task_id)

    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[_ReturnType]:
        """Return the result.

        Raises:
            ResultMissingError: it has not come yet.
            ResultDroppedError: it was here, and is not kept any more.
        """
        try:
            body = self.store.get(task_id)
        except ResultMissingError:
            if self._channel is None:
                raise
            await self._channel.look_up(task_id)
            body = self.store.get(task_id)
        return self._coding.loads(body, with_logs=with_logs)

    async def wait(
        self,
        task_id: str,
        *,
        check_interval: float = 0.2,
        with_logs: bool = False,
    ) -> TaskiqResult[_ReturnType]:
        """Wait for the result; it is pushed, so `check_interval` has no effect.

        Raises:
            ResultDroppedError: it was here, and is not kept any more.
            ResultsClosedError: the broker is not running, or stopped meanwhile.
        """
        del check_interval
        if self._channel is not None and not self.store.has(task_id):
            self._channel.watch(task_id)
        return self._coding.loads(await self.store.wait(task_id), with_logs=with_logs)

    async def set_progress(self, task_id: str, progress: TaskProgress[Any]) -> None:
        """Send the progress of a task to its client."""
        body = progress.model_dump_json().encode()
        if self._channel is not None:
            self._channel.send_progress(task_id, body)
        else:
            self.store.put_progress(task_id, body)

    async def get_progress(self, task_id: str) -> TaskProgress[Any] | None:
        """Return the progress of a task; None if it has not reported any."""
        if self._channel is not None:
            await self._channel.look_up(task_id)
        body = self.store.get_progress(task_id)
        return None if body is None else TaskProgress[Any].model_validate_json(body)
