"""SQLiteResultBackend: results in a file, pushed to those who wait."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Self, TypeVar, Unpack

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.abc.serializer import TaskiqSerializer
from taskiq_core.brokers.result_coding import ResultCoding, fence_of
from taskiq_core.messages.progress import TaskProgress
from taskiq_core.messages.result import TaskiqResult
from taskiq_sqlite.database import Database, DatabaseSettings
from taskiq_sqlite.errors import ResultMissingError
from taskiq_sqlite.keeping import (
    CLEANED,
    StoredResult,
    are_ready,
    clean,
    get_progress,
    get_results,
    set_progress,
    set_results,
)
from taskiq_sqlite.location import read_switch, read_url
from taskiq_sqlite.watching import ResultWatch

_ReturnType = TypeVar("_ReturnType")

DAY: Final = 86_400.0
CLEAN_INTERVAL: Final = 60.0
"""Seconds between two looks for expired results, while results are stored."""
DATABASE_OPTIONS: Final[Mapping[str, Callable[[str], Any]]] = {
    "synchronous": str,
    "busy_timeout": float,
    "allow_network_file_system": read_switch,
}
"""Options of `Database` that a URL may have, and what reads their values."""
URL_OPTIONS: Final[Mapping[str, Callable[[str], Any]]] = {
    "result_ttl": float,
    "poll_interval": float,
    **DATABASE_OPTIONS,
}


class SQLiteResultBackend(AsyncResultBackend[_ReturnType]):
    """Keeps results in a file until they expire.

    The default of `SQLiteBroker`, in the broker's own file; make one to set its options, or to keep
    the results of another broker. Callers of `wait` are woken by whoever stores the result.

    Args:
        path: the file, or a `Database` to share.
        result_ttl: seconds that a result is kept, whether it was read or not; None for ever.
        serializer: for results; JSON by pydantic if there is none. Must be the same everywhere.
        poll_interval: seconds after which to look for results although nobody has said that there
            are any; matters where processes can't wake each other.
        options: of `Database`, where `path` is none.

    Raises:
        DatabaseFileError: the path is none of a file.
        ValueError: an option is out of range.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | Database = "taskiq.db",
        *,
        result_ttl: float | None = DAY,
        serializer: TaskiqSerializer | None = None,
        poll_interval: float = 1.0,
        **options: Unpack[DatabaseSettings],
    ) -> None:
        if result_ttl is not None and not result_ttl > 0:
            raise ValueError(f"result_ttl must be above 0, not {result_ttl}")
        if not poll_interval > 0:
            raise ValueError(f"poll_interval must be above 0, not {poll_interval}")
        self.result_ttl = result_ttl
        self.poll_interval = poll_interval
        self.database, self._is_owner = as_database(path, options)
        self._coding = ResultCoding(serializer)
        self._watch: ResultWatch | None = None
        self._cleaned_at = time.monotonic()

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """A backend for `sqlite:///tasks.db?result_ttl=3600`.

        `result_ttl`, `poll_interval` and the options of `Database` may be given.

        Raises:
            DatabaseFileError: the URL can't be understood.
        """
        path, found = read_url(url, URL_OPTIONS)
        return cls(path, **{**found, **options})

    async def startup(self) -> None:
        """Open the file; it would also be opened when it is first used.

        Raises:
            DatabaseError: it can't be used.
        """
        self.database.may_create &= self.may_create
        await self.database.open()

    async def shutdown(self) -> None:
        """Close the file, unless it is shared."""
        watch, self._watch = self._watch, None
        if watch is not None and watch.loop is asyncio.get_running_loop():
            await watch.stop()
        if self._is_owner:
            await self.database.close()

    async def set_result(self, task_id: str, result: TaskiqResult[_ReturnType]) -> None:
        """Store a result; one of an earlier delivery than that of the stored one is ignored.

        Raises:
            ValueError: the return value can't be serialized (also TypeError, by some serializers).
            DatabaseError: the file can't be used.
        """
        body = self._coding.dumps(result)
        stored = StoredResult(task_id, body, fence_of(result), self.result_ttl)
        await self.database.write(set_results, stored)
        if time.monotonic() - self._cleaned_at > CLEAN_INTERVAL:
            self._cleaned_at = time.monotonic()
            self.database.post(clean, CLEANED)

    async def is_result_ready(self, task_id: str) -> bool:
        """Whether there is a result that has not expired.

        Raises:
            DatabaseError: the file can't be used.
        """
        return await self.database.read(are_ready, task_id)

    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[_ReturnType]:
        """The result.

        Raises:
            ResultMissingError: there is none, or it has expired.
            ResultGetError: it can't be read; its serializer is another one, perhaps.
            DatabaseError: the file can't be used.
        """
        body = await self.database.read(get_results, task_id)
        if body is None:
            raise ResultMissingError(task_id=task_id, address=str(self.database.path))
        return self._coding.loads(body, with_logs=with_logs)

    async def wait(
        self,
        task_id: str,
        *,
        check_interval: float = 0.2,
        with_logs: bool = False,
    ) -> TaskiqResult[_ReturnType]:
        """The result, as soon as it is there; it is pushed, `check_interval` has no effect.

        Raises:
            ResultGetError: it can't be read.
            DatabaseError: the file can't be used.
        """
        del check_interval
        body = await self.database.read(get_results, task_id)
        while body is None:
            await self._own_watch().wait(task_id)
            body = await self.database.read(get_results, task_id)
        return self._coding.loads(body, with_logs=with_logs)

    async def set_progress(self, task_id: str, progress: TaskProgress[Any]) -> None:
        """Store how far a task has come; kept as long as results are."""
        body = progress.model_dump_json().encode()
        stored = StoredResult(task_id, body, None, self.result_ttl)
        await self.database.write(set_progress, stored)

    async def get_progress(self, task_id: str) -> TaskProgress[Any] | None:
        """How far a task has come; None if it has not said."""
        body = await self.database.read(get_progress, task_id)
        return None if body is None else TaskProgress[Any].model_validate_json(body)

    def _own_watch(self) -> ResultWatch:
        watch = self._watch
        if watch is None or watch.loop is not asyncio.get_running_loop():
            watch = self._watch = ResultWatch(self.database, self.poll_interval)
        return watch


def as_database(
    path: str | os.PathLike[str] | Database, options: DatabaseSettings
) -> tuple[Database, bool]:
    """The database of a path, and whether it was made here, so that it is to be closed here."""
    if not isinstance(path, Database):
        return Database(path, **options), True
    if options:
        names = ", ".join(options)
        raise ValueError(f"{names}: the Database that is shared has its options already")
    return path, False
