"""JetStreamResultBackend: results in NATS JetStream, pushed to waiting callers."""

from typing import Any, Self, TypeVar, Unpack

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.abc.serializer import TaskiqSerializer
from taskiq_core.brokers.per_loop import PerLoop
from taskiq_core.brokers.result_coding import ResultCoding, fence_of
from taskiq_core.exceptions import ResultMissingError
from taskiq_core.messages.progress import TaskProgress
from taskiq_core.messages.result import TaskiqResult
from taskiq_nats.options import DAY, DEFAULT_URL, RESULTS_URL, read_url, require_positive
from taskiq_nats.result_store import ResultStore
from taskiq_nats.storage.server import NatsServer, ServerOptions

_ReturnType = TypeVar("_ReturnType")


class JetStreamResultBackend(AsyncResultBackend[_ReturnType]):
    """Keeps results in a stream until they expire; the server sends them to waiting callers.

    The default of `JetStreamBroker`, on the broker's own server; make one to set its options, or to
    keep the results of another broker.

    Args:
        url: of the servers, or a `NatsServer` to share its options.
        bucket: the name of the results' stream.
        result_ttl: seconds that a result is kept, read or not; None for ever.
        serializer: for results, the same in all processes; JSON by pydantic by default.
        options: of `NatsServer`, where `url` is not one.

    Raises:
        NatsUrlError: the URL can't be understood.
        ValueError: an option is out of range.
    """

    def __init__(
        self,
        url: str | NatsServer = DEFAULT_URL,
        *,
        bucket: str = "default",
        result_ttl: float | None = DAY,
        serializer: TaskiqSerializer | None = None,
        **options: Unpack[ServerOptions],
    ) -> None:
        require_positive("JetStreamResultBackend", result_ttl=result_ttl)
        self.server = url if isinstance(url, NatsServer) else NatsServer(url, **options)
        self.result_ttl = result_ttl
        self._coding = ResultCoding(serializer)
        self._stores = PerLoop(lambda: ResultStore(self.server, bucket, ttl=result_ttl))

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """Return a backend for `nats://host:4222?result_ttl=3600`.

        The URL may have `bucket`, `result_ttl`, and the options of `NatsServer`.

        Raises:
            NatsUrlError: the URL can't be understood.
        """
        address, found = read_url(url, RESULTS_URL)
        return cls(address, **{**found, **options})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.server.address})"

    async def startup(self) -> None:
        """Connect, and create the stream where that is needed and allowed."""
        await self._stores.get().open(may_create=self.may_create)

    async def shutdown(self) -> None:
        """Disconnect; may be called twice."""
        store = self._stores.pop()
        if store is not None:
            await store.close()

    # -- the contract -------------------------------------------------------------------------

    async def set_result(self, task_id: str, result: TaskiqResult[_ReturnType]) -> None:
        """Store a result, unless the result of a later delivery is stored.

        Raises:
            ValueError: the return value can't be serialized (also TypeError, by some serializers).
            ResultTooLargeError: it is larger than a message of the server.
            NatsUnreachableError: the server can't be reached.
        """
        body = self._coding.dumps(result)
        await self._stores.get().save(task_id, fence_of(result), body)

    async def is_result_ready(self, task_id: str) -> bool:
        """Return whether there is a result that has not expired."""
        return await self._stores.get().load(task_id) is not None

    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[_ReturnType]:
        """Return the result.

        Raises:
            ResultMissingError: there is no result, or it has expired.
            ResultGetError: it can't be read; its serializer is another one, perhaps.
            NatsUnreachableError: the server can't be reached.
        """
        body = await self._stores.get().load(task_id)
        if body is None:
            raise ResultMissingError(task_id=task_id, place="NATS")
        return self._coding.loads(body, with_logs=with_logs)

    async def wait(
        self,
        task_id: str,
        *,
        check_interval: float = 0.2,
        with_logs: bool = False,
    ) -> TaskiqResult[_ReturnType]:
        """Return the result as soon as it is stored; `check_interval` has no effect.

        Waits also while the server can't be reached.

        Raises:
            ResultGetError: the result can't be read.
        """
        del check_interval
        body = await self._stores.get().wait(task_id)
        return self._coding.loads(body, with_logs=with_logs)

    async def set_progress(self, task_id: str, progress: TaskProgress[Any]) -> None:
        """Store the progress of a task, for as long as its result is kept."""
        body = progress.model_dump_json().encode()
        await self._stores.get().save_progress(task_id, body)

    async def get_progress(self, task_id: str) -> TaskProgress[Any] | None:
        """Return the progress of a task; None if it has not reported any."""
        body = await self._stores.get().load_progress(task_id)
        return None if body is None else TaskProgress[Any].model_validate_json(body)
