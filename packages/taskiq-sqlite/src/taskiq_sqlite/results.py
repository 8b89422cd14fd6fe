"""SQLiteResultBackend: results in a file, pushed to waiting callers."""

import asyncio
import os
import time
from typing import Any, Final, Self, TypeVar, Unpack

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.abc.serializer import TaskiqSerializer
from taskiq_core.brokers.result_coding import ResultCoding, fence_of
from taskiq_core.messages.progress import TaskProgress
from taskiq_core.messages.result import TaskiqResult
from taskiq_sqlite.errors import ResultMissingError
from taskiq_sqlite.options import DAY, DEFAULT_PATH, RESULTS_URL, read_url, require_positive
from taskiq_sqlite.result_waiter import ResultWaiter
from taskiq_sqlite.storage.database import Database, DatabaseSettings, as_database
from taskiq_sqlite.storage.maintenance import CLEANED, delete_expired
from taskiq_sqlite.storage.result_rows import (
    StoredResult,
    are_ready,
    get_progress,
    get_results,
    set_progress,
    set_results,
)

_ReturnType = TypeVar("_ReturnType")

CLEAN_INTERVAL: Final = 60.0
"""Seconds after which expired results are deleted, while results are stored."""


class SQLiteResultBackend(AsyncResultBackend[_ReturnType]):
    """Keeps results in a file until they expire.

    The default of `SQLiteBroker`, in the broker's own file; make one to set its options, or to keep
    the results of another broker. The process that stores a result wakes the callers of `wait`.

    Args:
        path: the file, or a `Database` to share.
        result_ttl: seconds that a result is kept, read or not; None for ever.
        serializer: for results, the same in all processes; JSON by pydantic by default.
        poll_interval: seconds after which to look for results although no notification came;
            matters where processes can't notify each other.
        options: of `Database`, where `path` is not one.

    Raises:
        DatabaseFileError: `path` does not name a file.
        ValueError: an option is out of range.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | Database = DEFAULT_PATH,
        *,
        result_ttl: float | None = DAY,
        serializer: TaskiqSerializer | None = None,
        poll_interval: float = 1.0,
        **options: Unpack[DatabaseSettings],
    ) -> None:
        require_positive(
            "SQLiteResultBackend", {"result_ttl": result_ttl, "poll_interval": poll_interval}
        )
        self.result_ttl = result_ttl
        self.poll_interval = poll_interval
        self.database, self._is_owner = as_database(path, options)
        self._coding = ResultCoding(serializer)
        self._waiter: ResultWaiter | None = None
        self._cleaned_at = time.monotonic()

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """Return a backend for `sqlite:///tasks.db?result_ttl=3600`.

        The URL may have `result_ttl`, `poll_interval` and the options of `Database`.

        Raises:
            DatabaseFileError: the URL can't be read.
        """
        path, found = read_url(url, RESULTS_URL)
        return cls(path, **{**found, **options})

    async def startup(self) -> None:
        """Open the file, which the first call would do otherwise.

        Raises:
            DatabaseError: it can't be used.
        """
        self.database.may_create &= self.may_create
        await self.database.open()

    async def shutdown(self) -> None:
        """Close the file, unless it is shared."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None and waiter.loop is asyncio.get_running_loop():
            await waiter.stop()
        if self._is_owner:
            await self.database.close()

    async def set_result(self, task_id: str, result: TaskiqResult[_ReturnType]) -> None:
        """Store a result; ignore one of an earlier delivery than that of the stored one.

        Raises:
            ValueError: the return value can't be serialized (also TypeError, by some serializers).
            DatabaseError: the file can't be used.
        """
        body = self._coding.dumps(result)
        stored = StoredResult(task_id, body, fence_of(result), self.result_ttl)
        await self.database.write(set_results, stored)
        if time.monotonic() - self._cleaned_at > CLEAN_INTERVAL:
            self._cleaned_at = time.monotonic()
            self.database.post(delete_expired, CLEANED)

    async def is_result_ready(self, task_id: str) -> bool:
        """Return whether the task has a result that has not expired.

        Raises:
            DatabaseError: the file can't be used.
        """
        return await self.database.read(are_ready, task_id)

    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[_ReturnType]:
        """Return the result of a task.

        Raises:
            ResultMissingError: the task has no result, or it has expired.
            ResultGetError: the result can't be read; perhaps another serializer wrote it.
            DatabaseError: the file can't be used.
        """
        body = await self.database.read(get_results, task_id)
        if body is None:
            raise ResultMissingError(task_id=task_id, place=str(self.database.path))
        return self._coding.loads(body, with_logs=with_logs)

    async def wait(
        self,
        task_id: str,
        *,
        check_interval: float = 0.2,
        with_logs: bool = False,
    ) -> TaskiqResult[_ReturnType]:
        """Return the result as soon as it is stored; `check_interval` has no effect.

        Raises:
            ResultGetError: the result can't be read.
            DatabaseError: the file can't be used.
        """
        del check_interval
        body = await self.database.read(get_results, task_id)
        while body is None:
            await self._own_waiter().wait(task_id)
            body = await self.database.read(get_results, task_id)
        return self._coding.loads(body, with_logs=with_logs)

    async def set_progress(self, task_id: str, progress: TaskProgress[Any]) -> None:
        """Store the progress of a task, for as long as its result is kept."""
        body = progress.model_dump_json().encode()
        stored = StoredResult(task_id, body, None, self.result_ttl)
        await self.database.write(set_progress, stored)

    async def get_progress(self, task_id: str) -> TaskProgress[Any] | None:
        """Return the progress of a task; None if it has not reported any."""
        body = await self.database.read(get_progress, task_id)
        return None if body is None else TaskProgress[Any].model_validate_json(body)

    def _own_waiter(self) -> ResultWaiter:
        waiter = self._waiter
        if waiter is None or waiter.loop is not asyncio.get_running_loop():
            waiter = self._waiter = ResultWaiter(self.database, self.poll_interval)
        return waiter
