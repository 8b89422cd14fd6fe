"""RedisAsyncResultBackend: results in Redis, pushed to those who wait."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final, Self, TypeVar

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.abc.serializer import TaskiqSerializer
from taskiq_core.coalescing import Coalescer
from taskiq_core.exceptions import ResultGetError
from taskiq_core.labels import FENCE
from taskiq_core.progress import TaskProgress
from taskiq_core.result import TaskiqResult
from taskiq_redis.errors import RedisUnreachableError, ResultMissingError
from taskiq_redis.line import TIMEOUT, Argument, Line
from taskiq_redis.scripts import script
from taskiq_redis.servers import Server, SingleServer
from taskiq_redis.urls import read_url
from taskiq_redis.watch import ResultWatch

_ReturnType = TypeVar("_ReturnType")

URL_OPTIONS: Final[Mapping[str, Callable[[str], Any]]] = {
    "result_ex_time": int,
    "result_px_time": int,
    "prefix_str": str,
    "poll_interval": float,
    "socket_timeout": float,
}
"""Options of `RedisAsyncResultBackend` that a URL may have, and what reads their values."""

# What model_dump_json and model_validate_json call, without their handling of options.
_to_json = TaskiqResult.__pydantic_serializer__.to_json
_from_json = TaskiqResult.__pydantic_validator__.validate_json


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
        prefix_str: what the keys of results begin with. In a cluster, those of one prefix are on
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
        self.server = server or SingleServer(redis_url, **connection_kwargs)
        self.keep_results = keep_results
        self.prefix = f"{{{prefix_str or 'taskiq'}}}:result:"
        self.poll_interval = poll_interval
        self.socket_timeout = socket_timeout
        self._milliseconds = milliseconds or 0
        self._serializer = serializer
        self._line: Line | None = None
        self._watch: ResultWatch | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._store: Coalescer[tuple[str, int, bytes], None] | None = None
        self._load: Coalescer[str, bytes | None] | None = None

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
        await self._own_line().call("PING")

    async def shutdown(self) -> None:
        """Hang up; may be called twice."""
        line, watch = self._line, self._watch
        self._line = self._watch = None
        if self._loop is not asyncio.get_running_loop():
            return
        if watch is not None:
            await watch.stop()
        for coalescer in (self._store, self._load):
            if coalescer is not None:
                await coalescer.wait_idle()
        if line is not None:
            await line.close()

    # -- the contract -------------------------------------------------------------------------

    async def set_result(self, task_id: str, result: TaskiqResult[_ReturnType]) -> None:
        """Store a result; one of an earlier delivery than that of the stored one is ignored.

        Raises:
            ValueError: the return value can't be serialized (also TypeError, by some serializers).
            RedisUnreachableError: the server can't be reached.
            RedisFullError: it has no memory left.
        """
        if self._serializer is None:
            body = _to_json(result)
        else:
            body = self._serializer.dumpb(result.model_dump())
        fence = int(result.labels.get(FENCE, 0))
        self._own_line()
        if self._store is not None:
            await self._store((self.prefix + task_id, fence, body))

    async def is_result_ready(self, task_id: str) -> bool:
        """Whether there is a result that has not expired."""
        return bool(await self._own_line().call("EXISTS", self.prefix + task_id))

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
        stored = await self._own_watch().wait(self.prefix + task_id, read)
        return self._loaded(stored, with_logs=with_logs)

    async def set_progress(self, task_id: str, progress: TaskProgress[Any]) -> None:
        """Store how far a task has come; kept as long as results are."""
        command: list[Argument] = ["SET", f"{self.prefix}{task_id}:progress"]
        command.append(progress.model_dump_json().encode())
        if self._milliseconds:
            command += ("PX", self._milliseconds)
        await self._own_line().call(*command)

    async def get_progress(self, task_id: str) -> TaskProgress[Any] | None:
        """How far a task has come; None if it has not said."""
        body = await self._own_line().call("GET", f"{self.prefix}{task_id}:progress")
        return None if body is None else TaskProgress[Any].model_validate_json(body)

    # -- connections --------------------------------------------------------------------------

    def _own_line(self) -> Line:
        """The connection as this event loop sees it: it belongs to one."""
        loop = asyncio.get_running_loop()
        if self._line is None or self._loop is not loop:
            self._line = Line(self.server, self.prefix, timeout=self.socket_timeout)
            self._watch = None
            self._loop = loop
            self._store = Coalescer(self._store_all)
            self._load = Coalescer(self._load_all)
        return self._line

    def _own_watch(self) -> ResultWatch:
        self._own_line()
        if self._watch is None:
            self._watch = ResultWatch(
                self.server,
                self._ready,
                self.poll_interval,
                takes_what_is_told=self.keep_results,
            )
        return self._watch

    async def _read(self, task_id: str) -> bytes | None:
        self._own_line()
        key = self.prefix + task_id
        stored = None if self._load is None else await self._load(key)
        if stored is not None and not self.keep_results:
            await self._own_line().call("DEL", key)
        return stored

    async def _read_again(self, task_id: str) -> bytes | None:
        """Read; a server that can't be reached has nothing, for now."""
        try:
            return await self._read(task_id)
        except RedisUnreachableError:
            return None  # the watch looks again when there is a connection

    async def _store_all(self, items: Sequence[tuple[str, int, bytes]]) -> Sequence[None]:
        arguments: list[Argument] = [self._milliseconds]
        for _, fence, body in items:
            arguments += (fence, body)
        keys = [key for key, _, _ in items]
        await self._own_line().run(script("set_results"), keys, *arguments)
        return [None] * len(items)

    async def _load_all(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        found: list[bytes | None] = await self._own_line().call("MGET", *keys)
        return found

    async def _ready(self, keys: Collection[str]) -> Collection[str]:
        """Which of the keys there are; without reading what may be large."""
        line = self._own_line()
        found = await asyncio.gather(*(line.call("EXISTS", key) for key in keys))
        return [key for key, is_there in zip(keys, found, strict=True) if is_there]

    def _loaded(self, stored: bytes, *, with_logs: bool) -> TaskiqResult[_ReturnType]:
        body = stored.partition(b"\n")[2]
        try:
            result: TaskiqResult[_ReturnType] = (
                _from_json(body)
                if self._serializer is None
                else TaskiqResult.model_validate(self._serializer.loadb(body))
            )
        except ValueError as error:
            raise ResultGetError from error
        if not with_logs:
            result.log = None
        return result
