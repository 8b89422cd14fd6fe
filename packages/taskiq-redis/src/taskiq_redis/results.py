"""RedisAsyncResultBackend: results in Redis, pushed to those who wait."""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Self, TypeVar

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.abc.serializer import TaskiqSerializer
from taskiq_core.brokers.per_loop import PerLoop
from taskiq_core.brokers.result_coding import ResultCoding, fence_of
from taskiq_core.messages.progress import TaskProgress
from taskiq_core.messages.result import TaskiqResult
from taskiq_redis.errors import RedisUnreachableError, ResultMissingError
from taskiq_redis.keys import key_base
from taskiq_redis.line import TIMEOUT, Argument
from taskiq_redis.result_store import ResultStore
from taskiq_redis.servers import Server, SingleServer
from taskiq_redis.urls import read_url

logger = logging.getLogger(__name__)

_ReturnType = TypeVar("_ReturnType")

URL_OPTIONS: Final[Mapping[str, Callable[[str], Any]]] = {
    "result_ex_time": int,
    "result_px_time": int,
    "prefix_str": str,
    "poll_interval": float,
    "socket_timeout": float,
}
"""Options of `RedisAsyncResultBackend` that a URL may have, and what reads their values."""


class RedisAsyncResultBackend(AsyncResultBackend[_ReturnType]):
    """Keeps results in Redis; whoever waits is told, by one subscription for a process.

    Args:
        redis_url: of the server.
        keep_results: whether a result stays when it was read.
        result_ex_time: seconds that a result is kept; for ever if neither this nor the next is
            given.
        result_px_time: the same in milliseconds.
        max_connection_pool_size: not used, connections are held; for programs written for taskiq
            0.13.
        serializer: for results; JSON by pydantic if there is none. Must be the same everywhere.
        prefix_str: what the keys of results begin with, "taskiq" by default; that of a broker's own
            backend is the name of its queue. In a cluster, those of one prefix are on
            one node.
        poll_interval: seconds after which to look for results although nobody has said that there
            are any.
        socket_timeout: seconds without an answer after which a connection is given up.
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
        socket_timeout: float = TIMEOUT,
        server: Server | None = None,
        **connection_kwargs: Any,
    ) -> None:
        del max_connection_pool_size
        if result_ex_time is not None and result_px_time is not None:
            raise ValueError("give result_ex_time or result_px_time, not both")
        milliseconds = 1000 * result_ex_time if result_ex_time is not None else result_px_time
        if milliseconds is not None and milliseconds <= 0:
            raise ValueError("result_ex_time and result_px_time must be above 0")
        if not poll_interval > 0 or not socket_timeout > 0:
            raise ValueError("poll_interval and socket_timeout must be above 0")
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
        """A backend for `redis://host:6379/0?result_ex_time=3600`.

        `result_ex_time`, `result_px_time`, `prefix_str`, `poll_interval` and `socket_timeout` may
        be given; other options are redis-py's.

        Raises:
            RedisUrlError: the URL can't be understood.
        """
        address, found = read_url(url, URL_OPTIONS)
        return cls(address, **{**found, **options})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.server.address})"

    async def startup(self) -> None:
        """Connect, so that a server that can't be reached is known at once."""
        await self._stores.get().line.call("PING")

    async def shutdown(self) -> None:
        """Hang up; may be called twice."""
        store = self._stores.pop()
        if store is not None:
            await store.close()

    # -- the contract -------------------------------------------------------------------------

    async def set_result(self, task_id: str, result: TaskiqResult[_ReturnType]) -> None:
        """Store a result; one of an earlier delivery than that of the stored one is ignored.

        Raises:
            ValueError: the return value can't be serialized (also TypeError, by some serializers).
            RedisUnreachableError: the server can't be reached.
            RedisFullError: it has no memory left.
        """
        body = self._coding.dumps(result)
        await self._stores.get().save((self.prefix + task_id, fence_of(result), body))

    async def is_result_ready(self, task_id: str) -> bool:
        """Whether there is a result that has not expired."""
        return bool(await self._stores.get().line.call("EXISTS", self.prefix + task_id))

    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[_ReturnType]:
        """The result.

        Raises:
            ResultMissingError: there is none, or it has expired.
            ResultGetError: it can't be read; its serializer is another one, perhaps.
            RedisUnreachableError: the server can't be reached.
        """
        stored = await self._read(task_id)
        if stored is None:
            raise ResultMissingError(task_id=task_id)
        return self._loaded(stored, with_logs=with_logs)

    async def wait(
        self,
        task_id: str,
        *,
        check_interval: float = 0.2,
        with_logs: bool = False,
    ) -> TaskiqResult[_ReturnType]:
        """The result, as soon as it is there; it is pushed, `check_interval` has no effect.

        A server that can't be reached is waited for.

        Raises:
            ResultGetError: the result can't be read.
        """
        del check_interval
        read = partial(self._read_again, task_id)
        stored = await self._stores.get().wait(self.prefix + task_id, read)
        return self._loaded(stored, with_logs=with_logs)

    async def set_progress(self, task_id: str, progress: TaskProgress[Any]) -> None:
        """Store how far a task has come; kept as long as results are."""
        command: list[Argument] = ["SET", f"{self.prefix}{task_id}:progress"]
        command.append(progress.model_dump_json().encode())
        if self._milliseconds:
            command += ("PX", self._milliseconds)
        await self._stores.get().line.call(*command)

    async def get_progress(self, task_id: str) -> TaskProgress[Any] | None:
        """How far a task has come; None if it has not said."""
        body = await self._stores.get().line.call("GET", f"{self.prefix}{task_id}:progress")
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
                await store.line.call("DEL", key)
            except RedisUnreachableError as error:  # we have it, and that is what was asked for
                logger.warning(
                    "The result of task %s may stay until it expires: %s", task_id, error
                )
        return stored

    async def _read_again(self, task_id: str) -> bytes | None:
        """Read; a server that can't be reached has nothing, for now."""
        try:
            return await self._read(task_id)
        except RedisUnreachableError:
            return None  # the watch looks again when there is a connection

    def _loaded(self, stored: bytes, *, with_logs: bool) -> TaskiqResult[_ReturnType]:
        return self._coding.loads(stored.partition(b"\n")[2], with_logs=with_logs)
