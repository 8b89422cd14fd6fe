"""Database: one file, shared by the broker, the result backend and the schedule source."""

import asyncio
import os
import threading
import weakref
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from typing import Any, Final, TypedDict, TypeVar

from taskiq_core.exceptions import TaskiqError
from taskiq_sqlite.storage.connection import DatabaseOptions, Synchronous
from taskiq_sqlite.storage.location import database_path
from taskiq_sqlite.storage.notify import LocalWakeups, Notifier, Wakeup
from taskiq_sqlite.storage.transaction import Operation, Topic, Transaction
from taskiq_sqlite.storage.writer import Job, Writer

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_of_parents: Final[list[Writer]] = []
"""Writers of processes that this one was forked from: never used, and never closed either.

Closing the connection here would end the write-ahead log that the parent still uses.
"""


class DatabaseSettings(TypedDict, total=False):
    """The options of `Database`."""

    synchronous: Synchronous
    busy_timeout: float
    allow_network_file_system: bool


class Database:
    """A database file and the thread that uses it; parts that are given it share both.

    Opened when it is first used, and again if it is used after `close`. May be used from several
    event loops and threads. A forked process gets its own connection.

    Args:
        path: the file; it is created if it does not exist, its folder is not.
        synchronous: "normal" loses nothing when processes are killed, and the last moments
            when the machine loses power; "full" does not lose those either, and waits for the disk.
        busy_timeout: seconds to wait while another process has the file locked.
        allow_network_file_system: use it even where several machines could damage it.

    Raises:
        DatabaseFileError: `path` does not name a file.
        ValueError: an option is out of range.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        synchronous: Synchronous = "normal",
        busy_timeout: float = 30.0,
        allow_network_file_system: bool = False,
    ) -> None:
        if synchronous not in ("normal", "full"):
            raise ValueError(f'synchronous is "normal" or "full", not {synchronous!r}')
        if not busy_timeout >= 0:  # also true for NaN
            raise ValueError(f"busy_timeout must be at least 0, not {busy_timeout}")
        self.path = database_path(path)
        self._options = DatabaseOptions(
            path=self.path,
            synchronous=synchronous,
            busy_timeout=busy_timeout,
            allow_network=allow_network_file_system,
        )
        self.may_create = True
        self._wakeups = LocalWakeups(self.path)
        self._lock = threading.Lock()
        self._writer: Writer | None = None
        self._stop_at_end: weakref.finalize[[], Database] | None = None

    async def open(self) -> None:
        """Open the file now, so that its errors are raised here.

        Raises:
            DatabaseError: it can't be used.
        """
        await self.read(_nothing, None)

    async def close(self) -> None:
        """Finish what waits and close the file; does nothing if it is not open."""
        with self._lock:
            writer, self._writer = self._writer, None
            if self._stop_at_end is not None:
                self._stop_at_end.detach()
        if writer is None or writer.pid != os.getpid():
            if writer is not None:
                _of_parents.append(writer)
            return
        writer.stop()
        # Not cancelled half-way: the thread ends by itself in any case.
        await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, writer.join))

    async def read(self, operation: Operation[_Item, _Result], item: _Item) -> _Result:
        """Do an operation that changes nothing, in one transaction with all that wait.

        Raises:
            DatabaseError: the file can't be used.
        """
        return await self._do(operation, item, is_write=False, undo=None)

    async def write(
        self,
        operation: Operation[_Item, _Result],
        item: _Item,
        *,
        undo: Operation[_Result, Any] | None = None,
    ) -> _Result:
        """Do an operation, in one transaction with all that wait, and wait until it is committed.

        Args:
            operation: what to do.
            item: the argument of the operation.
            undo: done with the result if the caller was cancelled before it came.

        Raises:
            DatabaseError: the file can't be used.
        """
        return await self._do(operation, item, is_write=True, undo=undo)

    def submit(self, operation: Operation[_Item, _Result], item: _Item) -> Awaitable[_Result]:
        """Do an operation as `write` does, also if the caller is cancelled before its turn."""
        future: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        self._put(Job(operation, item, is_write=True, future=future, is_kept=True))
        return future

    def post(self, operation: Operation[_Item, Any], item: _Item) -> None:
        """Do an operation soon, and before `close` returns; for callers who can't wait."""
        self._put(Job(operation, item, is_write=True))

    def wakeup(self, topic: Topic) -> Wakeup:
        """Return a context manager that waits for changes."""
        return self._wakeups.wakeup(topic)

    async def _do(
        self,
        operation: Operation[_Item, _Result],
        item: _Item,
        *,
        is_write: bool,
        undo: Operation[_Result, Any] | None,
    ) -> _Result:
        future: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        self._put(Job(operation, item, is_write=is_write, future=future, undo=undo))
        try:
            return await future
        except asyncio.CancelledError:
            # The outcome was there, and the cancellation came before the caller could take it. If
            # it was not there yet, the future is cancelled, and the writer undoes it.
            came = future.done() and not future.cancelled() and future.exception() is None
            if came and undo is not None:
                self.post(undo, future.result())
            raise

    def _put(self, job: Job) -> None:
        with self._lock:
            if self._writer is None or self._writer.pid != os.getpid():
                if self._writer is not None:
                    _of_parents.append(self._writer)
                    self._wakeups = LocalWakeups(self.path)
                options = replace(self._options, may_create=self.may_create)
                self._writer = Writer(options, Notifier(self.path, self._wakeups))
                # A program that never closes us leaves no thread behind.
                self._stop_at_end = weakref.finalize(self, self._writer.stop)
            # Inside the lock: after `close` has taken the writer, nothing more may come to it.
            self._writer.put(job)


def _nothing(transaction: Transaction, items: Sequence[None]) -> list[TaskiqError | None]:
    return [transaction.value("SELECT NULL") for _ in items]


def as_database(
    path: str | os.PathLike[str] | Database, options: DatabaseSettings
) -> tuple[Database, bool]:
    """Return the database of a path, and whether it was made here and is to be closed here.

    Raises:
        ValueError: there are options for a database that has its own.
        DatabaseFileError: `path` does not name a file.
    """
    if not isinstance(path, Database):
        return Database(path, **options), True
    if options:
        names = ", ".join(options)
        raise ValueError(f"{names}: the Database that is shared has its options already")
    return path, False
