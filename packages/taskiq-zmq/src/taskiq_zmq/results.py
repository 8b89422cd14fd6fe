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


class Uplink(Protocol):
    """A worker's way to the clients whose tasks it runs, and to results that they have."""

    def send_result(self, task_id: str, body: bytes) -> None:
        """Send a result to the client of the task."""

    def send_progress(self, task_id: str, body: bytes) -> None:
        """Send the progress to the client of the task."""

    def watch(self, task_id: str) -> None:
        """Have the result put into the store when it is there."""

    async def look_up(self, task_id: str) -> None:
        """Have the result put into the store if it is there, and wait until that is known."""


class ZeroMQResultBackend(AsyncResultBackend[_ReturnType]):
    """Results travel to the client that sent the task, which keeps them in memory.

    The default of `ZeroMQBroker`; make one to set its options. In a worker it sends; in a client it
    keeps, and wakes whoever waits. In a task, results of other tasks can be read and waited for,
    too: they are asked for from the clients that the worker is connected to. In broadcast mode the
    first result of a task counts.

    Args:
        max_results: how many results are kept; the oldest are dropped.
        ttl: seconds that a result is kept, whether it was read or not.
        serializer: for results; JSON by pydantic if there is none. Must be the same everywhere.
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
        self._uplink: Uplink | None = None

    def attach(self, uplink: Uplink | None) -> None:
        """The broker runs: as a worker with that uplink, or as a client; called by the broker."""
        self._uplink = uplink
        self.store.open()

    def detach(self) -> None:
        """The broker stopped: nobody waits any longer; called by the broker."""
        self._uplink = None
        self.store.close()

    async def set_result(self, task_id: str, result: TaskiqResult[_ReturnType]) -> None:
        """Send the result to the client; it leaves with the next batch, at the latest with the ack.

        It is not lost with the worker: without it, the delivery is not acknowledged either, and is
        delivered again.

        Raises:
            ValueError: the return value can't be serialized (also TypeError, by some serializers),
            or
                is larger than the broker's `max_message_size`.
            ResultsClosedError: the broker is not running.
        """
        body = self._coding.dumps(result)
        if self._uplink is not None:
            self._uplink.send_result(task_id, body)
        elif self.store.is_open:
            self.store.put(task_id, body)
        else:
            raise ResultsClosedError(task_id=task_id)

    async def is_result_ready(self, task_id: str) -> bool:
        """Whether the result is here; in a worker, whether a client has it."""
        if not self.store.has(task_id) and self._uplink is not None:
            await self._uplink.look_up(task_id)
        return self.store.has(task_id)

    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[_ReturnType]:
        """The result.

        Raises:
            ResultMissingError: it is not here (yet).
            ResultDroppedError: it was, and is not kept any more.
        """
        try:
            body = self.store.get(task_id)
        except ResultMissingError:
            if self._uplink is None:
                raise
            await self._uplink.look_up(task_id)
            body = self.store.get(task_id)
        return self._coding.loads(body, with_logs=with_logs)

    async def wait(
        self,
        task_id: str,
        *,
        check_interval: float = 0.2,
        with_logs: bool = False,
    ) -> TaskiqResult[_ReturnType]:
        """The result, as soon as it is here; it is pushed, `check_interval` has no effect.

        Raises:
            ResultDroppedError: it was here, and is not kept any more.
            ResultsClosedError: the broker is not running, or stopped meanwhile.
        """
        del check_interval
        if self._uplink is not None and not self.store.has(task_id):
            self._uplink.watch(task_id)
        return self._coding.loads(await self.store.wait(task_id), with_logs=with_logs)

    async def set_progress(self, task_id: str, progress: TaskProgress[Any]) -> None:
        """Send how far a task has come to its client."""
        body = progress.model_dump_json().encode()
        if self._uplink is not None:
            self._uplink.send_progress(task_id, body)
        else:
            self.store.put_progress(task_id, body)

    async def get_progress(self, task_id: str) -> TaskProgress[Any] | None:
        """How far a task has come; None if it has not said."""
        if self._uplink is not None:
            await self._uplink.look_up(task_id)
        body = self.store.get_progress(task_id)
        return None if body is None else TaskProgress[Any].model_validate_json(body)
