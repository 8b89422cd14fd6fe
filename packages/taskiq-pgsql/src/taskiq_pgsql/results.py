"""PostgresResultBackend: results in a table, pushed to waiting callers."""

import time
from typing import Any, Final, Self, TypeVar, Unpack

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.abc.serializer import TaskiqSerializer
from taskiq_core.brokers.per_loop import PerLoop
from taskiq_core.brokers.result_coding import ResultCoding, fence_of
from taskiq_core.exceptions import ResultMissingError
from taskiq_core.messages.progress import TaskProgress
from taskiq_core.messages.result import TaskiqResult
from taskiq_pgsql.errors import PostgresUnreachableError
from taskiq_pgsql.options import DAY, DEFAULT_URL, RESULTS_URL, read_url, require_positive
from taskiq_pgsql.result_store import (
    GET_PROGRESS,
    SET_PROGRESS,
    NewResult,
    ResultStore,
    clean,
)
from taskiq_pgsql.storage.database import DatabaseSettings, PostgresDatabase, as_database

_ReturnType = TypeVar("_ReturnType")

CLEAN_INTERVAL: Final = 60.0
"""Seconds after which expired results are deleted, while results are stored."""


class PostgresResultBackend(AsyncResultBackend[_ReturnType]):
    """Keeps results in a table until they expire; they are pushed to waiting callers.

    The default of `PostgresBroker`, in the broker's own database; make one to set its options, or
    to keep the results of another broker.

    Args:
        url: of the server, or a `PostgresDatabase` to share.
        result_ttl: seconds that a result is kept, read or not; None for ever.
        serializer: for results, the same in all processes; JSON by pydantic by default.
        poll_interval: seconds after which waiting callers look for results although no
            notification came.
        options: of `PostgresDatabase`, where `url` is not one.

    Raises:
        PostgresUrlError: the URL can't be understood.
        ValueError: an option is out of range.
    """

    def __init__(
        self,
        url: str | PostgresDatabase = DEFAULT_URL,
        *,
        result_ttl: float | None = DAY,
        serializer: TaskiqSerializer | None = None,
        poll_interval: float = 5.0,
        **options: Unpack[DatabaseSettings],
    ) -> None:
        require_positive(
            "PostgresResultBackend", result_ttl=result_ttl, poll_interval=poll_interval
        )
        self.database, self._is_owner = as_database(url, options)
        self.result_ttl = result_ttl
        self.poll_interval = poll_interval
        self._coding = ResultCoding(serializer)
        self._stores = PerLoop(self._make_store)
        self._cleaned_at = time.monotonic()

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """Return a backend for `postgresql://host/database?result_ttl=3600`.

        The URL may have `result_ttl`, `poll_interval`, the options of `PostgresDatabase`, and those
        of asyncpg.

        Raises:
            PostgresUrlError: the URL can't be understood.
        """
        address, found = read_url(url, RESULTS_URL)
        return cls(address, **{**found, **options})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.database.server.address})"

    async def startup(self) -> None:
        """Connect, and create the tables where that is needed and allowed."""
        self.database.may_create &= self.may_create
        await self.database.open()

    async def shutdown(self) -> None:
        """Disconnect, unless the database is shared; may be called twice."""
        store = self._stores.pop()
        if store is not None:
            await store.close()
        if self._is_owner:
            await self.database.close()

    # -- the contract -------------------------------------------------------------------------

    async def set_result(self, task_id: str, result: TaskiqResult[_ReturnType]) -> None:
        """Store a result, unless the result of a later delivery is stored.

        Raises:
            ValueError: the return value can't be serialized (also TypeError, by some serializers).
            PostgresUnreachableError: the server can't be reached.
        """
        body = self._coding.dumps(result)
        await self._stores.get().save(NewResult(task_id, fence_of(result), body))
        if time.monotonic() - self._cleaned_at > CLEAN_INTERVAL:
            self._cleaned_at = time.monotonic()
            await clean(self.database.connections)

    async def is_result_ready(self, task_id: str) -> bool:
        """Return whether there is a result that has not expired."""
        return bool(await self._stores.get().find_ready([task_id]))

    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[_ReturnType]:
        """Return the result.

        Raises:
            ResultMissingError: there is no result, or it has expired.
            ResultGetError: it can't be read; its serializer is another one, perhaps.
            PostgresUnreachableError: the server can't be reached.
        """
        body = await self._stores.get().load(task_id)
        if body is None:
            raise ResultMissingError(task_id=task_id, place="PostgreSQL")
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
        store = self._stores.get()

        async def read() -> bytes | None:
            try:
                return await store.load(task_id)
            except PostgresUnreachableError:
                return None  # the waiter looks again when it is connected

        body = await store.waiter.wait(task_id, read)
        return self._coding.loads(body, with_logs=with_logs)

    async def set_progress(self, task_id: str, progress: TaskProgress[Any]) -> None:
        """Store the progress of a task, for as long as its result is kept."""
        body = progress.model_dump_json().encode()
        await self.database.fetch(SET_PROGRESS, task_id, self.result_ttl, body)

    async def get_progress(self, task_id: str) -> TaskProgress[Any] | None:
        """Return the progress of a task; None if it has not reported any."""
        body = await self.database.value(GET_PROGRESS, task_id)
        return None if body is None else TaskProgress[Any].model_validate_json(body)

    def _make_store(self) -> ResultStore:
        return ResultStore(
            self.database.connections, ttl=self.result_ttl, poll_interval=self.poll_interval
        )
