"""RedisAsyncResultBackend: results in Redis, pushed to waiting callers."""

from functools import partial
from typing import Any, Self, TypeVar

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.abc.serializer import TaskiqSerializer
from taskiq_core.brokers.per_loop import PerLoop
from taskiq_core.brokers.result_coding import ResultCoding, fence_of
from taskiq_core.exceptions import ResultMissingError
from taskiq_core.loggers import get_logger
from taskiq_core.messages.progress import TaskProgress
from taskiq_core.messages.result import TaskiqResult
from taskiq_redis.errors import RedisUnreachableError
from taskiq_redis.options import RESULT_READERS, SOCKET_TIMEOUT, read_url, require_positive
from taskiq_redis.result_store import ResultStore
from taskiq_redis.storage.connection import Argument
from taskiq_redis.storage.keys import key_base
from taskiq_redis.storage.servers import Server, SingleServer

logger = get_logger(__name__)

_ReturnType = TypeVar("_ReturnType")


class RedisAsyncResultBackend(AsyncResultBackend[_ReturnType]):
    """Keeps results in Redis; they are pushed to waiting callers, over one subscription a process.

    Args:
        redis_url: of the server.
        keep_results: whether a result stays when it was read.
        result_ex_time: seconds that a result is kept; for ever if neither this nor
            `result_px_time` is given.
        result_px_time: milliseconds that a result is kept.
        max_connection_pool_size: not used, connections are held; for programs written for taskiq
            0.13.
        serializer: for results; JSON by pydantic if there is none. Must be the same everywhere.
        prefix_str: the beginning of the keys of results, "taskiq" by default; a broker's own
            backend has the name of its queue. In a cluster, results of one prefix are on one node.
        poll_interval: seconds after which results are looked for that were not pushed.
        socket_timeout: seconds without a reply after which a connection is given up.
        server: in place of the URL, for Sentinel and Cluster.
        connection_kwargs: options of redis-py's connections.

    Raises:
        RedisUrlError: the URL can't be understood.
        ValueError: an option is out of range.
    """

    def __init__(
        self,
        redis_url: str = "redis://localhost:6379",
        keep_results: bool = True,
        result_ex_time: int | None = None,
        result_px_time: int | None = None,
        max_connection_pool_size: int | None = None,
        serializer: TaskiqSerializer | None = None,
        prefix_str: str | None = None,
        *,
        poll_interval: float = 5.0,
        socket_timeout: float = SOCKET_TIMEOUT,
        server: Server | None = None,
        **connection_kwargs: Any,
    ) -> None:
        del max_connection_pool_size
        if result_ex_time is not None and result_px_time is not None:
            raise ValueError("give result_ex_time or result_px_time, not both")
        milliseconds = 1000 * result_ex_time if result_ex_time is not None else result_px_time
        if milliseconds is not None and milliseconds <= 0:
            raise ValueError("result_ex_time and result_px_time must be above 0")
        require_positive(self, poll_interval=poll_interval, socket_timeout=socket_timeout)
        self.server = server or SingleServer(redis_url, **connection_kwargs)
        self.keep_results = keep_results
        self.prefix = f"{key_base(prefix_str or 'taskiq')}:result:"
        self.poll_interval = poll_interval
        self.socket_timeout = socket_timeout
        self._milliseconds = milliseconds or 0
        self._coding = ResultCoding(serializer)
        self._stores = PerLoop(self._make_store)

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """Make a backend for `redis://host:6379/0?result_ex_time=3600`.

        `result_ex_time`, `result_px_time`, `prefix_str`, `poll_interval` and `socket_timeout` may
        be given; other options are redis-py's.

        Raises:
            RedisUrlError: the URL can't be understood.
        """
        address, found = read_url(url, RESULT_READERS)
        return cls(address, **{**found, **options})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.server.address})"

    async def startup(self) -> None:
        """Connect, so that an unreachable server is noticed at once."""
        await self._stores.get().connection.call("PING")

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
            RedisUnreachableError: the server can't be reached.
            RedisFullError: the server has no memory left.
        """
        body = self._coding.dumps(result)
        await self._stores.get().save((self.prefix + task_id, fence_of(result), body))

    async def is_result_ready(self, task_id: str) -> bool:
        """Return whether there is a result that has not expired."""
        return bool(await self._stores.get().connection.call("EXISTS", self.prefix + task_id))

    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[_ReturnType]:
        """Return the result.

        Raises:
            ResultMissingError: there is no result, or it has expired.
            ResultGetError: it can't be read; its serializer is another one, perhaps.
            RedisUnreachableError: the server can't be reached.
        """
        stored = await self._read(task_id)
        if stored is None:
            raise ResultMissingError(task_id=task_id, place="Redis")
        return self._loaded(stored, with_logs=with_logs)

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
        read = partial(self._read_again, task_id)
        stored = await self._stores.get().wait(self.prefix + task_id, read)
        return self._loaded(stored, with_logs=with_logs)

    async def set_progress(self, task_id: str, progress: TaskProgress[Any]) -> None:
        """Store the progress of a task, for as long as results are kept."""
        command: list[Argument] = ["SET", f"{self.prefix}{task_id}:progress"]
        command.append(progress.model_dump_json().encode())
        if self._milliseconds:
            command += ("PX", self._milliseconds)
        await self._stores.get().connection.call(*command)

    async def get_progress(self, task_id: str) -> TaskProgress[Any] | None:
        """Return the progress of a task; None if it has not reported any."""
        body = await self._stores.get().connection.call("GET", f"{self.prefix}{task_id}:progress")
        return None if body is None else TaskProgress[Any].model_validate_json(body)

    # -- steps --------------------------------------------------------------------------------

    def _make_store(self) -> ResultStore:
        return ResultStore(
            self.server,
            self.prefix,
            milliseconds=self._milliseconds,
            poll_interval=self.poll_interval,
            timeout=self.socket_timeout,
            keeps=self.keep_results,
        )

    async def _read(self, task_id: str) -> bytes | None:
        key, store = self.prefix + task_id, self._stores.get()
        stored = await store.load(key)
        if stored is not None and not self.keep_results:
            try:
                await store.connection.call("DEL", key)
            except RedisUnreachableError as error:  # the caller gets it all the same
                logger.warning("The result of task %s could not be deleted: %s", task_id, error)
        return stored

    async def _read_again(self, task_id: str) -> bytes | None:
        """Read a result, with None for a server that can't be reached."""
        try:
            return await self._read(task_id)
        except RedisUnreachableError:
            return None  # the waiter looks again when it is connected

    def _loaded(self, stored: bytes, *, with_logs: bool) -> TaskiqResult[_ReturnType]:
        return self._coding.loads(stored.partition(b"\n")[2], with_logs=with_logs)
